"""The order of one path with a history, at one node: what comes of it from all nodes, made one sequence.

    in order ── a number comes whose forerunner has not ──→ lacking ── that comes, or all that is kept ──→ in order

1.  The engine has given each update its number, and says which number the one before on the path had. One is let out
    when the one before it was; the others are held.
2.  What has come before, or was read before it came, is ignored.
3.  Numbers of another base (`cometary.cluster.path_logs`) begin anew: all that is held of the base before is let out
    first. What comes of that one afterwards is let out at once: its place is past, but nobody has had it.

Pure.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from cometary.cluster.path_logs import base_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.packets.packet import Packet


class Numbered(NamedTuple):
    """An update that has its number.

    Attributes:
        epoch: of the number.
        number: the number.
        before: that of the one before it on its path.
        packet: the update.
    """

    epoch: str
    number: int
    before: int
    packet: Packet


class PathOrder:
    """It.

    Args:
        epoch: the present one.
        last: the number of the last update that was let out.
    """

    __slots__ = ("_base", "_former", "_held", "_numbers", "last")

    def __init__(self, epoch: str, last: int) -> None:
        self._base = base_of(epoch)
        self.last = last
        self._former = ("", 0)  # the base before, and the last number of that
        self._held: dict[int, Numbered] = {}
        self._numbers: list[int] = []  # of these, as a heap

    @property
    def held(self) -> int:
        """How many are held, since others have not come."""
        return len(self._held)

    def misses(self, epoch: str, number: int) -> bool:
        """Whether something has not come, given the latest number."""
        return number > self.last or base_of(epoch) != self._base

    def take(self, new: Numbered) -> list[Numbered]:
        """Take one; returns what may be let out, in its order."""
        base = base_of(new.epoch)
        if base == self._former[0]:
            return [new] if new.number > self._former[1] else []
        out = self._begin(base)
        self._hold(new)
        return out + self._next()

    def fill(self, epoch: str, number: int, entries: Iterable[Numbered]) -> list[Numbered]:
        """Take everything behind the last one, up to the latest number; returns what may be let out."""
        out = self._begin(base_of(epoch))
        for entry in entries:
            self._hold(entry)
        while self._numbers and self._numbers[0] <= number:
            out.append(self._pop())
        self.last = max(self.last, number)
        return out + self._next()

    def _begin(self, base: str) -> list[Numbered]:
        """Begin another base, if it is one; returns what is left of the one before."""
        if base == self._base:
            return []
        left = [self._pop() for _ in range(len(self._numbers))]
        self._former = self._base, self.last
        self._base, self.last = base, 0
        return left

    def _hold(self, new: Numbered) -> None:
        if new.number > self.last and new.number not in self._held:
            self._held[new.number] = new
            heappush(self._numbers, new.number)

    def _next(self) -> list[Numbered]:
        out: list[Numbered] = []
        while self._numbers and self._held[self._numbers[0]].before <= self.last:
            out.append(self._pop())
        return out

    def _pop(self) -> Numbered:
        number = heappop(self._numbers)
        self.last = max(self.last, number)
        return self._held.pop(number)
