"""Restart policy: whether a child that ended is restarted, who with it, how often at most, and how soon.

1.  The restart type and how the child ended say whether it is restarted (`Exit.matters`), the strategy says with whom.
2.  Each restart is counted. More than `intensity` within `period` seconds are one too many: then the
    supervisor gives up, all its children or, if each has a count of its own, that child.
3.  With a back-off, a child that keeps crashing waits longer and longer. OTP has none: its supervisors
    restart at once and give up soon. It pays where a child crashes because of something outside that
    needs time to come back, such as a database.

Pure: times come in as numbers. Sources: OTP, `supervisor`, sections "Child Specification" and "Supervision
Principles"; OTP design principles, "Maximum Restart Intensity".
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cometary.errors import SpecError
from cometary.supervision.options import (
    Per,
    Strategy,
    check_choice,
    check_count,
    check_instance,
    check_seconds,
)

T = TypeVar("T")


# -- with whom ---------------------------------------------------------------------------


def restarted_with(strategy: Strategy, children: Sequence[T], failed: T) -> Sequence[T]:
    """Return the children that are stopped, and started again, when `failed` is restarted.

    In the order in which they are started, with `failed` among them; they are stopped in the
    reverse order.
    """
    if strategy == "one_for_all":
        return list(children)
    if strategy == "rest_for_one":
        return list(children[children.index(failed) :])
    return [failed]


# -- how often ----------------------------------------------------------------------------------------


class RestartLog:
    """When there were restarts, as far back as it matters.

    Args:
        intensity: restarts that are put up with in one period.
        period: seconds.
    """

    __slots__ = ("_times", "intensity", "period")

    def __init__(self, intensity: int, period: float) -> None:
        self.intensity = intensity
        self.period = period
        self._times: list[float] = []

    def allows(self, now: float) -> bool:
        """Note a restart at `now` (seconds); returns False if it is one too many."""
        times = self._times
        times.append(now)
        past = bisect_left(times, now - self.period)
        if 2 * past > len(times):  # seldom, since what is behind them moves up, however many these are
            del times[:past]
            past = 0
        return len(times) - past <= self.intensity


def check_limits(intensity: int, period: float) -> None:
    """Check these two options. Raises `SpecError`."""
    check_count("intensity", intensity)
    check_seconds("period", period, above=0)


class RestartCounts:
    """Counts the restarts of many children. What it keeps is only about those that were restarted.

    Args:
        per: `supervisor`: one log for all children together, which is OTP's rule; `child`: a log for
            each, so that one that keeps crashing is given up and the others never notice.
        intensity: restarts that are put up with in one period; None: the default that suits `per`.
        period: seconds.

    Raises:
        SpecError: if an option has a value that it may not have; the calling code's fault.
    """

    def __init__(self, per: Per, intensity: int | None, period: float) -> None:
        check_choice("per", per, ("supervisor", "child"))
        if intensity is None:
            intensity = 3 if per == "child" else 1
        check_limits(intensity, period)
        self._intensity: int = intensity
        self._period: float = period
        self._shared = RestartLog(intensity, period) if per == "supervisor" else None
        self._totals: dict[Hashable, int] = {}
        self._logs: dict[Hashable, RestartLog] = {}

    def allows(self, child: Hashable, now: float) -> bool:
        """Note a restart of `child` at `now` (seconds); returns False if it is one too many."""
        self._totals[child] = self.restarts(child) + 1
        log = self._shared or self._logs.get(child)
        if log is None:
            log = self._logs[child] = RestartLog(self._intensity, self._period)
        return log.allows(now)

    def change(self, intensity: int, period: float | None) -> None:
        """Put up with `intensity` restarts in `period` seconds (None: as before) from now on; those counted still do.

        Raises:
            SpecError: for a value that an option may not have; nothing has changed.
        """
        period = self._period if period is None else period
        check_limits(intensity, period)
        self._intensity, self._period = intensity, period
        for log in self._logs.values() if self._shared is None else (self._shared,):
            log.intensity, log.period = intensity, period

    def restarts(self, child: Hashable) -> int:
        """Return how often `child` has been restarted."""
        return self._totals.get(child, 0)

    def forget(self, child: Hashable) -> None:
        """Forget a child that has ended for good."""
        self._totals.pop(child, None)
        self._logs.pop(child, None)


# -- how soon -----------------------------------------------------------------------------------------


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


def check_backoff(backoff: object) -> None:
    """Check the option of that name; raises `SpecError`."""
    if backoff is not None:
        check_instance("backoff", backoff, Backoff, "a Backoff or None")


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
