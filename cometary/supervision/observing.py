"""A supervisor from outside: its crash reports and its statistics. On the loop's thread, without waiting.

Reports go up the tree, so who observes the root sees all. What a supervisor remembers, and who
observes it, ends with its incarnation: observe one that stays, which the root does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cometary.actors import ActorRef
from cometary.errors import ChildStateError
from cometary.supervision.family import SupervisingActor
from cometary.supervision.progress import ProgressObserver
from cometary.supervision.reports import CrashReport, Observer
from cometary.supervision.statistics import SupervisorStatistics


def latest_reports(supervisor: ActorRef[Any]) -> tuple[CrashReport, ...]:
    """Return the latest crash reports of `supervisor` and all below it, the oldest first.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    return tuple(_running(supervisor).reports)


def supervisor_statistics(supervisor: ActorRef[Any]) -> SupervisorStatistics:
    """Return what `supervisor` has counted; takes time in proportion to its children.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    actor = _running(supervisor)
    return actor.tally.total(actor.kinds())


def subscribe(supervisor: ActorRef[Any], observer: Observer) -> None:
    """Call `observer(report)` for every crash below `supervisor` from now on; it must not block.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    _running(supervisor).subscribe(observer)


def subscribe_progress(supervisor: ActorRef[Any], observer: ProgressObserver) -> None:
    """Call `observer(report)` for every child below `supervisor` that is started; it must not block.

    Raises:
        ChildStateError: if it is no supervisor, or does not run now; the calling code's fault.
    """
    _running(supervisor).subscribe_progress(observer)


def unsubscribe(supervisor: ActorRef[Any], observer: Callable[[Any], None]) -> None:
    """Do not call `observer` any more. Harmless if it was not going to be called."""
    actor = supervisor.actor_inbox.actor
    if isinstance(actor, SupervisingActor):
        actor.unsubscribe(observer)


def _running(supervisor: ActorRef[Any]) -> SupervisingActor:
    actor = supervisor.actor_inbox.actor
    if not isinstance(actor, SupervisingActor):
        raise ChildStateError(f"{supervisor} is no supervisor that runs")
    return actor
