"""How a dynamic supervisor counts restarts: together for all its children, or for each alone."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal, Protocol

from cometary.supervision.checks import check_choice, check_count, check_seconds
from cometary.supervision.intensity import RestartLog

Per = Literal["supervisor", "child"]


class Accounts(Protocol):
    """Counts the restarts of many children. What it keeps is only about those that were restarted."""

    def allows(self, child: Hashable, now: float) -> bool:
        """Note a restart of `child` at `now` (seconds); returns False if it is one too many."""
        ...

    def restarts(self, child: Hashable) -> int:
        """Return how often `child` has been restarted."""
        ...

    def forget(self, child: Hashable) -> None:
        """Forget a child that has ended for good."""
        ...


class SharedAccount:
    """One log for all children together: OTP's rule.

    Args:
        intensity: restarts that are put up with in one period.
        period: seconds.
    """

    def __init__(self, intensity: int, period: float) -> None:
        self._log = RestartLog(intensity, period)
        self._totals: dict[Hashable, int] = {}

    def allows(self, child: Hashable, now: float) -> bool:
        """See `Accounts`."""
        self._totals[child] = self.restarts(child) + 1
        return self._log.allows(now)

    def restarts(self, child: Hashable) -> int:
        """See `Accounts`."""
        return self._totals.get(child, 0)

    def forget(self, child: Hashable) -> None:
        """See `Accounts`."""
        self._totals.pop(child, None)


class SeparateAccounts:
    """A log for each child: one that keeps crashing is given up, and the others never notice.

    Args:
        intensity: restarts of one child that are put up with in one period.
        period: seconds.
    """

    def __init__(self, intensity: int, period: float) -> None:
        self._intensity = intensity
        self._period = period
        self._logs: dict[Hashable, RestartLog] = {}

    def allows(self, child: Hashable, now: float) -> bool:
        """See `Accounts`."""
        log = self._logs.get(child)
        if log is None:
            log = self._logs[child] = RestartLog(self._intensity, self._period)
        return log.allows(now)

    def restarts(self, child: Hashable) -> int:
        """See `Accounts`."""
        log = self._logs.get(child)
        return 0 if log is None else log.total

    def forget(self, child: Hashable) -> None:
        """See `Accounts`."""
        self._logs.pop(child, None)


def make_accounts(per: Per, intensity: int | None, period: float) -> Accounts:
    """Make the accounts of one supervisor; without an intensity, the default that suits them.

    Raises:
        SpecError: if an option has a value that it may not have; the calling code's fault.
    """
    check_choice("per", per, ("supervisor", "child"))
    check_seconds("period", period, above=0)
    if intensity is not None:
        check_count("intensity", intensity)
    if per == "child":
        return SeparateAccounts(3 if intensity is None else intensity, period)
    return SharedAccount(1 if intensity is None else intensity, period)
