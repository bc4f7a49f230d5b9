"""The handlers of one application, and how the server calls them.

1.  A packet goes to the handlers of its path in the order in which they were declared, each when the one before
    has finished. One that raises keeps it from the others: that packet has failed.
2.  What happens once (a sign-on, a sign-off, a receipt, a failure) is told to each handler, whichever raise.
3.  Where no handler is async, all have run when the call returns: there is nothing to await.
4.  What a client asks is answered with what they return (`answering`).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from mypy_extensions import mypyc_attr

from cometary.app.answering import answer_by
from cometary.app.hooks import call_each
from cometary.dispatch.subscriptions import Subscriptions
from cometary.packets.packet import Packet
from cometary.packets.paths import CONTROL_PREFIX
from cometary.packets.question import Question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.sessions import Failure, Receipt, Session

    Handler = Callable[..., Any]

MOST_REMEMBERED_PATHS: Final = 1024
"""Paths whose handlers are remembered; when there are more, all are looked up again."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Handlers:
    """What sessions report to; see `cometary.sessions.application.Application`.

    Attributes:
        of_signon: called with each session that has opened.
        of_recovered: called with each session that goes on here.
        of_signoff: called with each end of a session.
        of_failure: called with each failure.
        of_receipt: called with each receipt.
        of_controls: by control path, what alone is called with the packets to that path.
    """

    def __init__(self) -> None:
        self.of_signon: list[Handler] = []
        self.of_recovered: list[Handler] = []
        self.of_signoff: list[Handler] = []
        self.of_failure: list[Handler] = []
        self.of_receipt: list[Handler] = []
        self.of_controls: dict[str, Handler] = {}
        self._of_packets: Subscriptions[Handler] = Subscriptions()
        self._remembered: dict[str, tuple[Handler, ...]] = {}

    def handle_packets(self, pattern: str, handler: Handler) -> None:
        """Call `handler` with each client packet whose path `pattern` covers.

        Raises:
            PatternError: if it is not a pattern; the caller's fault, nothing has changed.
        """
        self._of_packets.subscribe(pattern, handler)
        self._remembered.clear()

    def leave_packets(self, pattern: str, handler: Handler) -> None:
        """Stop calling it with them."""
        self._of_packets.unsubscribe(pattern, handler)
        self._remembered.clear()

    def accepts(self, path: str) -> bool:
        """Whether there is a handler for client packets to `path`."""
        handlers = self._remembered.get(path)
        return bool(self._look_up(path) if handlers is None else handlers)

    def signed_on(self, session: Session) -> Awaitable[object] | None:
        """Hand a new session to the handlers."""
        return call_each(self.of_signon, session)

    def resumed(self, session: Session) -> Awaitable[object] | None:
        """Hand a session that goes on here to the handlers."""
        return call_each(self.of_recovered, session)

    def received(self, session: Session, packet: Packet) -> Awaitable[object] | None:
        """Hand a client packet to the handlers of its path."""
        handlers = self._remembered.get(packet.path)
        if handlers is None:
            handlers = self._look_up(packet.path)
        if type(packet) is not Packet and isinstance(packet, Question):
            return answer_by(handlers, session, packet)
        if len(handlers) == 1:
            outcome: Awaitable[object] | None = handlers[0](session, packet.path, packet.message)
            return outcome
        return call_in_order(handlers, session, packet.path, packet.message)

    def signed_off(
        self, session: Session, reason: str, undelivered: Sequence[Packet]
    ) -> Awaitable[object] | None:
        """Hand the end of a session to the handlers."""
        return call_each(self.of_signoff, session, reason, undelivered)

    def failed(self, failure: Failure) -> Awaitable[object] | None:
        """Hand a failure to the handlers."""
        return call_each(self.of_failure, failure)

    def received_receipt(self, receipt: Receipt) -> Awaitable[object] | None:
        """Hand a receipt to the handlers."""
        return call_each(self.of_receipt, receipt)

    def _look_up(self, path: str) -> tuple[Handler, ...]:
        """Return the handlers of a path that is not remembered, and remember them."""
        if len(self._remembered) >= MOST_REMEMBERED_PATHS:
            self._remembered.clear()
        if path.startswith(CONTROL_PREFIX):
            handlers: tuple[Handler, ...] = (self.of_controls[path],) if path in self.of_controls else ()
        else:
            handlers = self._of_packets.subscribers(path)
        self._remembered[path] = handlers
        return handlers


def call_in_order(handlers: Sequence[Handler], *args: Any) -> Awaitable[object] | None:
    """Call each handler with `args`, the next one when the one before has finished.

    Returns:
        None if all have finished; else what remains to be awaited.
    """
    for place, handler in enumerate(handlers):
        outcome = handler(*args)
        if inspect.isawaitable(outcome):
            return finish_in_order(outcome, handlers[place + 1 :], *args)
    return None


async def finish_in_order(outcome: Awaitable[object], handlers: Sequence[Handler], *args: Any) -> None:
    """Await `outcome`, then call the other handlers one after the other."""
    await outcome
    for handler in handlers:
        following = handler(*args)
        if inspect.isawaitable(following):
            await following
