"""The loop's lag: how much later than due a task has its turn."""

from __future__ import annotations

from typing import Final

import trio

from cometary.histograms import Histogram

PERIOD: Final = 0.5
"""Seconds between two looks."""

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class LoopLag:
    """Checks twice a second how late it is called, once it has first been asked.

    Attributes:
        histogram: seconds.
    """

    def __init__(self) -> None:
        self.histogram = Histogram(BOUNDS)
        self.looks = False

    async def look(self) -> None:
        """Look until cancelled; called once."""
        self.looks = True
        while True:
            due = trio.current_time() + PERIOD
            await trio.sleep_until(due)
            self.histogram.observe(max(trio.current_time() - due, 0.0))
