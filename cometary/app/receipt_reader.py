"""The reader that hands receipts to the application, one at a time and in order.

Its place in the log outlives a crash of the function that reads: a receipt is taken before it is
handed over, so that one whose handler crashes is not handed over again, and the next one is. Before
that the application is told of the failure.

A receipt of a recorded session is handed over when it is recorded that it is about to be. A few are kept waiting for
that, and those of other sessions do not wait behind them.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from cometary.escapes import escapes
from cometary.log import get_logger
from cometary.sessions.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.packets.receipts import Receipt, ReceiptCall, ReceiptLog

logger = get_logger("cometary.sessions")

AT_ONCE: Final = 8
"""Receipts that wait until their calls are recorded as begun. Should the process die, all of them are failures."""


class Taken(NamedTuple):
    """A receipt that was taken from the log.

    Attributes:
        receipt: the receipt.
        call: that of its handlers, if its session is recorded.
    """

    receipt: Receipt
    call: ReceiptCall | None


class ReceiptReader:
    """Reads a log from now on.

    Args:
        log: the log.
        handle: called with each receipt; what it returns is awaited if it can be.
        failed: called with the failure when `handle` has raised, likewise.
    """

    def __init__(
        self,
        log: ReceiptLog,
        handle: Callable[[Receipt], Awaitable[object] | None],
        failed: Callable[[Failure], Awaitable[object] | None],
    ) -> None:
        self._log = log
        self._handle = handle
        self._failed = failed
        self._failure: Failure | None = None
        self._failed_call: ReceiptCall | None = None
        self._waiting: list[Taken] = []  # those whose calls are not recorded as begun yet
        self._next = log.last
        self._changed = trio.Event()
        self._idle = trio.Event()
        self._idle.set()
        log.is_handled = True
        log.subscribe(self._wake)

    def _wake(self, _receipt: Receipt | None = None) -> None:
        if self._idle.is_set():
            self._idle = trio.Event()
        self._changed.set()

    async def run(self) -> None:
        """Hand over receipts until cancelled; an async function for a supervisor."""
        failure, self._failure = self._failure, None
        if failure is not None:
            outcome = self._failed(failure)
            if inspect.isawaitable(outcome):
                await outcome
            self._end(self._failed_call)
        while True:
            await self._hand_over(await self._take())

    async def _hand_over(self, taken: Taken) -> None:
        try:
            outcome = self._handle(taken.receipt)
            if inspect.isawaitable(outcome):
                await outcome
        except BaseException as error:
            if escapes(error):
                raise
            self._failure = Failure("receipt", error, receipt=taken.receipt)
            self._failed_call = taken.call
            raise
        self._end(taken.call)

    @staticmethod
    def _end(call: ReceiptCall | None) -> None:
        if call is not None:
            call.end()

    async def _take(self) -> Taken:
        """Wait for a receipt that may be handed over."""
        await trio.lowlevel.checkpoint()  # so that no flood of receipts starves the sockets
        while True:
            self._changed = trio.Event()
            taken = self._begun() or self._next_in_log() or self._begun()
            if taken is not None:
                return taken
            if not self._waiting:
                self._idle.set()
            await self._changed.wait()

    def _begun(self) -> Taken | None:
        """Take the first of those that wait and may be handed over, and drop those that are for another node."""
        may_begin = [(each, each.call is None or each.call.may_begin) for each in self._waiting]
        first = next((each for each, may in may_begin if may), None)
        self._waiting = [each for each, may in may_begin if may is not False and each is not first]
        return first

    def _next_in_log(self) -> Taken | None:
        """Take from the log, up to the next receipt that may be handed over at once."""
        while self._next != self._log.last and len(self._waiting) < AT_ONCE:
            page = self._log.read(self._next, limit=1)
            self._next = page.last
            if page.missed:
                text = f"the application has missed {page.missed} receipts: it is too slow"
                logger.warning("receipts missed", text=text, missed=page.missed)
            [receipt] = page.receipts
            call = self._log.call_of(page.last)
            if call is None:
                return Taken(receipt, None)
            self._waiting.append(Taken(receipt, call))
            call.ask(self._wake)
        return None

    async def caught_up(self) -> None:
        """Wait until all receipts so far have been handed over."""
        await self._idle.wait()
