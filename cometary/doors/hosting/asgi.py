"""A hosted ASGI application: on asyncio in a thread of its own, or on the server's own loop.

1.  On asyncio whatever the application does holds up no session. Each call of it that goes over to the server's loop,
    to receive or to send, comes back when that is done there.
2.  On Trio, for applications that want it, its code is on the loop that the sessions are on: one that blocks holds up
    all of them.
3.  Its lifespan begins before the first request, and ends when the server stops; one that has none will do.
4.  So many requests at one time; a further one is answered 503.
5.  When the server stops, nothing more is taken, and what is under way may end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.doors.hosting.asgi_call import AsgiCall
from cometary.doors.hosting.asyncio_thread import AsyncioThread
from cometary.doors.hosting.response import TEXT
from cometary.doors.hosting.workers import BUSY, RETRY, STOPPING
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.doors.hosting.asgi_call import Message
    from cometary.doors.hosting.environ import Place
    from cometary.transport.http.exchange import Exchange

Application = Callable[[Any, Any, Any], Awaitable[None]]
Caller = Callable[[Application, Any, Any, Any], Awaitable[None]]
"""What calls an application, wherever that runs, given its scope and the `receive` and `send` of this loop."""

STARTUP: Final[dict[str, Any]] = {"type": "lifespan.startup"}
SHUTDOWN: Final[dict[str, Any]] = {"type": "lifespan.shutdown"}

logger = get_logger("cometary.hosting")


class AsgiHost:
    """One application.

    Args:
        application: the application.
        place: where clients ask.
        most: how many requests it answers at one time.
        on_asyncio: whether it runs on asyncio.

    Attributes:
        busy: how many requests are under way.
        refused: how many were refused since there were enough.
    """

    def __init__(self, application: Application, place: Place, most: int, *, on_asyncio: bool) -> None:
        self._application = application
        self._place = place
        self._most = most
        self._on_asyncio = on_asyncio
        self._state: dict[str, Any] = {}
        self._send, self._receive = trio.open_memory_channel["Exchange"](most)
        self._idle = trio.Event()
        self._stopping = False
        self.busy = 0
        self.refused = 0

    def __call__(self, exchange: Exchange) -> None:
        """Have `exchange` answered, if there is room."""
        if self._stopping:
            exchange.respond(503, STOPPING, TEXT, RETRY)
        elif self.busy >= self._most:
            self.refused += 1
            exchange.respond(503, BUSY, TEXT, RETRY)
        else:
            self.busy += 1
            self._send.send_nowait(exchange)

    async def run(self) -> None:
        """Run the application until cancelled; for a child specification."""
        if self._on_asyncio:
            with AsyncioThread() as thread:
                await self._run(thread.call)
        else:
            await self._run(_directly)

    async def _run(self, call: Caller) -> None:
        lifespan = Lifespan(self._state)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._live, call, lifespan)
            await lifespan.begun.wait()
            try:
                while True:
                    exchange = await self._receive.receive()
                    nursery.start_soon(self._answer, call, exchange)
            finally:
                with trio.move_on_after(1, shield=True):
                    lifespan.end.set()
                    await lifespan.over.wait()
                lifespan.scope_of_task.cancel()

    async def _live(self, call: Caller, lifespan: Lifespan) -> None:
        with lifespan.scope_of_task:
            try:
                await call(self._application, lifespan.scope, lifespan.receive, lifespan.send)
            except Exception as error:  # noqa: BLE001 - most that have none raise whatever they like
                logger.debug("no lifespan", text=f"the application has no lifespan: {error!r}")
            lifespan.begun.set()
            lifespan.over.set()

    async def _answer(self, call: Caller, exchange: Exchange) -> None:
        request = AsgiCall(exchange, self._place, self._state)
        try:
            await call(self._application, request.scope, request.receive, request.send)
        except Exception:
            if request.is_left:  # of which the application makes an error of its own, perhaps
                return
            text = f"{exchange.method} {exchange.path!r} failed"
            logger.exception("view failed", text=text, method=exchange.method, path=exchange.path)
        finally:
            request.ended()
            self.busy -= 1
            if not self.busy:
                self._idle.set()

    async def aclose(self) -> None:
        """Take nothing more, and wait until all is done."""
        self._stopping = True
        if self.busy:
            self._idle = trio.Event()
            await self._idle.wait()


class Lifespan:
    """The application's lifespan, as the application sees it.

    Args:
        state: what it has for its requests.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        self.begun = trio.Event()
        self.end = trio.Event()
        self.over = trio.Event()
        self.scope_of_task = trio.CancelScope(shield=True)  # it ends by itself, or is ended
        self._told = False

    async def receive(self) -> Message:
        """Tell of the startup, and then, at the end, of the shutdown."""
        if not self._told:
            self._told = True
            return STARTUP
        await self.end.wait()
        return SHUTDOWN

    async def send(self, message: Message) -> None:
        """Take note of what it says."""
        if message["type"] == "lifespan.startup.failed":
            logger.error("startup failed", text=f"the application cannot start: {message.get('message', '')}")
        self.begun.set()


async def _directly(application: Application, scope: Any, receive: Any, send: Any) -> None:
    await application(scope, receive, send)
