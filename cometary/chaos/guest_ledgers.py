"""Ledgers for wires that promise less: what was under way when a connection broke is judged by what they promise.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from cometary.chaos.ledger import Counts, Ledger


class LosingLedger(Ledger):
    """The server may not have taken everything that was under way to it when a connection broke.

    Even so, what was confirmed has arrived, and nothing comes twice or out of order.
    """

    def __init__(self) -> None:
        super().__init__()
        self._open: set[int] = set()

    def doubt(self, numbers: Iterable[int]) -> None:
        """Take note that these were under way."""
        self._open.update(numbers)

    def answered(self, own: int, number: int) -> None:
        """See `Ledger`."""
        self._open.discard(number)
        super().answered(own, number)

    @property
    def excused(self) -> int:
        """How many of these have not been heard of since."""
        return len(self._open)

    @property
    def outstanding(self) -> int:
        """How many packets have not been answered, without these."""
        return super().outstanding - self.excused

    def up(self) -> Counts:
        """See `Ledger`; without these."""
        counts = super().up()
        counts.sent -= self.excused
        return counts


class DoublingLedger(Ledger):
    """What was under way in either direction when a connection broke may come again."""

    def __init__(self) -> None:
        super().__init__()
        self._open: set[int] = set()
        self._come: set[int] = set()
        self._twice = 0

    def doubt(self, numbers: Iterable[int]) -> None:
        """Take note that these were under way."""
        self._open.update(numbers)

    def answered(self, own: int, number: int) -> None:
        """See `Ledger`."""
        if number in self._come and number in self._open:
            self._twice += 1
            return
        self._come.add(number)
        super().answered(own, number)

    @property
    def excused(self) -> int:
        """How many have come again."""
        return self._twice
