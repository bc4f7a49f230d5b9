"""What one node counts of its engine."""

from __future__ import annotations

from typing import Final

from cometary.histograms import Histogram

BOUNDS: Final = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    10.0,
)
"""Seconds: a tenth of a millisecond when all is well, ten seconds when nobody waits any more."""


class EngineCounts:
    """See above.

    Args:
        answers: how long the engine takes to answer; None for one that has never been asked.

    Attributes:
        commits: changes of records that this node has asked for.
        adoptions: sessions that it has adopted.
        answers: seconds from when a call was written until it was answered, of some.
    """

    def __init__(self, answers: Histogram | None = None) -> None:
        self.commits = 0
        self.adoptions = 0
        self.answers = answers or Histogram(BOUNDS)
