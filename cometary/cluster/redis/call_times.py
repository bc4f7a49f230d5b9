"""How long the engine takes to answer: one call at a time is looked at, so that it costs next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from cometary.cluster.engine_counts import BOUNDS
from cometary.histograms import Histogram

if TYPE_CHECKING:
    from cometary.cluster.redis.asking import Call


class CallTimes:
    """The times of the calls of one connection, or of several that each report here in turn.

    Attributes:
        histogram: seconds from when a call was written until it was answered.
    """

    def __init__(self) -> None:
        self.histogram = Histogram(BOUNDS)
        self._looked_at: Call | None = None
        self._since = 0.0

    def written(self, call: Call) -> None:
        """Look at a call from now on, unless another one is looked at."""
        if self._looked_at is None:
            self._looked_at = call
            self._since = trio.current_time()

    def answered(self, call: Call) -> None:
        """Count the time of a call, if it is the one that is looked at."""
        if call is self._looked_at:
            self._looked_at = None
            self.histogram.observe(trio.current_time() - self._since)

    def forget(self) -> None:
        """Stop looking at a call: its connection is gone."""
        self._looked_at = None
