"""The latest crash reports of a server, and how many there were."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from cometary.log import show

if TYPE_CHECKING:
    from cometary.supervision import CrashReport

MOST: Final = 100
"""Reports that are kept."""

DEPTH: Final = 2
"""Steps from the root by which supervisors are told apart: those further down belong to these."""


class Crashes:
    """Takes note of all crash reports of a supervision tree.

    Attributes:
        reports: the latest, the oldest of them first.
        counts: how many there were, by supervisor and by what it did.
    """

    def __init__(self) -> None:
        self.reports: deque[CrashReport] = deque(maxlen=MOST)
        self.counts: Counter[tuple[str, str]] = Counter()

    def note(self, report: CrashReport) -> None:
        """Take note of one report."""
        self.reports.append(report)
        supervisor = "/".join(report.supervisor.split("/")[:DEPTH])
        self.counts[supervisor, report.action] += 1

    def listed(self) -> list[dict[str, Any]]:
        """Return the latest reports as plain data, the oldest of them first."""
        return [{**report.as_dict(), "state": show(report.state)} for report in self.reports]
