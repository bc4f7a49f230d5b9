"""What stands before several nodes: each request goes to the next one, and to another one if that breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle

import trio


class BrokenError(Exception):
    """A connection has broken before there was all of what was to come."""


class RoundRobin:
    """A port of its own, and nodes behind it; in the place of a proxy that is set up as docs/how-to/nodes.md has it.

    Args:
        ports: those of the nodes.
        hosts: where each of them is, if not on loopback.

    Attributes:
        port: where clients connect.
        statuses: how many answers there were of each HTTP status.
        broken: how many requests were given to another node, since the first one was not there, or broke.
    """

    def __init__(self, ports: list[int], hosts: Sequence[str] = ()) -> None:
        self._nodes = [*zip(hosts or ["127.0.0.1"] * len(ports), ports, strict=True)]
        self._first = cycle(range(len(ports)))
        self.port = 0
        self.statuses: Counter[int] = Counter()
        self.broken = 0

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}/comet"

    async def serve(self, client: trio.SocketStream) -> None:
        """Serve one connection of a client."""
        try:
            while True:
                asked = await read_message(client)
                await client.send_all(await self._answer(client, asked))
        except (BrokenError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _answer(self, client: trio.SocketStream, asked: bytes) -> bytes:
        """Have a request answered; it raises if its client goes meanwhile."""
        answer = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_closed, client, nursery)
            answer = await self._ask(asked)
            nursery.cancel_scope.cancel()
        if answer is None:
            raise BrokenError
        return answer

    async def _ask(self, asked: bytes) -> bytes | None:
        first = next(self._first)
        for host, port in self._nodes[first:] + self._nodes[:first]:
            try:
                async with await trio.open_tcp_stream(host, port) as node:
                    await node.send_all(asked)
                    answer = await read_message(node)
            except (OSError, BrokenError, trio.BrokenResourceError):
                self.broken += 1
                continue
            self.statuses[int(answer.split(b" ", 2)[1])] += 1
            return answer
        return None


async def until_closed(client: trio.SocketStream, nursery: trio.Nursery) -> None:
    """Wait until a client goes, which says nothing more before it is answered; then the request goes, too."""
    await client.receive_some(1)
    nursery.cancel_scope.cancel()


async def read_message(stream: trio.SocketStream) -> bytes:
    """Read a request, or an answer."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += await some(stream)
    head, _, body = read.partition(b"\r\n\r\n")
    [length] = [
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    ]
    while len(body) < length:
        body += await some(stream)
    return head + b"\r\n\r\n" + body


class Connections:
    """A port of its own, and nodes behind it, each of whose connections goes to the next one, whole.

    Args:
        ports: those of the nodes.

    Attributes:
        port: where clients connect.
    """

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._first = cycle(range(len(ports)))
        self.port = 0

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}/comet"

    async def serve(self, client: trio.SocketStream) -> None:
        """Serve one connection of a client."""
        first = next(self._first)
        for port in self._ports[first:] + self._ports[:first]:
            try:
                node = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                continue
            async with node, trio.open_nursery() as nursery:
                nursery.start_soon(_pass_on, client, node, nursery)
                nursery.start_soon(_pass_on, node, client, nursery)
            return


async def _pass_on(source: trio.SocketStream, sink: trio.SocketStream, nursery: trio.Nursery) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in source:
            await sink.send_all(data)
    nursery.cancel_scope.cancel()


async def some(stream: trio.SocketStream) -> bytes:
    data = await stream.receive_some(65_536)
    if not data:
        raise BrokenError
    return bytes(data)


@asynccontextmanager
async def round_robin(ports: list[int], hosts: Sequence[str] = ()) -> AsyncGenerator[RoundRobin]:
    """Have one until the end of the block; see `RoundRobin`."""
    proxy = RoundRobin(ports, hosts)
    async with _listening(proxy):
        yield proxy


@asynccontextmanager
async def connections(ports: list[int]) -> AsyncGenerator[Connections]:
    """Have one until the end of the block."""
    proxy = Connections(ports)
    async with _listening(proxy):
        yield proxy


@asynccontextmanager
async def _listening(proxy: RoundRobin | Connections) -> AsyncGenerator[None]:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    proxy.port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, proxy.serve, [listener])
        yield
        nursery.cancel_scope.cancel()
