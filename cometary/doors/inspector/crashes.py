"""Crash reports, as pages see them: those in view without their tracebacks, one of them whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.doors.inspector import looks

IN_A_LINE: Final = ("supervisor", "child", "actor", "urn", "reason", "error", "action", "restarts", "time")
SEARCHED: Final = ("supervisor", "child", "actor", "error", "reason")


def listed(look: looks.Crashes, reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the lines of the list that are in view, the latest first."""
    found = _found(look, reports)
    shown = found[look.first : look.first + look.most]
    lines = [{member: report[member] for member in IN_A_LINE} for report in shown]
    return {"at": "crashes", "first": look.first, "total": len(found), "lines": lines}


def heads(look: looks.Crashes, most: int, reports: Sequence[dict[str, Any]]) -> tuple[int, list[float]]:
    """Return how long that list is, and by which numbers its first `most` lines are in order."""
    found = _found(look, reports)
    return len(found), [-report["time"] for report in found[:most]]


def _found(look: looks.Crashes, reports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = look.search.casefold()
    return [
        report
        for report in reversed(reports)
        if any(wanted in str(report[member]).casefold() for member in SEARCHED)
    ]


def one(look: looks.Crash, reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one report.

    Raises:
        ProtocolError: `not-found`; it is not kept any more.
    """
    for report in reports:
        if (report["time"], report["urn"]) == (look.time, look.urn):
            return {"at": "crash", **report}
    raise ProtocolError("not-found", "This crash report is no longer kept.")
