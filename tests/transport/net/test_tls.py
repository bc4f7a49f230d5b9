"""TLS on the front end: with real certificates, over real sockets."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from cometary.transport.http.exchange import Endpoint, Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.net import tls as tls_module
from cometary.transport.net.certificate import Certificate
from cometary.transport.net.poller import EpollPoller, Poller, SelectorPoller
from cometary.transport.net.tls import HANDSHAKE, Tls
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


@pytest.mark.parametrize("said", [get(), b"\x00\x01", b"SSH-2.0-OpenSSH_9.6\r\n", post(b"x" * 30_000)])
async def test_who_speaks_no_tls_is_told_so_in_plain_text(certificate: Certificate, said: bytes) -> None:
    async with tls_serving(echo, certificate) as server:
        client = await server.connect()
        response = await client.ask(said)
        assert response.status == 400
        assert b"https" in response.body
        assert response.headers["content-type"].startswith("text/plain")
        client.half_close()
        assert await client.closed()
        await server.settle()
        assert server.switchboard.open_connections == 0


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
