"""Connections as clients see them: answers in order, drops noticed, nobody harmed by anybody."""

from __future__ import annotations

import errno
import gc
import logging
import os
import resource
import signal
import socket
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
import trio

from cometary.errors import ProtocolError
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.http.protocol import Http
from cometary.transport.http.request_parser import RequestParser
from cometary.transport.http.service import Service
from cometary.transport.net.channel import Channel
from cometary.transport.net.poller import EpollPoller, Poller, SelectorPoller
from cometary.transport.net.switchboard import BATCH, LITTLE, PARSED, READ, Listen, Switchboard
from tests.transport.wire import Client, Holder, Server, echo, get, post, serving

POLLERS = [SelectorPoller, EpollPoller]


@pytest.fixture(params=POLLERS)
def new_poller(request: pytest.FixtureRequest) -> Callable[[], Poller]:
    poller: Callable[[], Poller] = request.param
    return poller


async def test_one_connection_serves_many_requests(new_poller: Callable[[], Poller]) -> None:
    async with serving(echo, new_poller=new_poller) as server:
        client = await server.connect()
        for body in (b"", b"one", b"x" * 100_000):
            assert (await client.ask(post(body))).body == body
        assert server.switchboard.open_connections == 1


async def test_a_head_that_came_before_means_nothing_else_in_pieces_or_beside_others() -> None:
    same = post(b"same")
    async with serving(echo) as server:
        client = await server.connect()
        for _ in range(3):
            assert (await client.ask(same)).body == b"same"
        await client.send(same[:-1])
        await trio.testing.wait_all_tasks_blocked()
        await client.send(same[-1:] + same + post(b"longer") + same[:-4])
        await trio.testing.wait_all_tasks_blocked()
        await client.send(b"last")
        bodies = [(await client.response()).body for _ in range(4)]
        assert bodies == [b"same", b"same", b"longer", b"last"]


async def test_many_connections_are_served_at_once() -> None:
    async with serving(echo) as server:
        clients = [await server.connect() for _ in range(300)]
        for number, client in enumerate(clients):
            await client.send(post(b"%d" % number))
        assert [(await client.response()).body for client in clients] == [b"%d" % n for n in range(300)]


async def test_a_request_may_come_a_byte_at_a_time_beside_others() -> None:
    async with serving(echo) as server:
        slow, fast = await server.connect(), await server.connect()
        request = post(b"slow")
        for place in range(len(request)):
            await slow.send(request[place : place + 1])
            assert (await fast.ask(post(b"fast"))).body == b"fast"
        assert (await slow.response()).body == b"slow"


async def test_a_held_request_is_answered_later_by_whoever_holds_it() -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"{}"))
        await server.settle()
        holder.held[0].respond(200, b"now")
        assert (await client.response()).body == b"now"
        assert holder.held[0].peer == "127.0.0.1"


async def test_answers_go_out_in_the_order_of_the_requests(new_poller: Callable[[], Poller]) -> None:
    holder = Holder()
    async with serving(holder, new_poller=new_poller) as server:
        client = await server.connect()
        await client.send(post(b"1") + post(b"2") + post(b"3"))
        await server.settle()
        for place in (2, 0, 1):
            holder.held[place].respond(200, holder.held[place].body)
        assert [(await client.response()).body for _ in range(3)] == [b"1", b"2", b"3"]


async def test_only_so_many_unanswered_requests_are_taken_from_a_connection(
    new_poller: Callable[[], Poller],
) -> None:
    holder = Holder()
    async with serving(holder, limits=Limits(unanswered=2), new_poller=new_poller) as server:
        client = await server.connect()
        for number in range(7):
            await client.send(post(b"%d" % number))
        await server.settle()
        for number in range(7):
            assert len(holder.held) == min(number + 2, 7)
            holder.held[number].respond(200, holder.held[number].body)
            assert (await client.response()).body == b"%d" % number
            await server.settle()


async def test_nothing_wakes_it_once_the_requests_that_were_put_aside_are_served() -> None:
    holder = Holder()
    served: list[list[tuple[int, int]]] = []

    class Watched(EpollPoller):
        def poll(self, limit: int) -> list[tuple[int, int]]:
            served.append(super().poll(limit))
            return served[-1]

    async with serving(holder, limits=Limits(unanswered=2), new_poller=Watched) as server:
        client = await server.connect()
        await client.send(b"".join(post(b"%d" % number) for number in range(3)))
        await server.settle()
        for exchange in holder.held[:2]:
            exchange.respond(200)
        for _ in range(2):
            await client.response()
        while len(holder.held) < 3:
            await trio.lowlevel.checkpoint()
        served.clear()
        for _ in range(50):
            await trio.lowlevel.checkpoint()
        assert len(served) <= 1


async def test_a_great_many_requests_in_one_piece_are_all_answered(new_poller: Callable[[], Poller]) -> None:
    async with serving(echo, new_poller=new_poller) as server:
        client = await server.connect()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, b"".join(post(b"%d" % number) for number in range(3000)))
            for number in range(3000):
                assert (await client.response()).body == b"%d" % number


async def leave_by_closing(client: Client) -> None:
    await client.stream.aclose()


async def leave_by_resetting(client: Client) -> None:
    client.reset()


async def leave_by_half_closing(client: Client) -> None:
    client.half_close()


LEAVE = [leave_by_closing, leave_by_resetting, leave_by_half_closing]


@pytest.mark.parametrize("leave", LEAVE)
@pytest.mark.parametrize("requests", [1, 2, 3])
async def test_a_dropped_connection_is_noticed_at_once(
    leave: Callable[[Client], object], requests: int, new_poller: Callable[[], Poller]
) -> None:
    holder = Holder()
    async with serving(holder, new_poller=new_poller) as server:
        client = await server.connect()
        await client.send(post() * requests)
        await server.settle()
        await leave(client)  # type: ignore[misc]
        await server.settle()
        assert holder.dropped == holder.held
        assert len(holder.dropped) == requests
        assert server.switchboard.open_connections == 0
        holder.held[0].respond(200)  # too late, and no error


@pytest.mark.parametrize("leave", LEAVE)
async def test_a_drop_behind_too_many_requests_is_noticed_too(leave: Callable[[Client], object]) -> None:
    holder = Holder()
    async with serving(holder, limits=Limits(unanswered=1), new_poller=EpollPoller) as server:
        client = await server.connect()
        await client.send(post() * 3)
        await server.settle()
        await leave(client)  # type: ignore[misc]
        await server.settle()
        assert len(holder.dropped) == 1


async def test_a_drop_in_the_middle_of_a_request_leaves_nothing() -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"{}")[:-1])
        await server.settle()
        await client.stream.aclose()
        await server.settle()
        assert holder.held == []
        assert server.switchboard.open_connections == 0


async def test_an_answered_request_cannot_be_dropped() -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        holder.held[0].respond(200)
        await client.stream.aclose()
        await server.settle()
        assert holder.dropped == []


async def test_a_large_answer_goes_on_when_the_client_reads(new_poller: Callable[[], Poller]) -> None:
    async with serving(
        lambda exchange: exchange.respond(200, b"x" * 10_000_000), new_poller=new_poller
    ) as server:
        client = await server.connect()
        await client.send(post() * 2)
        await server.settle()
        for _ in range(2):
            assert len((await client.response()).body) == 10_000_000
        assert (await client.ask(get())).status == 200


async def test_connection_close_is_obeyed_and_said() -> None:
    async with serving(echo) as server:
        client = await server.connect()
        response = await client.ask(post(b"last", b"Connection: close"))
        assert (response.body, response.headers["connection"]) == (b"last", "close")
        assert await client.closed()


async def test_http_1_0_gets_one_answer() -> None:
    async with serving(echo) as server:
        client = await server.connect()
        response = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await client.closed()


async def test_a_held_last_request_is_still_watched_for_a_drop() -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\nmore than was asked for")
        await server.settle()
        await client.send(b"and more")
        await server.settle()
        assert len(holder.held) == 1
        await client.stream.aclose()
        await server.settle()
        assert holder.dropped == holder.held


async def test_a_client_that_waits_for_a_word_before_the_body_gets_it() -> None:
    async with serving(echo) as server:
        client = await server.connect()
        request = post(b"body", b"Expect: 100-continue")
        assert (await client.ask(request[:-4])).status == 100
        assert (await client.ask(request[-4:])).body == b"body"


async def test_an_endpoint_that_raises_costs_one_error(caplog: pytest.LogCaptureFixture) -> None:
    def fail(exchange: Exchange) -> None:
        if exchange.body == b"fail":
            raise ZeroDivisionError
        if exchange.body == b"forbidden":
            raise ProtocolError("forbidden", "No.")
        exchange.respond(200)
        if exchange.body == b"fail afterwards":
            raise ZeroDivisionError

    async with serving(fail) as server:
        client = await server.connect()
        with caplog.at_level(logging.ERROR, "cometary.transport"):
            response = await client.ask(post(b"fail"))
        assert response.status == 500
        assert b'"internal-error"' in response.body
        assert "ZeroDivisionError" in caplog.text
        assert b"ZeroDivision" not in response.body
        assert (await client.ask(post(b"fail afterwards"))).status == 200
        assert (await client.ask(post(b"forbidden"))).status == 403
        assert (await client.ask(post())).status == 200


async def test_a_bug_of_the_front_end_costs_one_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(echo) as server:
        client, other = await server.connect(), await server.connect()
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "cometary.transport"):
            patch.setattr("cometary.transport.http.request_parser.check_framing", None)
            await client.send(post(b"unlucky"))
            assert await client.closed()
        assert "TypeError" in caplog.text
        assert (await other.ask(post(b"lucky"))).body == b"lucky"


async def test_a_refused_request_can_be_read_about_although_more_of_it_comes() -> None:
    async with serving(echo) as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(20):
            await client.send(b"x" * 50_000)
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (413, "close")
        client.half_close()
        assert await client.closed()


async def test_a_malformed_request_waits_its_turn() -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"good") + b"bad\r\n\r\n")
        await server.settle()
        holder.held[0].respond(200, b"good")
        assert (await client.response()).status == 200
        assert (await client.response()).status == 400
        assert await client.closed()


async def test_beyond_the_limit_connections_wait_for_one_to_close() -> None:
    async with serving(echo, connections=2) as server:
        clients = [await server.connect() for _ in range(3)]
        for client in clients:
            await client.send(post(b"me"))
        await server.settle()
        assert server.switchboard.open_connections == 2
        assert (await clients[0].response()).body == b"me"
        await clients[0].stream.aclose()
        assert (await clients[2].response()).body == b"me"


@contextmanager
def no_descriptors_left() -> Generator[None, None, None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_it_pauses_and_goes_on_later(
    mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(echo) as server:
        old = await server.connect()
        assert (await old.ask(post(b"old"))).body == b"old"
        new = trio.socket.socket()
        with no_descriptors_left(), caplog.at_level(logging.WARNING, "cometary.transport"):
            await new.connect(server.address)
            await server.settle()
            assert os.strerror(errno.EMFILE) in caplog.text
            assert (await old.ask(post(b"old"))).body == b"old"
        client = Client(trio.SocketStream(new))
        await client.send(post(b"new"))
        await server.settle()
        mock_clock.jump(2)
        assert (await client.response()).body == b"new"
        await client.stream.aclose()


async def test_other_tasks_run_while_a_client_keeps_it_busy() -> None:
    async with serving(echo) as server:
        client = await server.connect()

        async def flood() -> None:
            while True:
                await client.send(post(b"x"))

        async def read() -> None:
            while True:
                await client.response()

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(flood)
                nursery.start_soon(read)
                for _ in range(200):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
        assert nursery.cancel_scope.cancelled_caught


async def test_parsers_are_freed_or_used_again_without_the_garbage_collector() -> None:
    async with serving(echo) as server:
        gc.collect()
        gc.disable()
        before = count_parsers()
        try:
            for _ in range(100):
                client = await server.connect()
                request = post(b"body")
                await client.send(request[:-1])
                await server.settle()
                assert (await client.ask(request[-1:])).body == b"body"
                assert (await client.ask(b"malformed\r\n\r\n")).status == 400
                await client.stream.aclose()
                half = await server.connect()
                await half.send(request[:-1])
                await server.settle()
                await half.stream.aclose()
            await server.settle()
            assert count_parsers() < before + 5
        finally:
            gc.enable()


def count_parsers() -> int:
    """Return how many there are in this process: other tests' servers have some, too."""
    return sum(isinstance(thing, RequestParser) for thing in gc.get_objects())


async def test_a_parked_connection_is_small() -> None:
    held: list[Exchange] = []

    def hold(exchange: Exchange) -> None:
        exchange.release_request()
        held.append(exchange)

    async with serving(hold) as server:
        clients = [socket.socket() for _ in range(500)]
        tracemalloc.start()
        try:
            for client in clients:
                client.connect(server.address)
                client.sendall(post(b"{}", *(b"X-%d: %d" % (number, number) for number in range(12))))
                await trio.lowlevel.checkpoint()
            await server.settle()
            assert len(held) == 500
            assert tracemalloc.get_traced_memory()[0] < 1500 * 500
        finally:
            tracemalloc.stop()
            for client in clients:
                client.close()


async def stop(server: Server, grace: float) -> None:
    await server.switchboard.aclose(grace)
    assert server.switchboard.open_connections == 0


async def test_stopping_closes_idle_connections_and_refuses_new_ones() -> None:
    async with serving(echo) as server:
        client = await server.connect()
        await client.ask(post())
        await stop(server, grace=10)
        assert await client.closed()
        with pytest.raises(OSError, match="connect"):
            await server.connect()


async def test_stopping_lets_answers_go_out(autojump_clock: trio.testing.MockClock) -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post() * 2)
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop, server, 10)
            await trio.testing.wait_all_tasks_blocked()
            for exchange in holder.held:
                exchange.respond(200, b"good bye")
            first, last = await client.response(), await client.response()
            assert (first.body, last.body) == (b"good bye", b"good bye")
            assert "connection" not in first.headers
            assert last.headers["connection"] == "close"
            await client.stream.aclose()
        assert trio.current_time() < 10


async def test_stopping_lets_the_rest_of_an_answer_go_out_that_its_reader_is_slow_to_take() -> None:
    large = b"x" * 20_000_000

    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        holder.held[0].respond(200, large)  # more than the kernel takes: the connection waits to write
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop, server, 60)
            await trio.testing.wait_all_tasks_blocked()
            assert (await client.response()).body == large
            await client.stream.aclose()


async def test_stopping_drops_what_is_not_answered_in_time(autojump_clock: trio.testing.MockClock) -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        start = trio.current_time()
        await stop(server, grace=5)
        assert trio.current_time() - start == pytest.approx(5)
        assert holder.dropped == holder.held
        assert await client.closed()


async def test_cancelling_it_closes_everything() -> None:
    holder = Holder()
    switchboard = Switchboard([Listen(Http(Service(holder)))])
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(switchboard.serve)
        client = Client(await trio.open_tcp_stream(*address))
        await client.send(post())
        await trio.testing.wait_all_tasks_blocked(0.005)
        nursery.cancel_scope.cancel()
    assert holder.dropped == holder.held
    assert switchboard.open_connections == 0
    assert await client.closed()
    await client.stream.aclose()


async def test_two_listeners_serve_two_things() -> None:
    def public(exchange: Exchange) -> None:
        exchange.respond(200, b"public")

    def control(exchange: Exchange) -> None:
        exchange.respond(200, b"control")

    switchboard = Switchboard([Listen(Http(Service(public))), Listen(Http(Service(control)))])
    async with trio.open_nursery() as nursery:
        addresses: list[tuple[str, int]] = await nursery.start(switchboard.serve)
        for address, body in zip(addresses, (b"public", b"control"), strict=True):
            client = Client(await trio.open_tcp_stream(*address))
            assert (await client.ask(get())).body == body
            await client.stream.aclose()
        await switchboard.aclose(0)


async def test_an_address_that_is_taken_is_an_error_at_once() -> None:
    async with serving(echo) as server:
        other = Switchboard([Listen(Http(Service(echo)), *server.address)])
        with pytest.raises(OSError, match="in use"):
            await other.serve()


async def test_a_name_is_listened_at_at_one_port_whatever_its_addresses() -> None:
    switchboard = Switchboard(
        [Listen(Http(Service(echo)), "localhost"), Listen(Http(Service(echo)), "localhost")]
    )
    async with trio.open_nursery() as nursery:
        addresses: list[tuple[str, int]] = await nursery.start(switchboard.serve)
        assert len(addresses) == 2
        for _, port in addresses:
            client = Client(await trio.open_tcp_stream("localhost", port))
            assert (await client.ask(post(b"hello"))).body == b"hello"
            await client.stream.aclose()
        await switchboard.aclose(0)


async def test_an_address_of_another_machine_is_an_error_at_once() -> None:
    switchboard = Switchboard([Listen(Http(Service(echo)), "192.0.2.1")])
    with pytest.raises(OSError, match="assign"):
        await switchboard.serve()


async def test_after_much_was_parsed_in_a_turn_the_rest_reads_little(nursery: trio.Nursery) -> None:
    board = Switchboard([])
    assert board.read_bytes == READ
    board.count_parsed(PARSED - 1)
    assert board.read_bytes == READ
    board.count_parsed(1)
    assert board.read_bytes == LITTLE
    board._serve_ready()  # the next turn
    assert board.read_bytes == READ
    board.count_parsed(PARSED - 1)
    assert board.read_bytes == READ
    board.poller.close()


async def test_what_came_from_very_many_while_nothing_ran_is_caught_up_with_altogether() -> None:
    holder = Holder()
    async with serving(holder) as server:
        clients = [await server.connect() for _ in range(2 * BATCH + 1)]
        await server.settle()
        for client in clients:
            client.stream.socket._sock.send(post())  # type: ignore[attr-defined]  # at once: no other task runs
        pressed = [server.switchboard.pressed]
        done = server.switchboard.catch_up()
        while not done():
            await trio.lowlevel.checkpoint()
            pressed.append(server.switchboard.pressed)
        assert (pressed[0], any(pressed), pressed[-1]) == (False, True, False)
        assert len(holder.held) == len(clients)


def leave(*_: object) -> None:
    raise SystemExit


class Leaving(Channel):
    """One whose steps are interrupted by a signal."""

    def start(self) -> None:
        """Begin."""

    def readable(self, bits: int) -> None:
        signal.raise_signal(signal.SIGUSR1)

    def writable(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.sock.close()


@pytest.fixture
def leaving() -> Generator[None]:
    """There is a handler of a signal that ends the program."""
    before = signal.signal(signal.SIGUSR1, leave)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("leaving")
def test_an_exit_that_a_signal_has_asked_for_is_no_failure_of_a_connection() -> None:
    board = Switchboard([])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        board.add(Leaving(theirs))
        ours.send(b"x")
        with pytest.raises(SystemExit):
            board._serve_ready()
        board.keeps(theirs.fileno())
        with pytest.raises(SystemExit):
            board._serve_again()
        assert board.open_connections == 1
    board.poller.close()


@pytest.mark.parametrize(
    ("descriptors", "why"),
    [(-1, "all that there may be"), (100_000, "all that there may be"), (40, "all that 40 open files allow")],
)
def test_the_log_says_what_there_is_no_more_room_for(
    descriptors: int, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    board = Switchboard([], connections=1_000, descriptors=descriptors)
    assert (board.pressed, board.in_turn) == (False, False)
    board.note_full()
    [record] = caplog.records
    assert f"there are 0 connections, {why}" in record.getMessage()
    board.poller.close()


def test_it_is_full_when_there_are_as_many_as_strangers_may_have() -> None:
    board = Switchboard([], connections=3)
    most = board._shares.public
    pairs = [socket.socketpair() for _ in range(most)]
    for number, (ours, theirs) in enumerate(pairs):
        assert board.full is (number >= most)
        board.add(Leaving(ours))
        theirs.close()
    assert board.full
    board._close_all()
    for ours, _ in pairs:
        ours.close()
    board.poller.close()


async def test_what_watches_the_sockets_is_given_back_at_the_end(nursery: trio.Nursery) -> None:
    board = Switchboard([])
    assert isinstance(board.poller, EpollPoller)
    nursery.start_soon(board.serve)
    await trio.testing.wait_all_tasks_blocked()
    assert not board.draining
    assert not board.closing
    await board.aclose(0)
    assert board.draining
    assert board.closing
    await trio.testing.wait_all_tasks_blocked()
    assert board.poller._epoll.closed


class Hearing(Leaving):
    """Notes what it reads."""

    def __init__(self, sock: socket.socket, hear: Callable[[bytes], None]) -> None:
        super().__init__(sock)
        self._hear = hear

    def readable(self, bits: int) -> None:
        self._hear(self.sock.recv(100))


async def test_of_a_channel_that_is_served_no_longer_nothing_is_kept() -> None:
    """Not even where another process has its socket too, so that this is not closed."""
    board = Switchboard([])
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.dup():
        for replaced in (False, True):
            channel = Leaving(ours)
            board.add(channel)
            board.idle_queue(75).add(channel, 0)
            board.keeps(ours.fileno())
            theirs.send(b"x")
            if replaced:
                board.replace(channel, Leaving(ours))
            else:
                board.forget(channel)
                assert not board.poller.poll(10)
                assert not board._keeping
                assert not board._again
            assert len(board.idle_queue(75)) == 0
    board.poller.close()


async def test_whoever_wants_to_know_is_told_when_a_turn_begins_and_ends(nursery: trio.Nursery) -> None:
    seen: list[tuple[object, bool, int]] = []

    def note(what: object) -> None:
        seen.append((what, board.in_turn, board.turn))  # pyright: ignore[reportUnknownMemberType] - of `Floor`

    board = Switchboard([], begin_turn=lambda: note("begin"))
    board.end_turn = lambda: note("end")
    nursery.start_soon(board.serve)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        board.add(Hearing(ours, note))
        for turn in (1, 2):
            theirs.send(b"%d" % turn)
            await trio.testing.wait_all_tasks_blocked()
            assert seen == [("begin", True, turn), (b"%d" % turn, True, turn), ("end", False, turn)]
            seen.clear()
        board.forget(board._channels[ours.fileno()])
    nursery.cancel_scope.cancel()
