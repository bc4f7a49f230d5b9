"""TLS on the front end: with real certificates, over real sockets."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from cometary.transport.http.exchange import Endpoint, Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.net import tls as tls_module
from cometary.transport.net.certificate import Certificate
from cometary.transport.net.channel import Channel, Floor
from cometary.transport.net.deadlines import DeadlineQueue
from cometary.transport.net.poller import READABLE, EpollPoller, Poller, SelectorPoller
from cometary.transport.net.tls import HANDSHAKE, Handshake, Tls, TlsSocket
from tests.certificates import make_files, trusting
from tests.transport.wire import Client, Holder, Server, echo, get, post, serving


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(*make_files(tmp_path))


class Secure(Client):
    """A client that speaks TLS.

    Args:
        server: whom it calls.
        context: whom it trusts.
    """

    def __init__(self, stream: trio.SocketStream, context: ssl.SSLContext) -> None:
        super().__init__(stream)
        self.plain = stream
        self.tls = trio.SSLStream(stream, context, server_hostname="127.0.0.1")

    async def send(self, data: bytes) -> None:
        await self.tls.send_all(data)

    async def _read(self) -> None:
        data = await self.tls.receive_some()
        assert data, f"closed in the middle of a response: {self._buffer!r}"
        self._buffer += data

    async def read_some(self) -> bool:
        try:
            data = await self.tls.receive_some()
        except trio.BrokenResourceError:
            return False
        self._buffer += data
        return bool(data)


async def connect(server: Server, context: ssl.SSLContext | None = None) -> Secure:
    client = Secure(await trio.open_tcp_stream(*server.address), context or trusting())
    server.clients.append(client)
    return client


@asynccontextmanager
async def tls_serving(
    endpoint: Endpoint,
    certificate: Certificate,
    *,
    limits: Limits | None = None,
    new_poller: Callable[[], Poller] = EpollPoller,
) -> AsyncGenerator[Server, None]:
    bounds = limits or Limits()
    async with serving(
        endpoint,
        limits=bounds,
        new_poller=new_poller,
        around=lambda http: Tls(
            http, lambda: certificate.context, seconds=bounds.head_seconds, linger=bounds.linger_seconds
        ),
    ) as server:
        yield server


@pytest.mark.parametrize("new_poller", [SelectorPoller, EpollPoller])
async def test_one_connection_serves_many_requests(
    certificate: Certificate, new_poller: Callable[[], Poller]
) -> None:
    async with tls_serving(echo, certificate, new_poller=new_poller) as server:
        client = await connect(server)
        for body in (b"", b"one", b"x" * 200_000, b"two"):
            assert (await client.ask(post(body))).body == body


async def test_what_a_socket_keeps_of_a_record_is_read_though_no_poller_sees_it(
    certificate: Certificate,
) -> None:
    little_at_once = Limits(header_bytes=300)
    async with tls_serving(echo, certificate, limits=little_at_once) as server:
        client = await connect(server)
        await client.send(b"".join(post(b"%d" % number) for number in range(150)))
        assert [(await client.response()).body for _ in range(150)] == [b"%d" % n for n in range(150)]


async def test_what_a_socket_keeps_waits_while_a_connection_is_not_read(certificate: Certificate) -> None:
    holder, limits = Holder(), Limits(header_bytes=300, unanswered=2)
    async with tls_serving(holder, certificate, limits=limits) as server:
        client = await connect(server)
        await client.send(b"".join(post(b"%d" % number) for number in range(20)))
        for number in range(20):
            await server.settle()
            assert len(holder.held) <= number + 2
            holder.held[number].respond(200, holder.held[number].body)
            assert (await client.response()).body == b"%d" % number


async def test_a_long_answer_reaches_a_reader_that_takes_its_time(certificate: Certificate) -> None:
    body = bytes(range(256)) * 15_000
    async with tls_serving(lambda exchange: exchange.respond(200, body), certificate) as server:
        client = await connect(server)
        await client.send(get())
        await server.settle()
        assert (await client.response()).body == body


async def test_a_stream_goes_on_when_the_kernel_takes_more(certificate: Certificate) -> None:
    def pour(exchange: Exchange) -> None:
        stream, pieces = exchange.stream(200, b"text/plain"), [b"%d" % n * 50_000 for n in range(10)]

        def go_on() -> None:
            while pieces:
                if not stream.write(pieces.pop(0)):
                    return
            stream.finish()

        stream.on_writable = go_on
        go_on()

    async with tls_serving(pour, certificate) as server:
        client = await connect(server)
        await client.send(get(b"/", b"Connection: close"))
        await server.settle()
        chunks = (await client.rest()).partition(b"\r\n\r\n")[2]
        assert chunks == b"".join(b"c350\r\n%b\r\n" % (b"%d" % n * 50_000) for n in range(10)) + b"0\r\n\r\n"


def say_goodbye(client: Secure) -> None:
    client.plain.socket.close()


def reset(client: Secure) -> None:
    client.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.plain.socket.close()


@pytest.mark.parametrize("leave", [say_goodbye, reset])
async def test_a_client_that_leaves_is_noticed(
    certificate: Certificate, leave: Callable[[Secure], None]
) -> None:
    holder = Holder()
    async with tls_serving(holder, certificate) as server:
        client = await connect(server)
        await client.send(post())
        await server.settle()
        assert holder.held
        leave(client)
        await server.settle()
        assert holder.dropped == holder.held
        assert server.switchboard.open_connections == 0


async def test_the_end_of_tls_is_the_end_of_what_the_client_says(certificate: Certificate) -> None:
    holder = Holder(silent=True)
    async with tls_serving(holder, certificate) as server:
        client = await connect(server)
        await client.send(post())
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.tls.unwrap)  # which waits for the server's
            await server.settle()
            assert holder.dropped == holder.held
            holder.held[0].respond(200)
            nursery.cancel_scope.cancel()


async def test_the_last_response_is_followed_by_the_end_of_tls(certificate: Certificate) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await connect(server)
        assert (await client.ask(post(b"last", b"Connection: close"))).body == b"last"
        assert await client.tls.receive_some() == b""  # Trio raises if it was cut off
        await client.plain.send_all(b"whatever still comes")
        assert await client.plain.receive_some() == b""


async def test_an_idle_connection_is_closed_with_the_end_of_tls(
    certificate: Certificate, autojump_clock: trio.testing.MockClock
) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await connect(server)
        await client.ask(post())
        assert await client.tls.receive_some() == b""
        assert trio.current_time() <= Limits().idle_seconds + 2


@pytest.mark.parametrize("leave", [Client.half_close, Client.reset])
@pytest.mark.parametrize("said", [get(), b"\x00\x01", b"SSH-2.0-OpenSSH_9.6\r\n", post(b"x" * 30_000)])
async def test_who_speaks_no_tls_is_told_so_in_plain_text_and_heard_to_the_end(
    certificate: Certificate,
    said: bytes,
    leave: Callable[[Client], None],
    mock_clock: trio.testing.MockClock,
) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await server.connect()
        response = await client.ask(said)
        assert response.status == 400
        assert b"https" in response.body
        assert response.headers["content-type"].startswith("text/plain")
        assert await client.closed()
        assert server.switchboard.open_connections == 1
        leave(client)
        await server.settle()
        assert server.switchboard.open_connections == 0
        assert not server.switchboard.deadlines


async def test_who_speaks_no_tls_and_stays_is_closed_soon(
    certificate: Certificate, autojump_clock: trio.testing.MockClock
) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await server.connect()
        await client.ask(get())
        assert await client.closed()
        await server.settle()
        await trio.sleep(4)
        assert server.switchboard.open_connections == 0


@pytest.mark.parametrize(
    "said", [b"", HANDSHAKE, HANDSHAKE + b"\x03\x01\x40\x00", HANDSHAKE + b"\x03\x01\x02\x00\x01\x00"]
)
async def test_a_handshake_that_does_not_get_on_ends_with_the_time_of_a_head(
    certificate: Certificate, autojump_clock: trio.testing.MockClock, said: bytes
) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await server.connect()
        await client.send(said)
        other = await connect(server)
        assert (await other.ask(post(b"meanwhile"))).body == b"meanwhile"
        await client.rest()
        assert Limits().head_seconds <= trio.current_time() <= Limits().head_seconds + 2


@pytest.mark.parametrize("said", [HANDSHAKE * 200, HANDSHAKE + b"\x03\x01\x00\x04\x01\x00\x00\x00"])
async def test_a_handshake_that_makes_no_sense_ends_at_once(certificate: Certificate, said: bytes) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await server.connect()
        await client.send(said)
        assert not (await client.rest()).startswith(b"HTTP")
        assert server.switchboard.open_connections == 0


@pytest.mark.parametrize("moment", ["at once", "in the handshake"])
async def test_a_client_that_leaves_before_it_is_in_leaves_nothing(
    certificate: Certificate, moment: str
) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await server.connect()
        if moment != "at once":
            await client.send(HANDSHAKE + b"\x03\x01\x02\x00")
        await server.settle()
        client.reset()
        await server.settle()
        assert server.switchboard.open_connections == 0
        assert not server.switchboard.deadlines


async def test_handshakes_of_many_take_turns(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_module, "A_TURN", 1e-9)  # a step of one handshake in each
    async with tls_serving(echo, certificate) as server, trio.open_nursery() as nursery:
        answers: list[bytes] = []

        async def call(number: int) -> None:
            client = await connect(server)
            answers.append((await client.ask(post(b"%d" % number))).body)

        for number in range(12):
            nursery.start_soon(call, number)
    assert sorted(map(int, answers)) == list(range(12))


async def test_old_versions_of_tls_are_refused(certificate: Certificate) -> None:
    context = trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with tls_serving(echo, certificate) as server:
        client = await connect(server, context)
        with pytest.raises(trio.BrokenResourceError):
            await client.tls.do_handshake()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_are_spoken_and_http_1_1_in_them(
    certificate: Certificate, version: ssl.TLSVersion
) -> None:
    context = trusting()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with tls_serving(echo, certificate) as server:
        client = await connect(server, context)
        assert (await client.ask(post(b"x"))).body == b"x"
        assert client.tls.selected_alpn_protocol() == "http/1.1"


async def test_a_new_certificate_is_for_those_who_call_from_then_on(
    certificate: Certificate, tmp_path: Path
) -> None:
    async with tls_serving(echo, certificate) as server:
        old = await connect(server)
        await old.ask(post())
        certificate.reload(*make_files(tmp_path))
        new = await connect(server)
        await new.ask(post())
        assert (await old.ask(post(b"still here"))).body == b"still here"
        serials = [client.tls.getpeercert()["serialNumber"] for client in (old, new)]
        assert serials[0] != serials[1]


async def test_a_connection_that_is_stopped_in_its_handshake_keeps_nobody_waiting(
    certificate: Certificate,
) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await server.connect()
        await client.send(HANDSHAKE)
        await server.settle()
        with trio.fail_after(60):
            await server.switchboard.aclose(30)


class Steps:
    """A socket whose handshake goes by a script."""

    def __init__(self, *steps: Exception | None) -> None:
        self.steps = list(steps)
        self.come = [HANDSHAKE]
        self.open = True

    def fileno(self) -> int:
        return 0 if self.open else -1

    def peek_plainly(self) -> bytes:
        if not self.come:
            raise BlockingIOError
        return self.come[0]

    def do_handshake(self) -> None:
        step = self.steps.pop(0)
        if step is not None:
            raise step

    def close(self) -> None:
        self.open = False


class Noting:
    """A floor that notes what it is told."""

    def __init__(self) -> None:
        self.turn = 1
        self.now = 0.0
        self.told: list[Any] = []
        self.queue = DeadlineQueue[Channel](10, lambda now: now)

    def deadline(self, _name: str, _seconds: float) -> DeadlineQueue[Channel]:
        return self.queue

    def watch(self, _channel: Channel, *, reading: bool, writing: bool) -> None:
        self.told.append((reading, writing))

    def keeps(self, fd: int) -> None:
        self.told.append(fd)

    def forget(self, _channel: Channel) -> None:
        self.told.append("forget")

    def replace(self, _channel: Channel, by: Channel) -> None:
        self.told.append(by)


def unspoken(sock: socket.socket, _peer: str, _floor: Floor) -> Channel:
    """What is spoken within, of which nothing is said."""
    return Channel(sock)


def shaking(*steps: Exception | None, tls: Tls | None = None) -> tuple[Handshake, Noting, Any]:
    """A handshake that goes by a script, what it stands on, and its socket."""
    floor, sock = Noting(), Steps(*steps)
    tls = tls or Tls(unspoken, ssl.create_default_context, seconds=9, linger=1)
    stand_ins: Any = (sock, "192.0.2.1", floor, tls)
    return Handshake(*stand_ins), floor, sock


def test_a_handshake_waits_for_what_it_needs_and_the_poller_is_told_of_changes_alone() -> None:
    reading, writing = ssl.SSLWantReadError(), ssl.SSLWantWriteError()
    channel, floor, sock = shaking(reading, writing, writing, reading, None)
    channel.readable(READABLE)
    assert (floor.told, len(floor.queue)) == ([], 1)
    for _ in range(2):
        channel.readable(READABLE)
        assert floor.told == [(True, True)]
    channel.writable()
    assert floor.told == [(True, True), (True, False)]
    channel.readable(READABLE)
    assert floor.told[2].sock is sock
    assert (len(floor.queue), sock.steps, sock.open) == (0, [], True)


def test_one_that_is_called_too_early_waits() -> None:
    channel, floor, sock = shaking(None)
    sock.come.clear()
    channel.readable(READABLE)
    assert (len(sock.steps), floor.told, sock.open) == (1, [], True)
    sock.come.append(HANDSHAKE)
    channel.readable(READABLE)
    assert len(sock.steps) == 0


def test_one_that_fails_closes_its_socket_once_whatever_its_descriptor() -> None:
    channel, floor, sock = shaking(ssl.SSLError())
    channel.readable(READABLE)
    channel.close()
    assert (floor.told, len(floor.queue), sock.open) == (["forget"], 0, False)


def test_when_the_time_of_a_turn_is_used_up_all_others_wait_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls_module, "A_TURN", 1.0)
    monkeypatch.setattr(tls_module, "perf_counter", partial(next, count(1_000, 0.5)))
    tls = Tls(unspoken, ssl.create_default_context, seconds=9, linger=1)
    waiting = [ssl.SSLWantReadError() for _ in range(4)]
    channel, floor, sock = shaking(*waiting, tls=tls)
    for turn, left in ((1, 3), (1, 2), (1, 2), (2, 1), (2, 0), (2, 0)):
        floor.turn = turn
        channel.readable(READABLE)
        assert len(sock.steps) == left


class Ending(TlsSocket):
    """One that notes when it says that nothing follows, and has the descriptor of standard input."""

    said = 0

    def fileno(self) -> int:
        return 0

    def unwrap(self) -> socket.socket:
        self.said += 1
        return self


def test_the_end_is_said_whatever_the_descriptor() -> None:
    sock = Ending.__new__(Ending)
    socket.socket.__init__(sock)
    sock.close()
    assert sock.said == 1


class Peer:
    """The other end of a socket that speaks TLS, each record of which can be sent in pieces.

    Args:
        certificate: that of the server.
    """

    def __init__(self, certificate: Certificate) -> None:
        self.plain, theirs = socket.socketpair()
        for sock in (self.plain, theirs):
            sock.setblocking(False)
        self.floor: Any = Noting()
        secure: Any = certificate.context.wrap_socket(theirs, server_side=True, do_handshake_on_connect=False)
        self.secure: TlsSocket = secure
        self.secure.floor = self.floor
        self._come, self._left = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trusting().wrap_bio(self._come, self._left, server_hostname="127.0.0.1")
        for step in (self.tls.do_handshake, self.secure.do_handshake) * 2:
            with suppress(ssl.SSLWantReadError):
                step()
            self.say()
            self.hear()

    def record(self, data: bytes) -> bytes:
        """What is sent of `data`."""
        self.tls.write(data)
        return self._left.read()

    def say(self) -> None:
        """Send what there is to be sent."""
        if self._left.pending:
            self.plain.send(self._left.read())

    def hear(self) -> bytes:
        """What has come."""
        with suppress(BlockingIOError):
            while True:
                self._come.write(self.plain.recv(1 << 20))
        said = b""
        with suppress(ssl.SSLWantReadError):
            while True:
                said += self.tls.read(1 << 20)
        return said


@pytest.fixture
def peer(certificate: Certificate) -> Generator[Peer]:
    peer = Peer(certificate)
    with peer.plain, peer.secure:
        yield peer


def test_a_record_is_read_when_it_is_whole_and_the_floor_knows_of_what_is_left_of_it(peer: Peer) -> None:
    record = peer.record(b"whole")
    peer.plain.send(record[:-1])
    with pytest.raises(BlockingIOError):
        peer.secure.recv(100)
    peer.plain.send(record[-1:])
    assert (peer.secure.recv(3), peer.floor.told) == (b"who", [peer.secure.fileno()])
    assert (peer.secure.recv(3), len(peer.floor.told)) == (b"le", 1)


def test_what_the_kernel_does_not_take_is_sent_on_from_where_it_stopped(peer: Peer) -> None:
    said = bytes(range(256)) * 16_384
    sent = peer.secure.send(said)
    assert 0 < sent < len(said)
    with pytest.raises(BlockingIOError):
        peer.secure.send(said[sent:])
    come = peer.hear()
    while sent < len(said):
        sent += peer.secure.send(said[sent:])
        come += peer.hear()
    assert come == said
