"""A hosted ASGI application: on asyncio in a thread of its own, or on the server's own loop.

1.  On asyncio, whatever the application does holds up no session. Each of its calls that goes over to the server's
    loop, to receive or to send, comes back when it is done there.
2.  On Trio, for applications that want it, its code is on the same loop as the sessions: one that blocks holds up all
    of them.
3.  A WebSocket that it has accepted is no longer a request that takes the place of others.
4.  Its lifespan begins before the first request, and ends when the server stops; an application without one will do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.doors.hosting.asgi_call import AsgiCall
from cometary.doors.hosting.asgi_socket import AsgiSocketCall
from cometary.doors.hosting.asyncio_thread import AsyncioThread
from cometary.doors.hosting.host import Host
from cometary.log import get_logger
from cometary.transport.wires.websocket.endpoint import refuse_version
from cometary.transport.wires.websocket.handshake import VERSION, accepted_key, asks_for_upgrade

if TYPE_CHECKING:
    from cometary.doors.hosting.asgi_call import Message
    from cometary.doors.hosting.environ import Place
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.wires.websocket.common import Common

Application = Callable[[Any, Any, Any], Awaitable[None]]
Caller = Callable[[Application, Any, Any, Any], Awaitable[None]]
"""What calls an application, wherever that runs, given its scope and the `receive` and `send` of this loop."""

STARTUP: Final[dict[str, Any]] = {"type": "lifespan.startup"}
SHUTDOWN: Final[dict[str, Any]] = {"type": "lifespan.shutdown"}

logger = get_logger("cometary.hosting")


class AsgiHost(Host):
    """Runs an ASGI application.

    Args:
        application: the application.
        place: where clients ask.
        most: how many requests it answers at one time.
        common: what the channels of its WebSockets share.
        on_asyncio: whether it runs on asyncio.
    """

    def __init__(
        self, application: Application, place: Place, most: int, common: Common, *, on_asyncio: bool
    ) -> None:
        super().__init__(most)
        self._common = common
        self._sockets: set[AsgiSocketCall] = set()
        self._application = application
        self._place = place
        self._on_asyncio = on_asyncio
        self._state: dict[str, Any] = {}

    def __call__(self, exchange: Exchange) -> None:
        """See `Host`; a handshake has to be right before the application is asked.

        Raises:
            ProtocolError: `bad-request`: it has no key; the client's fault.
        """
        headers = exchange.headers
        if asks_for_upgrade(headers):
            accepted_key(headers)
            if headers.get(b"sec-websocket-version") != VERSION:
                refuse_version(exchange)
                return
        super().__call__(exchange)

    async def run(self) -> None:
        """See `Host.run`."""
        if self._on_asyncio:
            with AsyncioThread() as thread:
                await self._run(thread.call)
        else:
            await self._run(_directly)

    async def _run(self, call: Caller) -> None:
        lifespan = Lifespan(self._state)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._live, call, lifespan)
            try:
                await lifespan.begun.wait()
                while True:
                    exchange = await self.next_request()
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

    def _call_for(self, exchange: Exchange) -> AsgiCall | AsgiSocketCall:
        if not (exchange.upgradable and asks_for_upgrade(exchange.headers)):
            return AsgiCall(exchange, self._place, self._state)

        def accepted() -> None:
            self._sockets.add(request)
            self.standing += 1

        request = AsgiSocketCall(exchange, self._place, self._state, self._common, accepted)
        return request

    async def _answer(self, call: Caller, exchange: Exchange) -> None:
        request = self._call_for(exchange)
        try:
            await call(self._application, request.scope, request.receive, request.send)
        except Exception:
            if request.is_left:  # which the application may turn into an error of its own
                return
            text = f"{exchange.method} {exchange.path!r} failed"
            logger.exception("view failed", text=text, method=exchange.method, path=exchange.path)
        finally:
            request.ended()
            if request in self._sockets:
                self._sockets.remove(request)
                self.standing -= 1
            self.done()

    async def aclose(self) -> None:
        """See `Host.aclose`; WebSockets, which would stay, are ended."""
        for request in self._sockets:
            request.go_away()
        await super().aclose()


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
