"""Back-off: waiting longer and longer before a child that keeps crashing is restarted.

OTP has none: its supervisors restart at once and give up soon. It pays where a child crashes
because of something outside that needs time to come back, such as a database.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass

from cometary.errors import SpecError
from cometary.supervision.checks import check_instance, check_seconds


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each of several restarts in a row.

    The first restart waits `min`, each further one twice as long as the one before, up to
    `max`. A child that has run for `max` seconds since its last start begins anew at `min`.
    Choose the supervisor's intensity and period so that these waits fit into them.

    Args:
        min: seconds.
        max: seconds.
        jitter: by what part of itself a wait is made longer at most, at random, so that
            children that crashed together do not come back together.

    Raises:
        SpecError: if a field has a value that it may not have; the calling code's fault.
    """

    min: float
    max: float
    jitter: float = 0.1

    def __post_init__(self) -> None:
        check_seconds("backoff min", self.min, above=0)
        check_seconds("backoff max", self.max, least=self.min)
        if not 0 <= self.jitter <= 1:
            raise SpecError(f"backoff jitter must be a part between 0 and 1, not {self.jitter!r}")

    def delay(self, streak: int) -> float:
        """Return the seconds to wait before the restart that follows `streak` others in a row."""
        doubled: float = self.min * 2 ** min(streak, _MANY)
        return min(doubled, self.max) * (1 + self.jitter * random.random())  # noqa: S311 - no secret


def check_backoff(backoff: object) -> None:
    """Check the option of that name; raises `SpecError`."""
    if backoff is not None:
        check_instance("backoff", backoff, Backoff, "a Backoff or None")


_MANY = 64
"""Doublings after which every sensible maximum has been reached, and floats have not overflowed."""


class Delays:
    """How long each of many children waits before its restarts; keeps nothing about the others.

    Args:
        backoff: None if nobody waits.

    Raises:
        SpecError: if it is something else; the calling code's fault.
    """

    def __init__(self, backoff: Backoff | None) -> None:
        check_backoff(backoff)
        self._backoff = backoff
        self._streaks: dict[Hashable, tuple[int, float]] = {}

    def before_restart(self, child: Hashable, now: float) -> float:
        """Note a restart of `child` at `now`; returns the seconds that it has to wait."""
        backoff = self._backoff
        if backoff is None:
            return 0.0
        streak, started_at = self._streaks.get(child, (0, now))
        if now - started_at >= backoff.max:
            streak = 0
        delay = backoff.delay(streak)
        self._streaks[child] = streak + 1, now + delay
        return delay

    def forget(self, child: Hashable) -> None:
        """Forget a child that has ended for good."""
        self._streaks.pop(child, None)
