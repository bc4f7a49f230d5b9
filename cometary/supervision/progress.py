"""Progress reports: which child was started, and which again. As data, and as a log event at level `debug`.

Most of them are nobody's concern (OTP does not show them by default either), so one is made only
if somebody listens. That restarts were given up, and why, is in the crash report.

Source: OTP, `supervisor`, "progress reports".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from cometary.log import get_logger
from cometary.supervision.reports import Offender

logger = get_logger("cometary.supervision")

ProgressObserver = Callable[["ProgressReport"], None]


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """One child that has been started.

    Attributes:
        supervisor: path of the supervisor in the tree, such as `root/web`.
        child: the child's id, or empty if it has none.
        actor: name of its class or function.
        urn: its universally unique name.
        restarts: how often it has been restarted, this time included; 0 for the first start.
        time: seconds since the epoch.
    """

    supervisor: str
    child: str
    actor: str
    urn: str
    restarts: int
    time: float

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a map, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        how = f"restarted, restarts so far: {self.restarts}" if self.restarts else "started"
        return f"{self.supervisor}/{self.child} ({self.actor} {self.urn}) {how}"


def is_logged() -> bool:
    """Whether the log takes progress reports."""
    return logger.isEnabledFor(logging.DEBUG)


def make_progress(supervisor: str, started: Offender) -> ProgressReport | None:
    """Make the report of one start; None if the child has ended already."""
    ref = started.ref
    if ref is None:
        return None
    return ProgressReport(
        supervisor, started.child, started.actor, ref.actor_urn, started.restarts, time.time()
    )


def log_progress(report: ProgressReport) -> None:
    """Log a report."""
    fields = report.as_dict()
    del fields["time"]  # the record has one
    logger.debug(
        "child restarted" if report.restarts else "child started",
        text=str(report),
        extra={"progress_report": report.as_dict()},
        **fields,
    )
