"""What is done with the receipts of one recorded session; the rules are those of `due_receipts`.

A receipt whose handlers may not be called here, since the session goes on elsewhere, is given there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.cluster.due_receipts import MOST, can_be_written, read_due

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.cluster.due_receipts import Due
    from cometary.packets.receipts import Receipt, ReceiptLog


class RecordedReceipts:
    """Those of one session.

    Args:
        written: what is recorded; None for nothing.
        log: takes what is given.
        touch: has what has changed recorded.
        is_owned: whether this node owns the session, as far as it can know.

    Attributes:
        changed: whether there is something to record.
        leaving: whether no more handlers are to be called here.
    """

    __slots__ = (
        "_calls",
        "_forgotten",
        "_is_owned",
        "_last_written",
        "_log",
        "_made",
        "_recorded",
        "_touch",
        "_value",
        "_written",
        "changed",
        "leaving",
    )

    def __init__(
        self,
        written: bytes | None,
        log: ReceiptLog,
        touch: Callable[[], object],
        is_owned: Callable[[], bool],
    ) -> None:
        self._written = written
        self._value = self._recorded = read_due(written)
        self._last_written = (written, self._value)
        self._log = log
        self._touch = touch
        self._is_owned = is_owned
        self._made: dict[int, Receipt] = {}  # those that are not recorded yet
        self._calls: dict[int, ReceiptCall] = {}
        self._forgotten = False
        self.changed = False
        self.leaving = False

    @property
    def accounted(self) -> int:
        """See `DueReceipts.accounted`; as it was told last."""
        return self._value.accounted

    @property
    def due(self) -> bool:
        """Whether there are any that the application has still to be told."""
        return bool(self._value.due)

    @property
    def begun(self) -> bool:
        """Whether handlers of any are called, or about to be."""
        return any(each.number in self._calls for each in self._value.interrupted)

    def add(self, receipt: Receipt) -> None:
        """Take a receipt that was made, and give it when it is recorded."""
        if self._forgotten:
            self._log.enter(receipt)
            return
        handled = self._log.is_handled
        due = handled and len(self._value.due) < MOST and can_be_written(receipt)
        self._value = self._value.with_receipt(receipt, due=due)
        if due or not handled:
            self._made[self._value.last] = receipt
        else:
            self._log.enter(receipt)
        self._note_change()

    def _note_change(self) -> None:
        self.changed = True
        self._touch()

    # -- the record

    def written(self, accounted: int) -> bytes:
        """Return what is to be recorded."""
        self.changed = False
        self._value = self._value._replace(accounted=max(accounted, self._value.accounted))
        written = self._value.written()
        self._last_written = (written, self._value)
        return written

    def note_recorded(self, written: bytes | None) -> None:
        """Take note of what is recorded: give the receipts that were waiting for that, and call their handlers."""
        if written != self._written:
            last, value = self._last_written
            self._written, self._recorded = written, value if written == last else read_due(written)
            for number in [each for each in self._made if each <= self._recorded.last]:
                self._give(number, self._made.pop(number))
        self._wake()

    def _give(self, number: int, receipt: Receipt) -> None:
        if any(each.number == number for each in self._value.due):
            call = self._calls[number] = ReceiptCall(self, number)
            self._log.enter(receipt, call)
        else:
            self._log.enter(receipt)

    # -- of a session that is adopted

    def give_again(self) -> None:
        """Give those that the owner before had not begun to tell the application."""
        for each in self._value.due:
            if not each.begun:
                if not self._log.is_handled:
                    self.end(each.number)
                self._give(each.number, each.receipt)

    @property
    def interrupted(self) -> tuple[Due, ...]:
        """Those whose handlers the owner before may have called."""
        return tuple([each for each in self._value.interrupted if each.number not in self._calls])

    # -- the calls of handlers

    def begin(self, number: int) -> None:
        """Have it recorded that the handlers of a receipt are about to be called, if they may be called here."""
        if not (self.leaving or self._forgotten):
            self._value = self._value.with_begun(number)
            self._note_change()

    def may_call(self, number: int) -> bool | None:
        """Whether they may be called; None if that is not known yet."""
        if self._forgotten or not self._value.has_begun(number):
            return False
        return True if self._recorded.has_begun(number) and self._is_owned() else None

    def end(self, number: int) -> None:
        """Take note that they were called, or that their death was reported."""
        self._calls.pop(number, None)
        self._value = self._value.without(number)
        self._note_change()

    def leave(self) -> None:
        """Call no more handlers than are about to be called."""
        self.leaving = True

    def forget(self, *, gone: bool) -> None:
        """Let go of the session; `gone`: it is over, so what is not recorded is given here or nowhere."""
        self._forgotten = True
        if gone:
            for receipt in self._made.values():
                self._log.enter(receipt)
        self._made.clear()
        self._wake()

    def _wake(self) -> None:
        for call in [*self._calls.values()]:
            call.wake()


class ReceiptCall:
    """The call of the handlers for one receipt: see `ReceiptCall` of `cometary.packets.receipts`.

    Args:
        receipts: those of its session.
        number: which of them.
    """

    __slots__ = ("_number", "_receipts", "wake")

    def __init__(self, receipts: RecordedReceipts, number: int) -> None:
        self._receipts = receipts
        self._number = number
        self.wake: Callable[[], object] = _ask_nobody

    def ask(self, wake: Callable[[], object]) -> None:
        """Have it recorded that it is about to be made."""
        self.wake = wake
        self._receipts.begin(self._number)

    @property
    def may_begin(self) -> bool | None:
        """Whether it may be made."""
        return self._receipts.may_call(self._number)

    def end(self) -> None:
        """Take note that it was made, or never will be."""
        self._receipts.end(self._number)


def _ask_nobody() -> None:
    """Wake nobody: nobody has asked."""
