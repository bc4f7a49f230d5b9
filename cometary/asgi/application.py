"""The ASGI application: sessions for servers and sites of others.

1.  It has a server inside, with all but the listener for clients: the control interface and whatever else the settings
    say are there. That runs from the server's startup to its shutdown (`lifespan`), or for the length of `running()`
    where another application has the lifespan, as where this one is mounted.
2.  Under Trio it runs on the same loop; under asyncio in a thread with a Trio of its own.
3.  Where it has the lifespan, so that it is what the process is for, the garbage collector is spared as under `cometary
    serve`: a sixth of all processor time.
4.  At its end every session is told `shutdown`. Servers tell of the end late: some cut off held requests first. Who
    can, calls `drain` when the end is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from sniffio import current_async_library

from cometary.asgi import on_asyncio, on_trio
from cometary.asgi.inside import Inside, open_inside
from cometary.asgi.scope import path_of
from cometary.asgi.thread import TrioThread
from cometary.doors.files.door import client_paths
from cometary.errors import UsageError
from cometary.log import get_logger
from cometary.server.collector import spare_the_collector
from cometary.settings import Settings

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.asgi.types import Application, Message, Receive, Scope, Send

TRIO: Final = "trio"

logger = get_logger("cometary.asgi")


class CometASGI:
    """Answers at the comet endpoint, and beside it with the JavaScript client.

    Args:
        app: the application.
        settings: how the server is set up; what they say of where clients connect is the ASGI server's affair.
        site: another ASGI application, which answers at all other paths; mounted, it is not needed.
    """

    def __init__(self, app: App, settings: Settings | None = None, site: Application | None = None) -> None:
        self._app = app
        self._settings = settings or Settings()
        self._site = site
        self._own = frozenset((self._settings.comet, *client_paths(self._settings.comet)))
        self._inside: Inside | None = None
        self._thread: TrioThread | None = None
        self._starts_up = False  # whether somebody has been told so

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request, as ASGI has it.

        Raises:
            UsageError: it does not run: the lifespan has not reached it, and nobody has called `running`.
        """
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(scope, receive, send)
        elif self._site is not None and path_of(scope, self._settings.comet) not in self._own:
            await self._site(scope, receive, send)
        elif self._inside is not None:
            serve = on_trio.serve_websocket if kind == "websocket" else on_trio.serve_http
            await serve(self._inside, scope, receive, send)
        elif self._thread is not None:
            over = on_asyncio.serve_websocket if kind == "websocket" else on_asyncio.serve_http
            await over(self._thread, scope, receive, send)
        else:
            raise UsageError(
                "CometASGI does not run: enter its running() in the lifespan of the application around it"
            )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run the sessions for the length of the block; for the lifespan of an application that this one is mounted in.

        Raises:
            UsageError: it runs already.
            OSError: the address of the control interface cannot be listened on.
            ConfigError: settings and application do not go together.
        """
        if self._inside is not None or self._thread is not None:
            raise UsageError("this CometASGI runs already")
        if current_async_library() == TRIO:
            try:
                async with open_inside(self._app, self._settings) as inside:
                    self._inside = inside
                    yield
            finally:
                self._inside = None
            return
        thread = TrioThread(self._app, self._settings)
        await thread.start()
        self._thread = thread
        try:
            yield
        finally:
            await thread.stop()
            self._thread = None

    async def drain(self) -> None:
        """Tell every session `shutdown`, so that held requests are answered before the server goes."""
        if self._inside is not None:
            await self._inside.stop()
        elif self._thread is not None:
            await self._thread.drain()

    # -- the lifespan -----------------------------------------------------------------------------

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        spare_the_collector()
        if self._site is None or not await self._live_around(self._site, scope, receive, send):
            await self._live_alone(receive, send)

    async def _live_alone(self, receive: Receive, send: Send) -> None:
        if not self._starts_up:
            await receive()
        started = False
        try:
            async with self.running():
                started = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            logger.exception("lifespan failed", text="the sessions have failed")
            stage = "shutdown" if started else "startup"
            await send({"type": f"lifespan.{stage}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    async def _live_around(self, site: Application, scope: Scope, receive: Receive, send: Send) -> bool:
        """Run the sessions within the site's own lifespan: from the end of its startup to the begin of its shutdown.

        Returns:
            Whether it has one.
        """
        begun = False
        async with AsyncExitStack() as sessions:

            async def pass_receive() -> Message:
                self._starts_up = True
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    await sessions.aclose()  # in the site's own task, as they were begun
                return message

            async def pass_send(message: Message) -> None:
                nonlocal begun
                if message["type"] == "lifespan.startup.complete":
                    await sessions.enter_async_context(self.running())
                begun = True
                await send(message)

            try:
                await site(scope, pass_receive, pass_send)
            except Exception:
                if begun:
                    raise
        return begun
