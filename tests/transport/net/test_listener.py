"""Listeners: whom they let in when there is little room, and that they take nobody's time while they wait."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.net.channel import Channel, Floor
from cometary.transport.net.listener import BATCH, Listener, open_socket, open_sockets, shares
from cometary.transport.net.poller import EpollPoller, Poller
from cometary.transport.net.switchboard import Listen, Switchboard
from tests.transport.net.test_switchboard import no_descriptors_left
from tests.transport.wire import Client, Holder, echo, post, serving

# The clock stands still in these tests, so nothing is let in only because a second has passed.


async def test_a_connection_that_closes_makes_room_at_once(mock_clock: MockClock) -> None:
    async with serving(echo, connections=2) as server:
        clients = [await server.connect() for _ in range(4)]
        for place, client in enumerate(clients):
            await client.send(post(b"%d" % place))
        await server.settle()
        for place in range(4):
            assert server.switchboard.open_connections == min(2, 4 - place)
            assert (await clients[place].response()).body == b"%d" % place
            await clients[place].stream.aclose()
            await server.settle()


@pytest.mark.parametrize(("descriptors", "why"), [(-1, "all that there may be"), (8, "8 open files allow")])
async def test_the_log_says_once_a_minute_that_there_is_no_room(
    mock_clock: MockClock, caplog: pytest.LogCaptureFixture, descriptors: int, why: str
) -> None:
    connections = 3 if descriptors < 0 else 100
    async with serving(echo, connections=connections, descriptors=descriptors) as server:

        def told() -> list[str]:
            return [
                record.getMessage()
                for record in caplog.records
                if "whoever calls now has" in record.getMessage()
            ]

        for _ in range(20):
            await server.connect()
        await server.settle()
        assert len(told()) == 1
        assert why in told()[0]
        for more, seconds in ((1, 50), (2, 20)):
            mock_clock.jump(seconds)
            await server.settle()
            assert len(told()) == more


async def test_callers_who_wait_cost_no_turn_of_the_loop(mock_clock: MockClock) -> None:
    looks: list[int] = []

    class Watched(EpollPoller):
        def poll(self, limit: int) -> list[tuple[int, int]]:
            looks.append(limit)
            return super().poll(limit)

    async with serving(echo, connections=1, new_poller=Watched) as server:
        for _ in range(2):
            await server.connect()
        await server.settle()
        looks.clear()
        for _ in range(50):
            await trio.lowlevel.checkpoint()
        assert looks == []


async def test_one_that_has_resumed_is_looked_after_no_longer(mock_clock: MockClock) -> None:
    async with serving(echo, connections=1) as server:
        client = await server.connect()
        await server.settle()
        assert len(server.switchboard.paused) == 1
        await client.stream.aclose()
        await server.settle()
        assert len(server.switchboard.paused) == 0


async def test_one_that_was_closed_while_it_waited_stays_closed(mock_clock: MockClock) -> None:
    async with serving(echo, connections=1) as server:
        client, _ = await server.connect(), await server.connect()
        await client.ask(post())
        await server.settle()
        await client.send(post(b"under way")[:-1])
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await server.settle()
            assert (await client.ask(post(b"under way")[-1:])).body == b"under way"
            await client.stream.aclose()
        assert server.switchboard.open_connections == 0


async def test_one_that_is_closed_while_it_waits_is_looked_after_no_longer(mock_clock: MockClock) -> None:
    async with serving(echo, connections=1) as server:
        await server.connect()
        await server.settle()
        assert len(server.switchboard.paused) == 1
        for listener in server.switchboard._listeners:
            listener.close()
        assert len(server.switchboard.paused) == 0


async def test_one_that_is_closed_is_watched_no_longer_though_a_child_has_it_open_still() -> None:
    board = Switchboard([])
    sock = open_socket(socket.AF_INET, ("127.0.0.1", 0))
    board.poller.watch(sock.fileno())
    with sock.dup() as of_the_child:
        Listener(sock, Http(Service(echo)), board, 10).close()
        with socket.create_connection(of_the_child.getsockname()):
            assert board.poller.poll(10) == []
    board.poller.close()


async def test_nobody_is_let_in_while_answers_are_still_under_way(mock_clock: MockClock) -> None:
    async with serving(Holder(silent=True)) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await server.settle()
            assert server.switchboard.open_connections == 1
            with pytest.raises(OSError, match="connect"):
                await server.connect()
            client.reset()
            await server.settle()


class TwoListeners:
    """A switchboard with a listener for everybody, and one with a reserve."""

    def __init__(self, connections: int, new_poller: Callable[[], Poller] = EpollPoller) -> None:
        listens = [Listen(Http(Service(echo))), Listen(Http(Service(echo)), reserve=True)]
        self.switchboard = Switchboard(listens, new_poller, connections=connections)
        self.addresses: list[tuple[str, int]] = []

    async def connect(self, place: int) -> Client:
        return Client(await trio.open_tcp_stream(*self.addresses[place]))


async def test_who_listens_at_a_path_is_told_the_path(nursery: trio.Nursery, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        listening.settimeout(0)
        switchboard = Switchboard([Listen(Http(Service(echo)), sockets=[listening])])
        assert await nursery.start(switchboard.serve) == [(path, 0)]
        await switchboard.aclose(0)


async def test_strangers_leave_some_connections_to_others(nursery: trio.Nursery) -> None:
    both = TwoListeners(connections=8)
    both.addresses = await nursery.start(both.switchboard.serve)
    strangers = [await both.connect(0) for _ in range(20)]
    await trio.testing.wait_all_tasks_blocked(0.005)
    assert both.switchboard.open_connections == 6
    friends = [await both.connect(1) for _ in range(2)]
    for friend in friends:
        assert (await friend.ask(post(b"friend"))).body == b"friend"
    await both.switchboard.aclose(0)
    for client in strangers + friends:
        client.stream.socket.close()


async def test_strangers_have_what_others_free_where_no_friend_waits(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    both = TwoListeners(connections=8)
    both.addresses = await nursery.start(both.switchboard.serve)
    strangers = [await both.connect(0) for _ in range(8)]
    await trio.testing.wait_all_tasks_blocked(0.005)
    for gone in (0, 1):
        strangers[gone].stream.socket.close()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert (await strangers[6 + gone].ask(post(b"stranger"))).body == b"stranger"
    await both.switchboard.aclose(0)
    for client in strangers[2:]:
        client.stream.socket.close()


class LastFirst(EpollPoller):
    """Tells of what is ready in the other order."""

    def poll(self, limit: int) -> list[tuple[int, int]]:
        return super().poll(limit)[::-1]


@pytest.mark.parametrize("new_poller", [EpollPoller, LastFirst])
async def test_the_descriptor_that_a_stranger_frees_is_not_another_strangers(
    nursery: trio.Nursery,
    mock_clock: MockClock,
    new_poller: Callable[[], Poller],
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = TwoListeners(connections=100, new_poller=new_poller)
    both.addresses = await nursery.start(both.switchboard.serve)
    first = await both.connect(0)
    await first.ask(post())
    callers = [trio.socket.socket() for _ in range(3)]
    with no_descriptors_left():
        for caller, place in zip(callers, (0, 0, 1), strict=True):
            await caller.connect(both.addresses[place])
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert both.switchboard.open_connections == 1
        assert "no connection can be accepted for now" in caplog.text
        await first.ask(post(b"last", b"Connection: close"))
        await first.stream.send_eof()
        await trio.testing.wait_all_tasks_blocked(0.005)
        friend = Client(trio.SocketStream(callers[2]))
        assert (await friend.ask(post(b"friend"))).body == b"friend"
        assert both.switchboard.open_connections == 1
    await both.switchboard.aclose(0)
    for sock in (first.stream.socket, *callers):
        sock.close()


@given(st.integers(4, 10**6), st.just(-1) | st.integers(8, 10**6))
def test_descriptors_are_shared_out_whatever_there_are(connections: int, descriptors: int) -> None:
    public, everybody = shares(connections, descriptors)
    assert 1 <= public < everybody <= connections
    if descriptors >= 64:
        assert everybody <= descriptors - 16
    if descriptors > 2 * connections + 256:
        assert everybody == connections


@pytest.mark.parametrize(
    ("descriptors", "share"),
    [(1024, (928, 960)), (-1, (99_968, 100_000)), (64, (36, 48)), (2, (2, 2)), (1, (2, 2)), (0, (2, 2))],
)
def test_shares(descriptors: int, share: tuple[int, int]) -> None:
    assert shares(100_000, descriptors) == share


# -- the sockets ------------------------------------------------------------------------------------------------------


async def test_what_is_accepted_waits_for_nobody_and_finds_out_that_its_peer_has_vanished(
    nursery: trio.Nursery,
) -> None:
    seen: list[tuple[object, ...]] = []
    http = Http(Service(echo))

    def protocol(sock: socket.socket, peer: str, floor: Floor) -> Channel:
        options = [
            sock.getsockopt(*option)
            for option in ((socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        ]
        seen.append((peer, sock.gettimeout(), *map(bool, options)))
        return http(sock, peer, floor)

    switchboard = Switchboard([Listen(protocol)])
    [address] = await nursery.start(switchboard.serve)
    client = Client(await trio.open_tcp_stream(*address))
    assert (await client.ask(post(b"hello"))).body == b"hello"
    assert seen == [("127.0.0.1", 0.0, True, True)]
    await switchboard.aclose(0)
    client.stream.socket.close()


async def test_a_connection_that_cannot_be_served_is_closed_and_told_of_and_the_next_one_is_served(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    http, refusals = Http(Service(echo)), [OSError("no room for it")]

    def protocol(sock: socket.socket, peer: str, floor: Floor) -> Channel:
        if refusals:
            raise refusals.pop()
        return http(sock, peer, floor)

    switchboard = Switchboard([Listen(protocol)])
    [address] = await nursery.start(switchboard.serve)
    with caplog.at_level(logging.WARNING, "cometary.transport"):
        refused = Client(await trio.open_tcp_stream(*address))
        assert await refused.closed()
    assert "a connection from 127.0.0.1 could not be served: no room for it" in caplog.text
    client = Client(await trio.open_tcp_stream(*address))
    assert (await client.ask(post(b"hello"))).body == b"hello"
    await switchboard.aclose(0)
    for each in (refused, client):
        each.stream.socket.close()


async def test_callers_who_come_all_at_once_are_accepted_in_several_turns_and_caught_up_with(
    nursery: trio.Nursery,
) -> None:
    switchboard = Switchboard([Listen(Http(Service(echo)))])
    [address] = await nursery.start(switchboard.serve)
    callers = [socket.create_connection(address) for _ in range(2 * BATCH + 1)]
    done = switchboard.catch_up()
    while not done():
        await trio.lowlevel.checkpoint()
    assert switchboard.open_connections == switchboard.traffic.accepted == len(callers)
    await switchboard.aclose(0)
    for caller in callers:
        caller.close()


async def test_all_who_have_called_before_it_stops_listening_are_accepted_if_that_is_said(
    nursery: trio.Nursery,
) -> None:
    switchboard = Switchboard([Listen(Http(Service(echo)))])
    [address] = await nursery.start(switchboard.serve)
    callers = [socket.create_connection(address) for _ in range(BATCH + 1)]
    switchboard.stop_listening(take_waiting=True)
    assert switchboard.open_connections == len(callers)
    await switchboard.aclose(0)
    for caller in callers:
        caller.close()


async def test_a_caller_who_has_gone_keeps_nobody_out(nursery: trio.Nursery) -> None:
    class Gone(socket.socket):
        """Its first caller resets the connection before it is accepted; Linux says so of few protocols."""

        gone = True

        def accept(self) -> tuple[socket.socket, Any]:
            if Gone.gone:
                Gone.gone = False
                raise ConnectionAbortedError
            return super().accept()

    with Gone() as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        switchboard = Switchboard([Listen(Http(Service(echo)), sockets=[sock])])
        [address] = await nursery.start(switchboard.serve)
        client = Client(await trio.open_tcp_stream(*address))
        assert (await client.ask(post(b"hello"))).body == b"hello"
        assert not Gone.gone
        await switchboard.aclose(0)
        client.stream.socket.close()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listening_socket_may_take_the_place_of_one_that_has_just_closed(
    family: socket.AddressFamily, host: str
) -> None:
    with open_socket(family, (host, 0)) as sock:
        assert sock.gettimeout() == 0.0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def test_others_may_listen_at_the_same_port_only_if_all_of_them_say_so() -> None:
    with open_socket(socket.AF_INET, ("127.0.0.1", 0), reuse_port=True) as sock:
        open_socket(socket.AF_INET, sock.getsockname(), reuse_port=True).close()
        with pytest.raises(OSError, match="in use"):
            open_socket(socket.AF_INET, sock.getsockname())
    with open_socket(socket.AF_INET, ("127.0.0.1", 0)) as sock, pytest.raises(OSError, match="in use"):
        open_socket(socket.AF_INET, sock.getsockname(), reuse_port=True)


def test_all_addresses_of_one_family_leave_those_of_the_other_to_another_socket() -> None:
    with open_socket(socket.AF_INET6, ("::", 0)) as sock:
        open_socket(socket.AF_INET, ("0.0.0.0", sock.getsockname()[1])).close()


class Names(trio.abc.HostnameResolver):
    """Says that each name has these addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def getaddrinfo(self, host: object, port: Any, *_: Any, **__: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in self._addresses]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


async def ports_of(*addresses: str) -> list[tuple[str, int]]:
    """Where a name with these addresses is listened at."""
    trio.socket.set_custom_hostname_resolver(Names(*addresses))
    socks = await open_sockets("somewhere", 0)
    try:
        return [sock.getsockname() for sock in socks]
    finally:
        for sock in socks:
            sock.close()


class Scoped(Names):
    """Says that each name has this address of the third network card, as an address of one link is given."""

    async def getaddrinfo(self, host: object, port: Any, *_: Any, **__: Any) -> Any:
        return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("fe80::1", port, 7, 3))]


async def test_an_address_is_listened_at_with_all_that_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one link, which not every machine has."""
    asked: list[object] = []

    def opened(family: socket.AddressFamily, address: tuple[Any, ...], **_: object) -> socket.socket:
        asked.append(address)
        return open_socket(socket.AF_INET, ("127.0.0.1", 0))

    monkeypatch.setattr("cometary.transport.net.listener.open_socket", opened)
    trio.socket.set_custom_hostname_resolver(Scoped())
    for sock in await open_sockets("somewhere", 8080):
        sock.close()
    assert asked == [("fe80::1", 8080, 7, 3)]


NOT_HERE = "192.0.2.1"


async def test_all_addresses_of_a_name_are_listened_at_at_one_port_but_those_that_are_not_here() -> None:
    places = await ports_of("127.0.0.2", NOT_HERE, "127.0.0.3", "127.0.0.4")
    assert [host for host, _ in places] == ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    assert len({port for _, port in places}) == 1


@pytest.mark.parametrize("addresses", [[NOT_HERE], [NOT_HERE, NOT_HERE]])
async def test_a_name_none_of_whose_addresses_is_here_is_an_error(addresses: list[str]) -> None:
    with pytest.raises(OSError, match="assign"):
        await ports_of(*addresses)


async def test_if_one_address_is_taken_no_other_stays_open() -> None:
    """The second is the first once more: a socket that stayed open would be a warning, and so an error."""
    with pytest.raises(OSError, match="in use"):
        await ports_of("127.0.0.2", "127.0.0.2")
    gc.collect()
