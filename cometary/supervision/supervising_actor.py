"""What all supervisors have in common: no orphans, crash reports, and statistics.

1.  No child outlives its supervisor, however that ends.
2.  Reports go up the tree, so who observes the root sees all. What a supervisor remembers, who observes it
    and what it has counted ends with its incarnation: observe one that stays, which the root does.
3.  The functions at the end look at a supervisor from outside, given by its reference or its name; on the loop's
    thread, without waiting.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import trio

from cometary.actors import Actor, Exit
from cometary.actors.messages import ForLife, Stop, as_told
from cometary.actors.names import Whom
from cometary.actors.system import actor_meant
from cometary.errors import ChildStateError
from cometary.escapes import class_name, escapes, exit_in
from cometary.log import get_logger, show
from cometary.supervision.options import Kind
from cometary.supervision.reports import (
    Action,
    CrashReport,
    Observer,
    Offender,
    ProgressObserver,
    ReportSink,
    is_logged,
    log_progress,
    log_report,
    make_progress,
    make_report,
)

R = TypeVar("R")

logger = get_logger("cometary.supervision")

REPORTS_KEPT = 100
"""How many of the latest crash reports a supervisor remembers."""


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    """One supervisor, since its present incarnation began.

    Attributes:
        starts: children started, at its own start or on request; restarts are not among them.
        restarts: attempts to restart a child, its siblings' restarts with it included.
        failures: ends of children that were abnormal: crashes, kills, starts that failed.
        children: how many children there are now, by kind.
    """

    starts: int
    restarts: int
    failures: int
    children: Mapping[Kind, int]


class Tally:
    """The same while it is counted."""

    __slots__ = ("failures", "restarts", "starts")

    def __init__(self) -> None:
        self.starts = self.restarts = self.failures = 0

    def total(self, kinds: Iterable[Kind]) -> SupervisorStatistics:
        """Return the statistics of a supervisor with children of these kinds."""
        return SupervisorStatistics(self.starts, self.restarts, self.failures, dict(Counter(kinds)))


class SupervisingActor(Actor, ReportSink):
    """The base of all supervisors; a task of its own starts, restarts and stops its children.

    Attributes:
        reports: the latest crash reports of this supervisor and of all below it.
        tally: counts starts, restarts and failures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reports: deque[CrashReport] = deque(maxlen=REPORTS_KEPT)
        self.tally = Tally()
        self._observers: dict[Observer, None] = {}
        self._progress_observers: dict[ProgressObserver, None] = {}

    understood: ClassVar[tuple[type, ...]] = ()
    """The classes of messages that it takes; of others only the type is looked at."""

    async def on_receive(self, message: Any) -> Any:
        """Handle a call from outside, or what became of a child."""
        if not issubclass(type(message), self.understood):
            self.warn_of_unknown(message)
            return None
        try:
            return await self.serve(message)
        except BaseException as error:
            if issubclass(type(error), Exception) or escapes(error):
                raise
            # It comes from what it was called with, and is not to end all its children.
            raise as_told(error) from error

    async def serve(self, message: Any) -> Any:
        """Do what a message of one of the classes `understood` asks for."""
        raise NotImplementedError

    async def on_start(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Post the guard. A subclass calls this first, then does what else there is to do."""
        self.start_task(self._guard)

    async def on_stop(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Stop the children in good order."""
        await self.stop_children()

    async def _guard(self) -> None:
        # A supervisor that is stopped stops its children in `on_stop`. One that is killed, or
        # that fails, gets no chance to. But the tasks of an actor are cancelled however it
        # ends, and nobody is told of its end before they are through: so no child outlives
        # this, and a restart of the whole supervisor cannot meet the old children.
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await self.kill_children()

    async def stop_children(self) -> None:
        """Stop all children in good order; returns when they have gone."""
        raise NotImplementedError

    async def kill_children(self) -> None:
        """Kill all children that are left; returns when they have gone."""
        raise NotImplementedError

    def kinds(self) -> Iterable[Kind]:
        """Return the kind of each child."""
        raise NotImplementedError

    def end_now(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """End with `exit` before any other message is handled."""
        # A supervisor without children serves no calls any more. What is in the mail is for
        # its next incarnation.
        self._cell.put_back(iter([ForLife(self._cell.life, Stop(exit))]))

    # -- reports --------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Where in the tree this supervisor is: ids from the root down, joined by slashes."""
        above = self._above
        return type(self).__name__ if above is None else above.path

    @property
    def _above(self) -> ReportSink | None:
        parent: object = self._cell.parent
        return parent if isinstance(parent, ReportSink) else None

    def subscribe(self, observer: Observer) -> None:
        """Call `observer(report)` for every crash of this supervisor's children and of all below, once."""
        self._observers[observer] = None

    def unsubscribe(self, observer: Callable[[Any], None]) -> None:
        """Do not call `observer` any more. Harmless if it was not going to be called."""
        self._observers.pop(observer, None)
        self._progress_observers.pop(observer, None)

    def _show(self, observer: Callable[[R], None], report: R) -> None:
        try:
            observer(report)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            logger.exception(
                "report observer failed", text=f"An observer of crash reports failed: {show(observer)}"
            )

    def subscribe_progress(self, observer: ProgressObserver) -> None:
        """Call `observer(report)` for every start of a child, here and below."""
        self._progress_observers[observer] = None

    def has_progress_observers(self) -> bool:
        """Whether anybody is to be told of children that have started; see `ReportSink`."""
        if self._progress_observers:
            return True
        above = self._above
        return above is not None and above.has_progress_observers()

    def progress_observers(self) -> Iterator[ProgressObserver]:
        """Who is to be told of children that have started; see `ReportSink`."""
        yield from list(self._progress_observers)
        if (above := self._above) is not None:
            yield from above.progress_observers()

    def progress(self, started: Callable[[], Offender]) -> None:
        """Report that a child has started, if anybody listens."""
        if not (is_logged() or self.has_progress_observers()):
            return
        observers = list(self.progress_observers())
        if (report := make_progress(self.path, started())) is None:
            return
        log_progress(report)
        for observer in observers:
            self._show(observer, report)

    def report(self, offender: Offender, exit: Exit, action: Action) -> None:  # noqa: A002 - OTP's word
        """Report how a child ended and what is done about it."""
        self.tally.failures += exit.abnormal
        report = make_report(self.path, offender, exit, action)
        log_report(report, exit)
        self.note(report)

    def warn_of_unknown(self, message: object) -> None:
        """Say that a message was dropped because no supervisor understands it."""
        kind = class_name(type(message))
        text = f"{self.path} dropped a message that it does not know: {kind}"
        logger.warning("unknown message", text=text, supervisor=self.path, message_type=kind)

    def note(self, report: CrashReport) -> None:
        """Remember a report, show it to the observers, and pass it on upwards."""
        self.reports.append(report)
        for observer in list(self._observers):
            self._show(observer, report)
        if (above := self._above) is not None:
            above.note(report)


# -- a supervisor from outside ------------------------------------------------------------------------


def latest_reports(supervisor: Whom) -> tuple[CrashReport, ...]:
    """Return the latest crash reports of `supervisor` and all below it, the oldest first.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    return tuple(_running(supervisor).reports)


def supervisor_statistics(supervisor: Whom) -> SupervisorStatistics:
    """Return what `supervisor` has counted; takes time in proportion to its children.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    actor = _running(supervisor)
    return actor.tally.total(actor.kinds())


def subscribe(supervisor: Whom, observer: Observer) -> None:
    """Call `observer(report)` for every crash below `supervisor` from now on; it must not block.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    _running(supervisor).subscribe(observer)


def subscribe_progress(supervisor: Whom, observer: ProgressObserver) -> None:
    """Call `observer(report)` for every child below `supervisor` that is started; it must not block.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    _running(supervisor).subscribe_progress(observer)


def unsubscribe(supervisor: Whom, observer: Callable[[Any], None]) -> None:
    """Do not call `observer` any more. Harmless if it was not going to be called."""
    actor = actor_meant(supervisor).actor_inbox.actor
    if isinstance(actor, SupervisingActor):
        actor.unsubscribe(observer)


def _running(whom: Whom) -> SupervisingActor:
    supervisor = actor_meant(whom)
    actor = supervisor.actor_inbox.actor
    if not isinstance(actor, SupervisingActor):
        raise ChildStateError(f"{supervisor} is no supervisor that runs")
    return actor
