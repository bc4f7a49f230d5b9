"""What comes to the handlers of a client's program: one thing at a time, in the order in which it came.

1.  A handler may be plain or async; the next thing waits until it has returned. Answers do not come by here, so an
    async handler may ask.
2.  At most `MOST` things wait. A client whose handlers are slower reads no further, and the path's contract says what
    the server does then.
3.  A handler that raises harms nobody else: that is logged, and if the packet was a question, its asker is told.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.declarations import check_handler
from cometary.log import get_logger
from cometary.packets.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.client.bodies import Packet

MOST: Final = 1000

logger = get_logger("cometary.client")


class Delivery:
    """The handlers of one client.

    Args:
        answer: says what a handler has returned to a question, by the question's name.
    """

    def __init__(self, answer: Callable[[str, dict[str, Any]], object]) -> None:
        self._answer = answer
        self._handlers: list[tuple[Pattern, Callable[..., Any]]] = []
        self._events: dict[str, list[Callable[..., Any]]] = {}
        self._send, self._receive = trio.open_memory_channel["tuple[str | Packet, object]"](MOST)

    def on(self, pattern: str, handler: Callable[..., Any]) -> None:
        """Call `handler(message, path)` for each packet whose path a pattern covers.

        Raises:
            PatternError: it is not a pattern; the caller's fault.
            UsageError: the handler cannot be called like that; the same.
        """
        check_handler("on", handler, "message", "path")
        self._handlers.append((Pattern.compile(pattern), handler))

    def when(self, event: str, handler: Callable[..., Any], parameter: str) -> None:
        """Call `handler` with what there is to say of an event.

        Raises:
            UsageError: the handler cannot be called like that; the caller's fault.
        """
        check_handler(event, handler, parameter)
        self._events.setdefault(event, []).append(handler)

    def hears(self, event: str) -> bool:
        """Whether anybody wants to know of an event."""
        return event in self._events

    async def put(self, what: str | Packet, detail: object = None) -> None:
        """Have a packet, or an event, delivered; waits while too much waits (rule 2)."""
        await self._send.send((what, detail))

    async def run(self) -> None:
        """Deliver, until it is cancelled."""
        async for what, detail in self._receive:
            if isinstance(what, str):
                for handler in self._events.get(what, ()):
                    await self._call(handler, what, detail)
            else:
                await self._deliver(what)

    async def _deliver(self, packet: Packet) -> None:
        handlers = [handler for pattern, handler in self._handlers if pattern.matches(packet.path)]
        for number, handler in enumerate(handlers):
            value, failed = await self._call(handler, packet.path, packet.message, packet.path)
            if packet.ask is not None and number == 0:
                self._answer(
                    packet.ask, {"error": "failed", "detail": failed} if failed else {"value": value}
                )

    async def _call(self, handler: Callable[..., Any], about: str, *arguments: object) -> tuple[Any, str]:
        """Call a handler; returns what it returns, and what it has raised, in words (rule 3)."""
        try:
            value = handler(*arguments)
            return (await value if inspect.isawaitable(value) else value), ""
        except Exception as error:
            logger.exception("handler failed", text=f"a handler of {about!r} has failed", path=about)
            return None, type(error).__name__
