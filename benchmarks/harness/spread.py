"""The one statistic of the benchmarks: a median, with the range it was taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of what the rounds gave, and how far they lay apart."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Returns the spread of some values; None if there are none."""
        if not values:
            return None
        return cls(median(values), min(values), max(values), len(values))
