"""What a supervisor has counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cometary.supervision.options import Kind


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    """One supervisor, since its present incarnation began.

    Attributes:
        starts: children started, at its own start or on request; restarts are not among them.
        restarts: attempts to restart a child, its siblings' restarts with it included.
        failures: ends of children that were abnormal: crashes, kills, starts that failed.
        children: how many children there are now, by kind.
    """

    starts: int
    restarts: int
    failures: int
    children: Mapping[Kind, int]


class Tally:
    """The same while it is counted."""

    __slots__ = ("failures", "restarts", "starts")

    def __init__(self) -> None:
        self.starts = self.restarts = self.failures = 0

    def total(self, kinds: Iterable[Kind]) -> SupervisorStatistics:
        """Return the statistics of a supervisor with children of these kinds."""
        return SupervisorStatistics(self.starts, self.restarts, self.failures, dict(Counter(kinds)))
