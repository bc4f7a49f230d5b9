"""The receipts of a recorded session that are due: part of its record until the handlers of receipts have had them.

1.  A receipt is recorded in the change that lets go of its packet, or an earlier one (R10). Of which packets the
    receipts were made is recorded with them: so the next owner makes none again.
2.  It is given when it is recorded, and not before: handed to the application, and to whoever asks for receipts.
3.  That its handlers are about to be called is recorded before they are, and when they have returned it is due no more.
    So the next owner knows which call may have been made. It makes none twice, and reports that one as failed.
4.  No more than `MOST` receipts of a session are due in its record at a time. Others are given at once; should the node
    die before their handlers were called, they are not called.

Pure, and a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from cometary.packets.receipts import Receipt

MOST: Final = 100


class Due(NamedTuple):
    """A receipt that is due.

    Attributes:
        number: it is the session's first, second, third.
        receipt: the receipt.
        begun: whether its handlers are called, or about to be.
    """

    number: int
    receipt: Receipt
    begun: bool = False


class DueReceipts(NamedTuple):
    """Those of one session.

    Attributes:
        accounted: how many packets sent to the session alone, from its first one on, have no receipt to come.
        last: how many receipts were made.
        due: those that the application has still to be told.
    """

    accounted: int = 0
    last: int = 0
    due: tuple[Due, ...] = ()

    def with_receipt(self, receipt: Receipt, *, due: bool) -> DueReceipts:
        """Return this with one more receipt that was made; `due`: whether there is somebody to be told."""
        last = self.last + 1
        return self._replace(last=last, due=(*self.due, Due(last, receipt)) if due else self.due)

    def with_begun(self, number: int) -> DueReceipts:
        """Return this with the handlers of a receipt about to be called."""
        return self._replace(
            due=tuple([each._replace(begun=each.begun or each.number == number) for each in self.due])
        )

    def without(self, number: int) -> DueReceipts:
        """Return this with the handlers of a receipt done."""
        return self._replace(due=tuple([each for each in self.due if each.number != number]))

    def has_begun(self, number: int) -> bool:
        """Whether the handlers of a receipt may be called, if this is what the record says (rule 3)."""
        return any(each.begun for each in self.due if each.number == number)

    @property
    def interrupted(self) -> tuple[Due, ...]:
        """Those whose handlers the owner before may have called."""
        return tuple([each for each in self.due if each.begun])

    def written(self) -> bytes:
        """Return what is to be recorded."""
        return _encode(self)


def accounted_for(own: int, waiting: Iterable[str | None]) -> int:
    """Return how many packets sent to a session alone have no receipt to come.

    Args:
        own: how many were sent to it.
        waiting: the receipts that are wanted for those of them that its client is not known to have.
    """
    wanted = [receipt is not None for receipt in waiting]
    return own - (len(wanted) - wanted.index(True) if any(wanted) else 0)


def read_due(written: bytes | None) -> DueReceipts:
    """Read what is recorded; None for nothing."""
    if written is None:
        return DueReceipts()
    accounted, last, due = _decode(written)
    return DueReceipts(
        accounted, last, tuple([Due(number, Receipt(*receipt), begun) for number, receipt, begun in due])
    )


def can_be_written(receipt: Receipt) -> bool:
    """Whether a receipt can be recorded: its session's user may have a name that is no Unicode."""
    try:
        _encode(receipt)
    except (UnicodeEncodeError, OverflowError):
        return False
    return True


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
