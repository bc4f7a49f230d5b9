"""Restart intensity: how many restarts in how much time are still put up with.

Pure: times come in as numbers. Source: OTP design principles, "Maximum Restart Intensity".
"""

from __future__ import annotations

from bisect import bisect_left


class RestartLog:
    """When there were restarts, as far back as it matters.

    Args:
        intensity: restarts that are put up with in one period.
        period: seconds.
    """

    __slots__ = ("_times", "intensity", "period", "total")

    def __init__(self, intensity: int, period: float) -> None:
        self.intensity = intensity
        self.period = period
        self.total = 0
        self._times: list[float] = []

    def allows(self, now: float) -> bool:
        """Note a restart at `now` (seconds); returns False if it is one too many."""
        self.total += 1
        times = self._times
        times.append(now)
        del times[: bisect_left(times, now - self.period)]
        return len(times) <= self.intensity
