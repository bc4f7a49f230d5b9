"""Which of the numbered packets the client has, and therefore where it is.

1.  Packets are numbered in the order in which they are delivered, those sent to the session alone and those of paths'
    logs alike. What a number stands for is kept until the client has acknowledged it.
2.  A packet of a path whose log ends with the node is numbered like any other, and moves no position: a node that
    adopts the session cannot read on there, and says that there is a gap.
3.  Where the client is after a packet follows from where it was at first and the packets up to that one.

Pure, and a value.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cometary.cluster.client_position import ClientPosition
from cometary.packets.position import Position

Mark = tuple[str, Position] | None
"""What a number stands for: a place in a log, or None for a packet sent to the session alone."""

PASSING: Final[Mark] = ("", Position("", 0))
"""What the number of a packet stands for that no log keeps (rule 2)."""


class Deliveries(NamedTuple):
    """The numbers that one owner has given.

    Attributes:
        acknowledged: the number of the last packet that the client has.
        position: where the client is.
        marks: what the numbers after that stand for.
    """

    acknowledged: int = 0
    position: ClientPosition = ClientPosition()
    marks: tuple[Mark, ...] = ()

    @property
    def own(self) -> int:
        """How many packets sent to the session alone the client has."""
        return self.position.own

    def with_own(self, count: int) -> Deliveries:
        """Number packets sent to the session alone."""
        return self._replace(marks=self.marks + (None,) * count)

    def with_logged(self, log: str, place: Position) -> Deliveries:
        """Number a packet of a path's log."""
        return self._replace(marks=(*self.marks, (log, place)))

    def with_passing(self) -> Deliveries:
        """Number a packet that no log keeps."""
        return self._replace(marks=(*self.marks, PASSING))

    def position_at(self, number: int) -> ClientPosition:
        """Return where the client is when it has all up to this number."""
        marks = self.marks[: max(number - self.acknowledged, 0)]
        if not marks:
            return self.position
        logs = dict(self.position.logs) | dict(
            [mark for mark in marks if mark is not None and mark is not PASSING]
        )
        return ClientPosition(self.own + marks.count(None), tuple(sorted(logs.items())))

    def moved_by(self, first: int, count: int) -> ClientPosition | None:
        """Return where the client is that gets so many packets from a number on; None if that is where it was."""
        begin = max(first - 1 - self.acknowledged, 0)
        end = max(first - 1 + count - self.acknowledged, 0)
        if all(mark is PASSING for mark in self.marks[begin:end]):
            return None
        return self.position_at(first - 1 + count)

    def acknowledge(self, number: int) -> Deliveries | None:
        """Forget all up to this number; None if no packet was given it."""
        if number <= self.acknowledged:
            return self
        if number > self.acknowledged + len(self.marks):
            return None
        return Deliveries(number, self.position_at(number), self.marks[number - self.acknowledged :])
