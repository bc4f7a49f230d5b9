"""What stands before several servers, as a proxy does: connections go to one of them, or nowhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio


class Switch:
    """A port of its own, behind which there is one server at a time.

    Attributes:
        url: where clients connect.
    """

    def __init__(self, nursery: trio.Nursery, listener: trio.SocketListener) -> None:
        self._nursery = nursery
        self._target: int | None = None
        self._connections = trio.CancelScope()
        self.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/comet"
        nursery.start_soon(trio.serve_listeners, self._serve, [listener])

    def lead_to(self, url: str | None) -> None:
        """Lead to another server, or nowhere; all connections that there are break."""
        self._target = None if url is None else urlsplit(url).port
        self._connections.cancel()
        self._connections = trio.CancelScope()

    async def _serve(self, client: trio.SocketStream) -> None:
        if self._target is None:
            return
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self._target)
        except OSError:
            return
        ends = self._connections
        async with server, trio.open_nursery() as nursery:

            async def cut() -> None:
                while not ends.cancel_called:  # noqa: ASYNC110 - a scope cannot be waited for
                    await trio.sleep(0.02)
                nursery.cancel_scope.cancel()

            nursery.start_soon(cut)
            nursery.start_soon(_copy, client, server, nursery)
            nursery.start_soon(_copy, server, client, nursery)


async def _copy(source: trio.SocketStream, sink: trio.SocketStream, nursery: trio.Nursery) -> None:
    try:
        async for data in source:
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    nursery.cancel_scope.cancel()


@asynccontextmanager
async def switch() -> AsyncGenerator[Switch]:
    """Have one until the end of the block."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        yield Switch(nursery, listener)
        nursery.cancel_scope.cancel()
