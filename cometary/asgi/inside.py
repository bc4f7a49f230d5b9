"""The server that an ASGI application has inside: all of it but the listener for clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio

from cometary.actors import system
from cometary.server.authenticator import choose_authenticator
from cometary.server.tracing import choose_tracing
from cometary.server.tree import Server

if TYPE_CHECKING:
    import socket

    from cometary.actors import ActorSystem
    from cometary.app import App
    from cometary.server import Running
    from cometary.settings import Settings
    from cometary.transport.http.exchange import Exchange


class Inside:
    """A server that runs, as requests find it; used on its loop alone.

    Args:
        server: the server.
        running: the same, as its application sees it.
        actors: its actors.
        settings: how it is set up.

    Attributes:
        running: the same.
        limits: what one client may take.
        endpoint: the path of the comet endpoint.
    """

    def __init__(self, server: Server, running: Running, actors: ActorSystem, settings: Settings) -> None:
        self.running = running
        self.limits = server.limits
        self.endpoint = settings.comet
        self._server = server
        self._run_with = actors.scheduler.run_with
        self._stopped: trio.Event | None = None

    def serve(self, exchange: Exchange) -> None:
        """See to it that `exchange` is answered, now or later."""
        self._run_with(partial(self._server.service.serve, exchange))

    def adopt(self, sock: socket.socket, peer: str) -> None:
        """Serve a socket as if a client had connected by it."""
        self._server.adopt(sock, peer)

    async def stop(self) -> None:
        """Tell every session `shutdown`, and let what is still to be sent go out; again, wait for that."""
        if self._stopped is None:
            self._stopped = trio.Event()
            try:
                await self._server.stop()
            finally:
                self._stopped.set()
        else:
            await self._stopped.wait()


@asynccontextmanager
async def open_inside(app: App, settings: Settings) -> AsyncGenerator[Inside]:
    """Run a server for the length of the block, and stop it gracefully.

    Raises:
        OSError: the address of the control interface cannot be listened on; the configuration's fault.
        ConfigError: settings and application do not go together; nothing was started.
    """
    authenticator = choose_authenticator(settings, app)
    tracing = choose_tracing(settings)
    async with system(watchdog=settings.watchdog or None) as actors:
        server = Server(settings, app, authenticator, actors, listens=False, tracing=tracing)
        leave = trio.Event()
        async with server.running(leave) as running, trio.open_nursery() as nursery:
            inside = Inside(server, running, actors, settings)
            nursery.start_soon(_stop_when_asked, leave, inside)
            yield inside
            await inside.stop()
            nursery.cancel_scope.cancel()


async def _stop_when_asked(leave: trio.Event, inside: Inside) -> None:
    await leave.wait()
    await inside.stop()
