"""What is between a component and its server, so that a test can cut it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import trio

BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class Relay:
    """Passes on what comes, until it is cut; the next connection passes again.

    Args:
        port: where to.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._streams: list[trio.SocketStream] = []
        self.port = 0

    async def cut(self) -> None:
        """Break all connections."""
        for stream in self._streams:
            await trio.aclose_forcefully(stream)
        self._streams.clear()

    async def take(self, one: trio.SocketStream) -> None:
        """Relay one connection."""
        other = await trio.open_tcp_stream("127.0.0.1", self._to)
        self._streams += [one, other]
        async with one, other, trio.open_nursery() as nursery:
            nursery.start_soon(self._pass_on, one, other)
            await self._pass_on(other, one)
            nursery.cancel_scope.cancel()

    async def _pass_on(self, one: trio.SocketStream, other: trio.SocketStream) -> None:
        with suppress(*BROKEN):
            while data := await one.receive_some():
                await other.send_all(data)
            await other.send_eof()


@asynccontextmanager
async def relayed(port: int) -> AsyncGenerator[Relay]:
    """Have a relay to a port of this machine."""
    relay = Relay(port)
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        relay.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, relay.take, [listener])
        yield relay
        nursery.cancel_scope.cancel()
