"""Back-off: waiting longer and longer before a child that keeps crashing is restarted.

OTP has none: its supervisors restart at once and give up soon. It pays where a child crashes
because of something outside that needs time to come back, such as a database.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from cometary.errors import SpecError
from cometary.supervision.checks import check_seconds


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


_MANY = 64
"""Doublings after which every sensible maximum has been reached, and floats have not overflowed."""
