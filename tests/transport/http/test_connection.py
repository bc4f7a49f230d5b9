"""What one connection reads, keeps and lets go of: nothing is misread, nothing stays, nobody waits for what is over."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.transport.http.connection import Connection
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.http.protocol import Http
from cometary.transport.http.reading import FEW
from cometary.transport.http.service import Service
from cometary.transport.net.channel import Channel, Floor
from cometary.transport.net.poller import READABLE, SelectorPoller
from cometary.transport.net.socket_calls import IN_C
from cometary.transport.net.switchboard import LITTLE, PARSED, READ, Listen, Switchboard
from tests.transport.http.test_pipelines import split, what_is_there
from tests.transport.http.test_upgrade import SWITCHING, WISH, Shouter, Upgrader, receive
from tests.transport.wire import Client, Holder, Server, echo, get, post, serving

EXPECTING = post(b"body", b"Expect: 100-continue")[:-4]


def connection_of(server: Server) -> Connection:
    """The server's end of the only connection."""
    (channel,) = server.switchboard._channels.values()
    assert isinstance(channel, Connection)
    return channel


def send_now(client: Client, data: bytes) -> None:
    """Send without letting the server run."""
    sock: Any = client.stream.socket
    assert sock._sock.send(data) == len(data)


def ticks(server: Server) -> bool:
    """Whether any connection, open or not, is still waited for."""
    return bool(server.switchboard.deadlines)


# -- what is read -----------------------------------------------------------------------------------------------------


async def test_requests_of_the_same_length_are_told_apart_whatever_came_before() -> None:
    paths: list[str] = []

    def note(exchange: Exchange) -> None:
        paths.append(exchange.path)
        exchange.respond(200)

    async with serving(note) as server:
        client = await server.connect()
        for path in (b"/a", b"/b") * 4:
            await client.ask(post(b"same", path=path))
    assert paths == ["/a", "/b"] * 4


@pytest.mark.parametrize("length", [FEW - 1, FEW, FEW + 1, 2 * FEW])
async def test_a_request_longer_than_the_one_before_is_read_whole(length: int) -> None:
    async with serving(echo) as server:
        client = await server.connect()
        for _ in range(2):
            assert (await client.ask(post(b"short"))).body == b"short"
        body = b"x" * (length - len(post(b"x" * 100)) + 100)
        request = post(body)
        assert len(request) == length
        assert (await client.ask(request)).body == body
        await client.send(request + request)
        assert [(await client.response()).body for _ in range(2)] == [body, body]


@pytest.mark.parametrize(
    ("before", "most", "sizes"),
    [
        (FEW - 1, 2_000, [FEW, 2_000 - FEW]),
        (FEW - 1, FEW + 1, [FEW, 1]),
        (FEW - 1, FEW, [FEW]),
        (FEW - 1, 100, [100]),
        (FEW, 2_000, [2_000]),
    ],
)
async def test_where_the_last_request_was_short_as_much_as_that_is_read_first(
    before: int, most: int, sizes: list[int]
) -> None:
    async with recording(Limits()) as (server, read):
        client = await server.connect()
        for _ in range(2):
            await client.ask(post(b"x" * (before - len(post(b"x" * 100)) + 100)))
        send_now(client, post(b"x" * 5_000))
        read.clear()
        server.switchboard.read_bytes = most
        connection_of(server).readable(READABLE)
        assert read == ([most] if IN_C else sizes)  # C takes no more memory than has come


async def test_no_more_is_looked_for_where_a_short_one_has_come() -> None:
    async with recording(Limits()) as (server, read):
        client = await server.connect()
        for _ in range(3):
            read.clear()
            await client.ask(post(b"short"))
        assert read == [READ if IN_C else FEW]


async def test_a_body_that_looks_like_a_request_that_was_seen_before_is_a_body() -> None:
    seen = post(b"seen")
    async with serving(echo) as server:
        client = await server.connect()
        for _ in range(3):
            await client.ask(seen)
        await client.send(post(seen)[: -len(seen)])
        await server.settle()
        assert (await client.ask(seen)).body == seen


async def test_a_head_is_remembered_of_a_request_that_came_in_one_piece_and_alone() -> None:
    http: list[Http] = []

    def note(made: Http) -> Http:
        http.append(made)
        return made

    async with serving(echo, around=note) as server:
        heads, client = http[0].heads, await server.connect()
        await client.send(post(b"one") + post(b"two"))
        for _ in range(2):
            await client.response()
        await client.send(post(b"parts")[:-1])
        await server.settle()
        await client.ask(post(b"parts")[-1:])
        await client.send(post(b"whole") + post(b"part")[:-1])
        await client.response()
        assert len(heads) == 0
        await client.ask(post(b"part")[-1:])
        await client.ask(post(b"alone"))
        assert len(heads) == 1


async def test_what_is_read_and_sent_is_counted() -> None:
    async with serving(echo) as server:
        client, traffic = await server.connect(), server.switchboard.traffic
        for number in range(1, 4):
            await client.ask(post(b"body"))
            assert traffic.received == number * len(post(b"body"))
        assert traffic.sent > 3 * len(b"HTTP/1.1 200 OK")


async def test_the_second_part_of_a_request_is_none_by_itself() -> None:
    """Else whoever sends it would speak with the headers of somebody else."""
    first, second = post(b"body")[:25], post(b"body")[25:]
    async with serving(echo) as server:
        client = await server.connect()
        for _ in range(3):
            await client.send(first)
            await server.settle()
            assert (await client.ask(second)).body == b"body"
        assert (await (await server.connect()).ask(second)).status == 400


async def test_nor_is_one_that_is_read_after_a_half_close() -> None:
    holder = Holder(silent=True)
    first, second = post(b"body")[:25], post(b"body")[25:]
    async with serving(holder, limits=Limits(unanswered=1)) as server:
        client = await server.connect()
        await client.send(post() + post() + first)
        await server.settle()
        await client.send(second)
        client.half_close()
        await server.settle()
        for number in range(3):
            holder.held[number].respond(200, holder.held[number].body)
            await server.settle()
        assert split(await client.rest())[2] == (200, b"body")
        other = await server.connect()
        await other.send(second)
        await server.settle()
        assert len(holder.held) == 3
        assert (await other.response()).status == 400


@pytest.mark.parametrize("many", [3, 4, 7])
async def test_requests_that_come_one_by_one_wait_when_enough_are_with_the_service(many: int) -> None:
    """Their head is known by then."""
    holder = Holder()
    async with serving(holder, limits=Limits(unanswered=2)) as server:
        client = await server.connect()
        for number in range(many):
            await client.send(post(b"%d" % number))
            await server.settle()
            assert len(holder.held) == min(number + 1, 2)
        for number in range(many):
            holder.held[number].respond(200, holder.held[number].body)
            await server.settle()
        assert [(await client.response()).body for _ in range(many)] == [b"%d" % n for n in range(many)]


async def test_what_waits_is_served_when_what_was_before_it_is_answered() -> None:
    holder = Holder()
    async with serving(holder, limits=Limits(unanswered=1)) as server:
        client = await server.connect()
        await client.send(post(b"0") + post(b"1"))
        for number in range(2):
            await server.settle()
            assert len(holder.held) == number + 1
            holder.held[number].respond(200, holder.held[number].body)
            assert (await client.response()).body == b"%d" % number


async def test_all_that_was_sent_before_a_half_close_is_answered_also_what_is_read_after_it() -> None:
    holder = Holder(silent=True)
    bodies = [b"%d" % number * 3_000 for number in range(10)]
    async with serving(holder, limits=Limits(unanswered=1)) as server:
        client = await server.connect()
        await client.send(b"".join(map(post, bodies)))
        await server.settle()
        client.half_close()
        await server.settle()
        for number, body in enumerate(bodies):
            holder.held[number].respond(200, body)
            await server.settle()
        assert [body for _, body in split(await client.rest())] == bodies
        assert holder.dropped == holder.held, "each is told that its client may be gone"


async def test_who_has_said_all_is_known_to_be_gone_also_by_a_request_like_the_last_one() -> None:
    holder = Holder(silent=True)
    async with serving(holder, limits=Limits(unanswered=1)) as server:
        client = await server.connect()
        for number in range(2):
            await client.send(post(b"same"))
            await server.settle()
            holder.held[number].respond(200)
            await client.response()
        await client.send(post(b"same") * 2)
        await server.settle()
        await client.send(post(b"same"))
        client.half_close()
        await server.settle()
        for number in range(2, 5):
            holder.held[number].respond(200)
            await server.settle()
        assert holder.dropped == holder.held[2:]


async def test_nothing_is_served_behind_the_last_request_though_that_is_held() -> None:
    holder = Holder(silent=True)
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"last", b"Connection: close"))
        await server.settle()
        await client.send(post(b"too late"))
        await server.settle()
        assert [exchange.body for exchange in holder.held] == [b"last"]


async def test_what_comes_behind_the_last_request_stays_in_the_kernel() -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"last", b"Connection: close"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, b"x" * 50_000_000)
            await server.settle()
            assert server.switchboard.open_connections == 1
            assert len(nursery.child_tasks) == 1, "it waits to send the rest"
            nursery.cancel_scope.cancel()


class Recorded(socket.socket):
    """Notes how much was to be read at once."""

    sizes: list[int]

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        self.sizes.append(bufsize)
        return super().recv(bufsize, flags)


@asynccontextmanager
async def recording(limits: Limits) -> AsyncGenerator[tuple[Server, list[int]], None]:
    http, sizes = Http(Service(echo), limits), list[int]()

    def protocol(sock: socket.socket, peer: str, floor: Floor) -> Channel:
        recorded = Recorded(fileno=sock.detach())
        recorded.settimeout(0)
        recorded.sizes = sizes
        return http(recorded, peer, floor)

    switchboard = Switchboard([Listen(protocol)])
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(switchboard.serve)
        server = Server(switchboard, address)
        yield server, sizes
        for client in server.clients:
            client.stream.socket.close()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("of_the_floor", "of_the_limits", "read"), [(100, 2_000, 100), (3_000, 2_000, 2_000)]
)
async def test_no_more_is_read_at_once_than_the_floor_and_the_limits_both_let(
    of_the_floor: int, of_the_limits: int, read: int
) -> None:
    async with recording(Limits(header_bytes=of_the_limits)) as (server, sizes):
        await server.connect()
        await server.settle()
        server.switchboard.read_bytes = of_the_floor
        connection_of(server).readable(READABLE)
        assert sizes == [read]


async def test_who_comes_when_much_was_parsed_in_a_turn_has_little_read() -> None:
    request = post(b"x" * 200_000)
    async with recording(Limits()) as (server, sizes):
        clients = [await server.connect() for _ in range(PARSED // 16_000 + 2)]
        await server.settle()
        for client in clients:
            send_now(client, request[:16_000])
        await server.settle()
        assert LITTLE in sizes


# -- until when -------------------------------------------------------------------------------------------------------


async def pass_seconds(server: Server, clock: MockClock, seconds: int) -> None:
    for _ in range(seconds):
        await server.settle()
        clock.jump(1)
    await server.settle()


async def test_a_head_has_its_time_however_fast_it_comes(mock_clock: MockClock) -> None:
    async with serving(echo, limits=Limits(head_seconds=10, bytes_per_second=100)) as server:
        client = await server.connect()
        await client.send(b"GET / HTTP/1.1\r\nHost: test\r\n")
        for number in range(10):
            assert server.switchboard.open_connections == 1
            await client.send(b"X-%d: %b\r\n" % (number, b"x" * 500))
            await pass_seconds(server, mock_clock, 1)
        await pass_seconds(server, mock_clock, 1)
        assert server.switchboard.open_connections == 0


async def test_a_request_like_the_last_one_may_be_held_for_as_long_as_any(mock_clock: MockClock) -> None:
    holder = Holder()

    def serve(exchange: Exchange) -> None:
        if len(holder.held) + len(answered) < 2:
            answered.append(exchange)
            exchange.respond(200)
        else:
            holder(exchange)

    answered: list[Exchange] = []
    async with serving(serve, limits=Limits(idle_seconds=5)) as server:
        client = await server.connect()
        for _ in range(2):
            await client.ask(post(b"same"))
        for _ in range(2):
            await client.send(post(b"same"))
            await pass_seconds(server, mock_clock, 10)
        assert len(holder.held) == 2
        assert holder.dropped == []
        for exchange in holder.held:
            exchange.respond(200, b"at last")
        for _ in range(2):
            assert (await client.response()).body == b"at last"


async def test_nobody_waits_for_a_connection_that_is_closed(mock_clock: MockClock) -> None:
    async with serving(echo) as server:
        client = await server.connect()
        await client.ask(post())
        assert ticks(server)
        connection = connection_of(server)
        connection.close()
        assert not ticks(server)
        connection.close()  # again, which does nothing
        assert await client.closed()


async def test_nobody_waits_for_one_whose_peer_is_found_to_have_gone_by_the_answer(
    mock_clock: MockClock,
) -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        client.reset()
        holder.held[0].respond(200, b"to nobody")  # before anything else is known of the reset
        assert server.switchboard.open_connections == 0
        assert not ticks(server)


async def test_nothing_more_is_served_of_a_peer_that_has_gone_while_an_answer_went_out() -> None:
    served: list[Exchange] = []

    def serve(exchange: Exchange) -> None:
        served.append(exchange)
        exchange.respond(200, b"x" * 10_000_000)

    async with serving(serve, limits=Limits(unanswered=1)) as server:
        client = await server.connect()
        await client.send(post(b"0") + post(b"1") + post(b"2"))
        await server.settle()
        before = len(served)
        client.reset()
        await server.settle()
        assert server.switchboard.open_connections == 0
        assert len(served) == before < 3


async def test_the_last_answer_is_followed_by_the_end_at_once_and_that_is_waited_for(
    mock_clock: MockClock,
) -> None:
    """Without a turn of the loop, too, until the client closes."""
    looks: list[int] = []

    class Watched(SelectorPoller):  # which tells again and again of what is ready
        def poll(self, limit: int) -> list[tuple[int, int]]:
            looks.append(limit)
            return super().poll(limit)

    async with serving(echo, new_poller=Watched) as server:
        client = await server.connect()
        await client.send(post(b"last", b"Connection: close"))
        await server.settle()
        received, closed = await what_is_there(client)
        assert (split(received), closed) == ([(200, b"last")], True)
        looks.clear()
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        assert looks == []
        assert server.switchboard.open_connections == 1
        await client.stream.aclose()
        await server.settle()
        assert server.switchboard.open_connections == 0


async def test_who_has_said_all_is_told_the_end_behind_the_answer_at_once(mock_clock: MockClock) -> None:
    holder = Holder(silent=True)
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        client.half_close()
        await server.settle()
        holder.held[0].respond(200, b"answer")
        await server.settle()
        received, closed = await what_is_there(client)
        assert (split(received), closed) == ([(200, b"answer")], True)


async def test_what_is_not_read_as_too_much_is_asked_already_may_take_its_time(mock_clock: MockClock) -> None:
    holder = Holder(silent=True)
    async with serving(holder, limits=Limits(unanswered=1, head_seconds=5, body_seconds=5)) as server:
        client = await server.connect()
        await client.send(post(b"0") + post(b"1") + post(b"2")[:-1])
        await pass_seconds(server, mock_clock, 10)
        assert server.switchboard.open_connections == 1
        holder.held[0].respond(200, b"0")
        await server.settle()
        holder.held[1].respond(200, b"1")
        await client.send(post(b"2")[-1:])
        await server.settle()
        holder.held[2].respond(200, b"2")
        assert [(await client.response()).body for _ in range(3)] == [b"0", b"1", b"2"]


async def test_a_request_that_is_left_unanswered_ends_the_connection_at_once(mock_clock: MockClock) -> None:
    """Also where it is not read, as more came than is taken, so that its end was told of by the poller."""
    holder = Holder()
    async with serving(holder, limits=Limits(unanswered=1)) as server:
        client = await server.connect()
        await client.send(post() * 3)
        await server.settle()
        client.half_close()
        await server.settle()
        assert (len(holder.held), holder.dropped) == (1, holder.held)
        assert server.switchboard.open_connections == 0


async def test_what_is_asked_behind_one_that_is_left_unanswered_is_waited_for_no_longer(
    mock_clock: MockClock,
) -> None:
    held: list[Exchange] = []

    def hold(exchange: Exchange) -> None:
        held.append(exchange)
        if len(held) == 1:
            exchange.on_drop = exchange.leave_unanswered

    async with serving(hold) as server:
        client = await server.connect()
        await client.send(post() * 3)
        await server.settle()
        client.half_close()
        await server.settle()
        assert await what_is_there(client) == (b"", True)
        assert server.switchboard.open_connections == 0
        assert [exchange.carrier for exchange in held] == [None] * 3


async def test_who_has_said_all_is_not_invited_to_say_more() -> None:
    holder = Holder(silent=True)
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"held") + EXPECTING)
        await server.settle()
        client.half_close()
        await server.settle()
        holder.held[0].respond(200, b"answer")
        assert split(await client.rest()) == [(200, b"answer")]


async def test_who_is_invited_to_send_a_body_is_once() -> None:
    async with serving(echo) as server:
        client = await server.connect()
        await client.send(EXPECTING)
        assert (await client.response()).status == 100
        for byte in (b"b", b"o", b"d", b"y"):
            await client.send(byte)
            await server.settle()
        response = await client.response()
        assert (response.status, response.body) == (200, b"body")
        assert await what_is_there(client) == (b"", False)


# -- as what it goes on, and when the server stops --------------------------------------------------------------------


async def test_a_connection_that_goes_on_as_another_leaves_nothing_behind(mock_clock: MockClock) -> None:
    upgrader = Upgrader(later=True)

    def serve(exchange: Exchange) -> None:
        if exchange.path == "/shout":
            upgrader(exchange)
        else:
            exchange.respond(200, b"x" * 10_000_000)  # more than the kernel takes: it is waited for

    async with serving(serve) as server:
        client = await server.connect()
        await client.send(post() + WISH)
        await server.settle()
        write = server.switchboard.deadline("write", Limits().write_seconds)
        assert len(write) == 1
        upgrader.held[0].upgrade(Shouter)
        assert len((await client.response()).body) == 10_000_000
        await receive(client, SWITCHING)
        assert len(write) == 0
        assert upgrader.dropped == []
        assert upgrader.held[0].carrier is None


async def test_what_is_begun_while_the_server_stops_is_the_last_of_its_connection(
    autojump_clock: MockClock,
) -> None:
    holder = Holder(silent=True)
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(get())
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await trio.testing.wait_all_tasks_blocked()
            stream = holder.held[0].stream(200, b"text/plain")
            stream.write(b"good bye")
            stream.finish()
            assert (await client.response()).headers["connection"] == "close"
            assert (await client.rest()).endswith(b"0\r\n\r\n")
            await client.stream.aclose()
        assert trio.current_time() < 10


async def test_nothing_comes_behind_the_last_answer_though_that_has_to_wait(
    autojump_clock: MockClock,
) -> None:
    holder = Holder(silent=True)
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"0") + post(b"1"))
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await trio.testing.wait_all_tasks_blocked()
            holder.held[1].respond(200, b"1")
            await client.send(post(b"too late"))
            await server.settle()
            holder.held[0].respond(200, b"0")
            assert [body for _, body in split(await client.rest())] == [b"0", b"1"]
            await client.stream.aclose()
        assert len(holder.held) == 2
        assert trio.current_time() < 10


async def test_a_request_of_which_some_has_come_when_the_server_stops_is_answered(
    autojump_clock: MockClock,
) -> None:
    async with serving(echo) as server:
        client = await server.connect()
        await client.send(post(b"body")[:-1])
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await trio.testing.wait_all_tasks_blocked()
            assert (await client.ask(post(b"body")[-1:])).body == b"body"
            await client.stream.aclose()
        assert trio.current_time() < 10


async def test_nobody_is_invited_to_say_more_behind_the_last_answer(autojump_clock: MockClock) -> None:
    holder = Holder(silent=True)
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"held") + EXPECTING)
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await trio.testing.wait_all_tasks_blocked()
            holder.held[0].respond(200, b"answer")
            assert split(await client.rest()) == [(200, b"answer")]
            await client.stream.aclose()
        assert trio.current_time() < 10
