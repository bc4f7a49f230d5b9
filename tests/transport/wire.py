"""A server and its clients over real loopback sockets, for the tests of the front end."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from cometary.transport.http.cors import SAME_ORIGIN, CorsPolicy
from cometary.transport.http.exchange import Endpoint, Exchange, Headers
from cometary.transport.http.limits import Limits
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.http.stream import Stream
from cometary.transport.net.channel import Protocol
from cometary.transport.net.poller import Poller, best_poller
from cometary.transport.net.switchboard import CONNECTIONS, Listen, Switchboard


@dataclass
class Response:
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection to the server; reads responses, and tells when it is closed."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def ask(self, data: bytes) -> Response:
        await self.send(data)
        return await self.response()

    async def response(self, *, to_head: bool = False) -> Response:
        while b"\r\n\r\n" not in self._buffer:
            await self._read()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = 0 if to_head else int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            await self._read()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Response(int(status.split()[1]), headers, body)

    async def _read(self) -> None:
        data = await self.stream.receive_some()
        assert data, f"closed in the middle of a response: {self._buffer!r}"
        self._buffer += data

    async def read_some(self) -> bool:
        """Read some more; whether there was any before the connection's end, however that comes."""
        try:
            data = await self.stream.receive_some()
        except trio.BrokenResourceError:
            return False
        self._buffer += data
        return bool(data)

    async def rest(self) -> bytes:
        """Everything up to the connection's end, however it comes."""
        while await self.read_some():
            pass
        return self._buffer

    @property
    def received(self) -> bytes:
        """What has come and is in no response yet."""
        return self._buffer

    async def closed(self) -> bool:
        """Whether the server closes without sending anything more."""
        return await self.rest() == b""

    def half_close(self) -> None:
        self.stream.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.socket.close()


@dataclass
class Server:
    """A running switchboard."""

    switchboard: Switchboard
    address: tuple[str, int]
    clients: list[Client] = field(default_factory=list[Client])

    async def connect(self) -> Client:
        client = Client(await trio.open_tcp_stream(*self.address))
        self.clients.append(client)
        return client

    async def settle(self) -> None:
        """Wait until everything that is under way on the loopback has been dealt with."""
        await trio.testing.wait_all_tasks_blocked(0.005)


@asynccontextmanager
async def serving(
    endpoint: Endpoint,
    *,
    limits: Limits | None = None,
    cors: CorsPolicy = SAME_ORIGIN,
    new_poller: Callable[[], Poller] = best_poller,
    connections: int = CONNECTIONS,
    descriptors: int = -1,
    around: Callable[[Http], Protocol] = lambda http: http,
) -> AsyncGenerator[Server, None]:
    """A server of `endpoint` on a port of its own; `around` says what is spoken around HTTP."""
    http = Http(Service(endpoint, cors), limits)
    switchboard = Switchboard(
        [Listen(around(http))], new_poller, connections=connections, descriptors=descriptors
    )
    async with trio.open_nursery() as nursery:
        addresses: list[tuple[str, int]] = await nursery.start(switchboard.serve)
        server = Server(switchboard, addresses[0])
        try:
            yield server
        finally:
            for client in server.clients:
                client.stream.socket.close()
            nursery.cancel_scope.cancel()


class WholeAnswers:
    """What a carrier has, for those that carry only answers in one piece."""

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        raise NotImplementedError

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        raise NotImplementedError

    def conclude(self, exchange: Exchange) -> None:
        raise NotImplementedError

    def note_refusal(self, condition: str) -> None:
        """Count nothing."""

    def close(self) -> None:
        raise NotImplementedError


class Holder:
    """An endpoint that answers nothing by itself, and once a request is dropped says that it never will.

    Args:
        silent: whether it does not say so.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.held: list[Exchange] = []
        self.dropped: list[Exchange] = []
        self._silent = silent

    def __call__(self, exchange: Exchange) -> None:
        def drop() -> None:
            self.dropped.append(exchange)
            if not self._silent:
                exchange.leave_unanswered()

        exchange.on_drop = drop
        self.held.append(exchange)


def echo(exchange: Exchange) -> None:
    """An endpoint that answers with what it got."""
    exchange.respond(200, exchange.body, b"text/plain")


def post(body: bytes = b"", *headers: bytes, path: bytes = b"/") -> bytes:
    """A well-formed POST request."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST %b HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n%b\r\n%b" % (
        path,
        len(body),
        lines,
        body,
    )


def get(path: bytes = b"/", *headers: bytes) -> bytes:
    """A well-formed GET request."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"GET %b HTTP/1.1\r\nHost: test\r\n%b\r\n" % (path, lines)
