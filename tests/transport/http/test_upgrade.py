"""A connection that goes on in another protocol: in its turn, with every byte, or not at all."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import pytest
import trio

from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.net.buffered import BufferedChannel
from cometary.transport.net.channel import Floor
from cometary.transport.net.poller import EpollPoller, Poller, SelectorPoller
from tests.transport.http.test_pipelines import what_is_there
from tests.transport.wire import Client, Server, echo, get, post, serving

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n"
WISH = get(b"/shout", b"Connection: Upgrade", b"Upgrade: shout")


class Shouter(BufferedChannel):
    """Says everything that it is told again, in capitals; for as long as it is spoken to every five seconds."""

    def __init__(self, sock: socket.socket, peer: str, floor: Floor, beyond: bytes) -> None:
        super().__init__(sock, floor)
        self.peer = peer
        self._beyond = beyond
        self._silence = floor.deadline("silence", 5)
        self._expect(self._silence)

    def start(self) -> None:
        self._send(SWITCHING + self._beyond.upper())

    def readable(self, bits: int) -> None:
        data = self.sock.recv(self._floor.read_bytes)
        if data == b"fail":
            raise ZeroDivisionError
        if not data:
            return self.close()
        self._expect(None)
        self._expect(self._silence)
        self._send(data.upper())
        return None


class Upgrader:
    """An endpoint that upgrades requests to /shout, now or when it is told to, and echoes all others."""

    def __init__(self, *, later: bool = False) -> None:
        self.held: list[Exchange] = []
        self.dropped: list[Exchange] = []
        self._later = later

    def __call__(self, exchange: Exchange) -> None:
        if exchange.path != "/shout":
            echo(exchange)
        elif self._later:
            exchange.on_drop = lambda: self.dropped.append(exchange)
            self.held.append(exchange)
        else:
            exchange.upgrade(Shouter)


@pytest.fixture(params=[SelectorPoller, EpollPoller])
def new_poller(request: pytest.FixtureRequest) -> Callable[[], Poller]:
    poller: Callable[[], Poller] = request.param
    return poller


async def receive(client: Client, expected: bytes) -> None:
    while len(client.received) < len(expected):
        assert await client.read_some()
    assert client.received == expected
    client._buffer = b""


async def shouting(server: Server) -> Client:
    client = await server.connect()
    await client.send(WISH)
    await receive(client, SWITCHING)
    return client


async def test_the_socket_goes_to_the_channel_that_the_endpoint_names(
    new_poller: Callable[[], Poller],
) -> None:
    async with serving(Upgrader(), new_poller=new_poller) as server:
        client = await shouting(server)
        for word in (b"hello", post(b"no HTTP any more")):
            await client.send(word)
            await receive(client, word.upper())
        assert server.switchboard.open_connections == 1
        await client.stream.aclose()
        await server.settle()
        assert server.switchboard.open_connections == 0


@pytest.mark.parametrize("cut", [len(WISH), len(WISH) - 1, len(WISH) + 2])
async def test_no_byte_beyond_the_request_is_lost(cut: int) -> None:
    async with serving(Upgrader()) as server:
        client = await server.connect()
        data = WISH + b"early\x00"
        await client.send(data[:cut])
        await server.settle()
        await client.send(data[cut:])
        await receive(client, SWITCHING + b"EARLY\x00")


async def test_it_waits_for_the_answers_to_earlier_requests() -> None:
    held: list[Exchange] = []
    upgrade = Upgrader()

    def serve(exchange: Exchange) -> None:
        if exchange.path == "/shout":
            upgrade(exchange)
        else:
            held.append(exchange)

    async with serving(serve) as server:
        client = await server.connect()
        await client.send(post(b"1") + post(b"2") + WISH + b"early")
        await server.settle()
        for exchange in reversed(held):
            assert client.received == b""
            exchange.respond(200, exchange.body)
        assert [(await client.response()).body for _ in range(2)] == [b"1", b"2"]
        await receive(client, SWITCHING + b"EARLY")


async def test_it_may_be_decided_later(new_poller: Callable[[], Poller]) -> None:
    upgrader = Upgrader(later=True)
    async with serving(upgrader, new_poller=new_poller) as server:
        client = await server.connect()
        await client.send(WISH + b"early")
        await server.settle()
        await client.send(b" and more")
        await server.settle()
        upgrader.held[0].upgrade(Shouter)
        await receive(client, SWITCHING + b"EARLY AND MORE")


async def test_a_wish_that_is_not_granted_is_answered_and_what_follows_is_http(
    new_poller: Callable[[], Poller],
) -> None:
    upgrader = Upgrader(later=True)
    async with serving(upgrader, new_poller=new_poller) as server:
        client = await server.connect()
        await client.send(WISH + post(b"next") + WISH)
        await server.settle()
        assert await what_is_there(client) == (b"", False)
        upgrader.held[0].respond(200, b"no")
        assert [(await client.response()).body for _ in range(2)] == [b"no", b"next"]
        await server.settle()
        upgrader.held[1].respond(200, b"no again")
        assert (await client.response()).body == b"no again"
        assert (await client.ask(post(b"last"))).body == b"last"


async def test_much_that_comes_before_the_answer_stays_in_the_kernel() -> None:
    upgrader = Upgrader(later=True)
    async with serving(upgrader) as server:
        client = await server.connect()
        await client.send(WISH)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, b"x" * 50_000_000)
            await server.settle()
            assert server.switchboard.open_connections == 1
            assert len(nursery.child_tasks) == 1, "it waits to send the rest"
            nursery.cancel_scope.cancel()


async def test_who_goes_before_the_answer_is_a_drop() -> None:
    upgrader = Upgrader(later=True)
    async with serving(upgrader) as server:
        client = await server.connect()
        await client.send(WISH + b"early")
        await server.settle()
        client.reset()
        await server.settle()
        assert upgrader.dropped == upgrader.held
        upgrader.held[0].upgrade(Shouter)
        await server.settle()
        assert server.switchboard.open_connections == 0


async def test_what_was_asked_before_the_end_is_answered_if_a_wish_is_not_granted() -> None:
    upgrader = Upgrader(later=True)
    async with serving(upgrader) as server:
        client = await server.connect()
        await client.send(WISH + post(b"next"))
        client.half_close()
        await server.settle()
        upgrader.held[0].respond(200, b"no")
        assert [(await client.response()).body for _ in range(2)] == [b"no", b"next"]
        assert await client.closed()


@pytest.mark.parametrize(
    "request_", [get(b"/shout"), post(b"body", b"Upgrade: shout", b"Connection: Upgrade", path=b"/shout")]
)
async def test_who_cannot_be_upgraded_is_told_so(request_: bytes) -> None:
    async with serving(Upgrader()) as server:
        client = await server.connect()
        assert (await client.ask(request_)).status == 400
        assert (await client.ask(post(b"next"))).body == b"next"


async def test_the_channel_has_deadlines_of_its_own(mock_clock: trio.testing.MockClock) -> None:
    async with serving(Upgrader(), limits=Limits(idle_seconds=1, head_seconds=1)) as server:
        client = await shouting(server)
        for _ in range(3):
            mock_clock.jump(3)
            await server.settle()
            await client.send(b"word")
            await receive(client, b"WORD")
        for _ in range(3):
            mock_clock.jump(3)
            await server.settle()
        assert server.switchboard.open_connections == 0


async def test_a_channel_that_fails_is_closed_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Upgrader()) as server:
        client, other = await shouting(server), await shouting(server)
        with caplog.at_level(logging.ERROR, "cometary.transport"):
            await client.send(b"fail")
            assert await client.closed()
        assert "ZeroDivisionError" in caplog.text
        await other.send(b"unharmed")
        await receive(other, b"UNHARMED")


@pytest.mark.parametrize("failing", ["__init__", "start", "expire"])
async def test_one_that_fails_elsewhere_is_closed_too(
    failing: str, caplog: pytest.LogCaptureFixture, mock_clock: trio.testing.MockClock
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    broken = type("Broken", (Shouter,), {failing: fail})
    async with serving(lambda exchange: exchange.upgrade(broken)) as server:
        client = await server.connect()
        with caplog.at_level(logging.ERROR, "cometary.transport"):
            await client.send(WISH)
            for _ in range(3):
                await server.settle()
                mock_clock.jump(3)
            await client.rest()
        assert "ZeroDivisionError" in caplog.text
        assert server.switchboard.open_connections == 0


async def test_a_server_that_stops_closes_what_was_upgraded_after_a_while(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving(Upgrader()) as server:
        client = await shouting(server)
        await server.switchboard.aclose(3)
        assert trio.current_time() == pytest.approx(3)
        assert await client.closed()
