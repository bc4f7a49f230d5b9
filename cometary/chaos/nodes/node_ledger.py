"""What became of the packets of a page whose session outlives its node.

1.  A packet whose handler had begun when its node died is not handled again: the application is told, and tells the
    page. That takes the place of an answer, once; repetitions say nothing new. Such packets are counted separately,
    neither as received nor as lost.
2.  A page is told of what is published while its session is nowhere as a gap, for each path. So numbers missing there
    were announced; any others are lost.

Pure: the time comes from a function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.chaos.ledger import Counts, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.chaos.nodes.moves import Moves


class NodeLedger(Ledger):
    """See above.

    Args:
        moves: told how long packets took.
        now: returns the time, in seconds.

    Attributes:
        gaps: how many gaps there were.
    """

    def __init__(self, moves: Moves, now: Callable[[], float]) -> None:
        super().__init__()
        self._moves = moves
        self._now = now
        self._sent_at: dict[int, float] = {}
        self._interrupted = set[int]()
        self.gaps = 0

    @property
    def interrupted(self) -> int:
        """How many packets had a handler that a death interrupted (rule 1)."""
        return len(self._interrupted)

    @property
    def known(self) -> int:
        """How many packets are known to have been handled, or not."""
        return self.sent - self.outstanding

    def number(self) -> int:
        """See `Ledger`."""
        number = super().number()
        self._sent_at[number] = self._now()
        return number

    def answered(self, own: int, number: int) -> None:
        """See `Ledger`."""
        super().answered(own, number)
        since = self._sent_at.pop(number, None)
        if since is not None:
            self._moves.took(self._now() - since)

    def failed(self, number: int) -> None:
        """Take note that a packet's handler was interrupted (rule 1)."""
        if number not in self._interrupted:
            self._interrupted.add(number)
            self._sent_at.pop(number, None)
            self._up.take(number)

    def gap(self) -> None:
        """Take note that numbers may be missing from what everybody is told (rule 2)."""
        self.gaps += 1
        for stream in self._beats.values():
            stream.forgive()

    def up(self) -> Counts:
        """See `Ledger`; without those that were interrupted."""
        counts = super().up()
        counts.sent -= self.interrupted
        counts.received -= self.interrupted
        return counts
