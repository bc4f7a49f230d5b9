"""Very many durations in little memory, with quantiles that are right to about two percent. Pure."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

STEPS: Final = 32
"""Buckets for each doubling: a bucket is 2.2 % wide."""

LEAST: Final = 1e-6
"""Seconds; anything shorter counts as this."""


class Quantiles:
    """Counts durations, in seconds, by their logarithm."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.count += 1
        self.longest = max(self.longest, seconds)
        self._buckets[math.ceil(math.log2(max(seconds, LEAST)) * STEPS)] += 1

    def summary(self) -> dict[str, float]:
        """Return how many there are, and the quantiles that are told."""
        return {"count": self.count, "p50": self.at(0.5), "p99": self.at(0.99), "max": self.longest}

    def at(self, share: float) -> float:
        """Return the duration that this share of all does not exceed; 0 if there are none."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(2 ** (bucket / STEPS), self.longest)
        return self.longest
