"""Reports: what happened to a child, as data and as one log record.

1.  A crash report is made by the supervisor that decides about the child, and passed up the tree: an
    observer of the root sees all of them. The actor's cell logs nothing when there is a supervisor, so
    every crash is logged exactly once.
2.  A progress report tells of a start. Most of them are nobody's concern (OTP does not show them by
    default either), so one is made only if somebody listens; its log event has the level `debug`. That
    restarts were given up, and why, is in the crash report.
3.  The traceback becomes text when it is first read: `cometary.supervision.traceback_text`.

Source: OTP, `supervisor`, "supervisor reports" and "progress reports", and `proc_lib`, "crash reports".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple

from cometary.actors import ActorRef, Exit
from cometary.actors.formatting import format_message
from cometary.actors.names import names_shown
from cometary.errors import ChildStartError
from cometary.escapes import really
from cometary.log import get_logger, show
from cometary.supervision.traceback_text import TracebackText

NAME: Final = "cometary.supervision"
logger = get_logger(NAME)
is_enabled = logging.getLogger(NAME).isEnabledFor

Action = Literal["restart", "give_up", "nothing"]
Observer = Callable[["CrashReport"], None]
ProgressObserver = Callable[["ProgressReport"], None]


class ReportSink:
    """Whoever takes reports on their way up the tree. No abstract class: to ask for one of those takes too long."""

    @property
    def path(self) -> str:
        """Where in the tree this is: ids from the root down, joined by slashes."""
        raise NotImplementedError

    def note(self, report: CrashReport) -> None:
        """Take note of a report, and pass it on upwards."""
        raise NotImplementedError

    def has_progress_observers(self) -> bool:
        """Whether anybody is to be told of children that have started, here or further up."""
        return False

    def progress_observers(self) -> Iterator[Callable[[Any], None]]:
        """Who is to be told of children that have started, here and further up."""
        return iter(())


class Offender(NamedTuple):
    """Whom a report is about: its id, its class or function, its reference, its restarts so far."""

    child: str
    actor: str
    ref: ActorRef[Any] | None
    restarts: int


# -- crash reports ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CrashReport:
    """One unexpected end of a child.

    Attributes:
        supervisor: path of the supervisor in the tree, such as `root/web`.
        child: the child's id; for a child of a dynamic supervisor that has none, its
            `display_name` if its actor has that attribute, else empty.
        actor: name of its class or function.
        urn: the actor's universally unique name; None if it never came to be.
        names: what it was registered as, as text; the first few.
        reason: how it ended, see `Exit.reason`.
        error: the exception, as text; None if there was none.
        last_message: the message that it was handling, as the `format_message` of its class
            shows it; None if it was handling none.
        state: what its `crash_state()` said.
        action: what the supervisor does about it: `restart`, `give_up` or `nothing`.
        restarts: how often the child had been restarted before.
        time: seconds since the epoch.
    """

    supervisor: str
    child: str
    actor: str
    urn: str | None
    names: tuple[str, ...]
    reason: str
    error: str | None
    _traceback: TracebackText | None = field(repr=False)
    last_message: str | None
    state: object
    action: Action
    restarts: int
    time: float

    @property
    def traceback(self) -> str:
        """The exception with its traceback, as text, made when it is first asked for; empty if there was none."""
        return "" if self._traceback is None else str(self._traceback)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a map; ready for JSON if the state is."""
        names = (name.removeprefix("_") for name in self.__slots__)
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        who = f"{self.supervisor}/{self.child}" if self.child else f"{self.supervisor}/"
        how = f"{self.reason}: {self.error}" if self.error else self.reason
        doing = f" while handling {self.last_message}" if self.last_message else ""
        then = _THEN[self.action]
        urn = () if self.urn is None else (self.urn,)
        named = " ".join([self.actor, *map(repr, self.names), *urn])
        ended = "ended" if urn else "did not start"
        return f"{who} ({named}) {ended}, {how}{doing}; {then}, restarts so far: {self.restarts}"


_THEN = {"restart": "it is restarted", "give_up": "restarts are given up", "nothing": "nothing is done"}


def make_report(supervisor: str, offender: Offender, exit: Exit, action: Action) -> CrashReport:  # noqa: A002
    """Make the report of one exit; it keeps nothing of the actor alive."""
    error, ref = exit.error, offender.ref
    return CrashReport(
        supervisor=supervisor,
        child=offender.child or exit.name,
        actor=offender.actor,
        urn=None if ref is None else ref.actor_urn,
        names=exit.names or (() if ref is None else names_shown(ref)),
        reason=exit.reason,
        error=None if error is None else show(error),
        _traceback=None if error is None else TracebackText(error),
        last_message=None if ref is None else format_message(ref.actor_class, exit.last_message),
        state=exit.state,
        action=action,
        restarts=offender.restarts,
        time=time.time(),
    )


def log_report(report: CrashReport, exit: Exit) -> None:  # noqa: A002 - OTP's word
    """Log a report: a crash as an error, any other end as a warning.

    That a child supervisor failed because of a child of its own has been logged as an error
    one level below, with its traceback.
    """
    crash = exit.reason == "crashed" and not really(exit.error, ChildStartError)
    level = logging.ERROR if crash else logging.WARNING
    if not logger.isEnabledFor(level):
        return  # before the report is put into words
    fields = report.as_dict()
    logger.log(
        level,
        "child ended",
        text=str(report),
        exc_info=exit.error if crash else None,
        extra={"crash_report": fields},
        # The record has the time and the traceback already.
        **{name: value for name, value in fields.items() if name not in {"time", "traceback"}},
    )


# -- progress reports ---------------------------------------------------------------------------------


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
    return is_enabled(logging.DEBUG)


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
