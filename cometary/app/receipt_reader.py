"""The reader that hands receipts to the application, one at a time and in order.

Its place in the log outlives a crash of the function that reads: a receipt is taken before it is
handed over, so that one whose handler crashes is not handed over again, and the next one is. Before
that the application is told of the failure.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import trio

from cometary.escapes import escapes
from cometary.log import get_logger
from cometary.sessions.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.packets.receipts import Receipt, ReceiptLog

logger = get_logger("cometary.sessions")


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
        self._next = log.last
        self._changed = trio.Event()
        self._idle = trio.Event()
        self._idle.set()
        log.subscribe(self._wake)

    def _wake(self, _receipt: Receipt) -> None:
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
        while True:
            await self._wait_for_more()
            page = self._log.read(self._next, limit=1)
            self._next = page.last
            if page.missed:
                text = f"the application has missed {page.missed} receipts: it is too slow"
                logger.warning("receipts missed", text=text, missed=page.missed)
            for receipt in page.receipts:
                await self._hand_over(receipt)

    async def _hand_over(self, receipt: Receipt) -> None:
        try:
            outcome = self._handle(receipt)
            if inspect.isawaitable(outcome):
                await outcome
        except BaseException as error:
            if escapes(error):
                raise
            self._failure = Failure("receipt", error, receipt=receipt)
            raise

    async def _wait_for_more(self) -> None:
        await trio.lowlevel.checkpoint()  # so that no flood of receipts starves the sockets
        while self._next == self._log.last:
            self._changed = trio.Event()
            self._idle.set()
            await self._changed.wait()

    async def caught_up(self) -> None:
        """Wait until all receipts so far have been handed over."""
        await self._idle.wait()
