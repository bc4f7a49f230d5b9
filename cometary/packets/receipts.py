"""Receipts: what has become of each packet for which somebody wants to know.

1.  A receipt is made once, in the very call by which its packet leaves the session's outbox, so
    no crash comes between the two.
2.  All receipts of a server go into one log, numbered from 1. Whoever wants them subscribes, or
    reads on from the last number that it has: reading takes nothing out, so an answer that got
    lost on its way can be asked for again, and readers do not disturb one another.
3.  The log keeps the latest 10,000. A reader that falls behind further is told how many it missed.
4.  A receipt of a session that is recorded is announced when it is made, since what is sent by webhooks is recorded
    with it, and entered when it is recorded. Whether its handlers may be called is then asked, and said when they have
    returned (`ReceiptCall`).

Pure: no clock, no socket.
"""

from __future__ import annotations

import secrets
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from cometary.escapes import exit_in
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    Sink = Callable[["Receipt"], object]

logger = get_logger("cometary.sessions")

KEPT: Final = 10_000
"""Receipts that a log keeps."""


class Receipt(NamedTuple):
    """What has become of one packet on its way to one session; or where one update went.

    Attributes:
        id: what the sender called it.
        outcome: `delivered`: the client has acknowledged it. `presumed`: it was sent by a wire that cannot say what
            has arrived, and others after it. `expired`: its time to live has passed.
            `dropped`: it gave way by its path's contract. `undelivered`: the session has ended, and
            whether the packet arrived before is not known. `routed`: an update has been sent to as
            many `sessions` as are connected to its path; each has a receipt of its own.
        path: the packet's path.
        session: the public name of the session; None for `routed`.
        user: the item `user` of the session's data if that is text or a number, else None.
        reason: why the session ended, for `undelivered`.
        sessions: how many the update went to, for `routed`.
    """

    id: str
    outcome: Literal["delivered", "presumed", "expired", "dropped", "undelivered", "routed"]
    path: str
    session: str | None = None
    user: str | int | None = None
    reason: str | None = None
    sessions: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, without the members that do not apply."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class ReceiptCall(Protocol):
    """The call of the application's handlers for the receipt of a recorded session."""

    def ask(self, wake: Callable[[], object], /) -> None:
        """Have it recorded that the call is about to be made; `wake` is called when `may_begin` may have changed."""
        ...

    @property
    def may_begin(self) -> bool | None:
        """Whether it may be made; None if that is not known yet."""
        ...

    def end(self) -> None:
        """Take note that it was made, or never will be."""
        ...


class Page(NamedTuple):
    """What a reader gets.

    Attributes:
        receipts: the next ones, in order.
        last: the number to read on from.
        missed: how many before these the log does not keep any more.
    """

    receipts: list[Receipt]
    last: int
    missed: int


class ReceiptLog:
    """The receipts of one server.

    Args:
        kept: how many it keeps.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self.is_handled = False
        """Whether there is an application that has handlers of receipts."""
        self.id: Final = secrets.token_hex(4)
        """Tells this log from that of the server's last life, whose numbers mean nothing here."""
        self.last = 0
        """The number of the latest receipt."""
        self._kept: deque[Receipt] = deque(maxlen=kept)
        self._sinks: tuple[Sink, ...] = ()
        self._announced: tuple[Sink, ...] = ()
        self._calls: dict[int, ReceiptCall] = {}

    def add(self, receipt: Receipt) -> None:
        """Take a receipt, and tell all who want to know."""
        self.announce(receipt)
        self.enter(receipt)

    def announce(self, receipt: Receipt) -> None:
        """Tell those who want to know of receipts as they are made (rule 4)."""
        _tell(self._announced, receipt)

    def enter(self, receipt: Receipt, call: ReceiptCall | None = None) -> None:
        """Take a receipt that was announced, and tell the subscribers.

        Args:
            receipt: the receipt.
            call: that of its handlers, if its session is recorded.
        """
        self.last += 1
        self._kept.append(receipt)
        missed = self._calls.pop(self.last - (self._kept.maxlen or 0), None) if self._calls else None
        if missed is not None:
            missed.end()
        if call is not None:
            self._calls[self.last] = call
        _tell(self._sinks, receipt)

    def call_of(self, number: int) -> ReceiptCall | None:
        """Return the call of the handlers for a receipt, if it is that of a recorded session; once."""
        return self._calls.pop(number, None)

    def read(self, after: int = 0, limit: int = KEPT) -> Page:
        """Return what comes after the receipt number `after`, at most `limit` receipts."""
        oldest = self.last - len(self._kept)  # the number before it
        start = min(max(after, oldest), self.last)
        receipts = list(islice(self._kept, start - oldest, start - oldest + limit))
        return Page(receipts, start + len(receipts), max(oldest - max(after, 0), 0))

    def subscribe(self, sink: Sink) -> None:
        """Call `sink(receipt)` for each receipt from now on; it must not take long."""
        self._sinks = (*self._sinks, sink)

    def announce_to(self, sink: Sink) -> None:
        """Call `sink(receipt)` for each receipt when it is made; it must not take long."""
        self._announced = (*self._announced, sink)

    def unsubscribe(self, sink: Sink) -> None:
        """Undo one `subscribe`. Harmless if there was none."""
        sinks = list(self._sinks)
        if sink in sinks:
            sinks.remove(sink)
            self._sinks = tuple(sinks)


def _tell(sinks: tuple[Sink, ...], receipt: Receipt) -> None:
    for sink in sinks:
        try:
            sink(receipt)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            text = f"a subscriber to receipts failed for {receipt!r}"
            logger.exception("receipt subscriber failed", text=text)
