"""The children of a dynamic supervisor: as little as possible about each of very many.

A child is a reference and what a restart needs: its specification or, if it was started as a
class, its constructor's arguments. That is all that is stored for most of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import trio

from cometary.actors import ActorRef, Exit, Future
from cometary.actors.task_cell import TaskCell
from cometary.actors.thread_cell import threaded_maker
from cometary.errors import ChildStartError, SpecError
from cometary.escapes import exit_in
from cometary.log import show
from cometary.supervision.accounts import Accounts
from cometary.supervision.backoff import Delays
from cometary.supervision.calls import ChildCount, ChildInfo
from cometary.supervision.checks import check_choice, check_instance, check_seconds
from cometary.supervision.child import State
from cometary.supervision.dynamic_messages import StartOverdue
from cometary.supervision.family import SupervisingActor
from cometary.supervision.launching import actor_name, launch, revive
from cometary.supervision.options import (
    RESTARTS,
    WORKER_SHUTDOWN,
    AnyActorClass,
    Kind,
    Restart,
    Shutdown,
    check_shutdown,
    is_actor_class,
    is_threading_class,
    shutdown_seconds,
)
from cometary.supervision.reports import Offender
from cometary.supervision.spec import ChildSpec

if TYPE_CHECKING:
    from cometary.supervision.dynamic import DynamicSupervisor

AnyRef = ActorRef[Any]


@dataclass(frozen=True, slots=True)
class ChildDefaults:
    """What a `ChildSpec` would say about children that are started as a class; see there.

    Raises:
        SpecError: if a field has a value that it may not have; the calling code's fault.
    """

    restart: Restart
    shutdown: Shutdown | None
    start_timeout: float
    keep_mail: bool

    def __post_init__(self) -> None:
        check_choice("restart", self.restart, RESTARTS)
        if self.shutdown is not None:
            check_shutdown("shutdown", self.shutdown)
        check_seconds("start_timeout", self.start_timeout, above=0)
        check_instance("keep_mail", self.keep_mail, bool, "True or False")

    def patience(self, kind: Kind) -> float:
        """Seconds between asking a child of this kind to stop and killing it."""
        if self.shutdown is None:
            return inf if kind == "supervisor" else WORKER_SHUTDOWN
        return shutdown_seconds(self.shutdown)


class Offspring:
    """Starts, restarts and forgets children; what becomes of one that ends is not decided here.

    Args:
        supervisor: whose children they are.
        defaults: how those started as a class are treated.
        accounts: counts their restarts.
        delays: knows how long they wait before a restart.

    Attributes:
        parked: how those that wait to be restarted ended, or failed to start again.
        leaving: set once a child that is being terminated on request has gone.
    """

    def __init__(
        self, supervisor: DynamicSupervisor, defaults: ChildDefaults, accounts: Accounts, delays: Delays
    ) -> None:
        self._supervisor = supervisor
        self._defaults = defaults
        self._accounts = accounts
        self._delays = delays
        self._system = supervisor.system
        self._keep_args = defaults.restart != "temporary"  # else nobody will need them again
        self._starts: dict[AnyRef, ChildSpec | tuple[Any, ...]] = {}
        self.parked: dict[AnyRef, Exit] = {}
        self.leaving: dict[AnyRef, trio.Event] = {}

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[AnyRef]:
        return iter(self._starts)

    def __contains__(self, ref: object) -> bool:
        return ref in self._starts

    def start(self, start: AnyActorClass | ChildSpec, args: tuple[Any, ...]) -> AnyRef:
        """Start a child.

        Raises:
            SpecError: if it is neither a class nor a suitable specification.
            ChildStartError: if the constructor raises what is no `Exception`, such as a `SystemExit`.
            Exception: what the constructor raises; it is not a child then.
        """
        try:
            ref, started = self._launch(start, args)
        except BaseException as error:
            if issubclass(type(error), Exception) or exit_in(error) is not None:
                raise
            # An exit of the child's: whoever starts it is not to take it for theirs.
            raise ChildStartError(f"a child did not start: {show(error)}") from error
        if ref.is_alive():  # else its constructor has killed it
            self._starts[ref] = (
                start.as_kept() if isinstance(start, ChildSpec) else args if self._keep_args else ()
            )
            self._expect_start(ref, started)
        return ref

    def _launch(self, start: AnyActorClass | ChildSpec, args: tuple[Any, ...]) -> tuple[AnyRef, Future[None]]:
        if isinstance(start, ChildSpec):
            return launch(_suitable(start), self._system, self._supervisor)
        if is_actor_class(start):
            return self._system.launch(start, args, {}, self._supervisor)
        if is_threading_class(start):
            return self._system.launch(threaded_maker(start), args, {}, self._supervisor)
        raise SpecError(f"a child is an actor's class or a ChildSpec, not {show(start)}")

    def revive(self, ref: AnyRef) -> None:
        """Start the next incarnation of a child that has ended; raises what its constructor raises."""
        start = self._starts[ref]
        if isinstance(start, ChildSpec):
            started = revive(start, self._system, ref)
        else:
            started = self._system.revive(ref, start, {}, keep_mail=self._defaults.keep_mail)
        self._expect_start(ref, started)

    def _expect_start(self, ref: AnyRef, started: Future[None]) -> None:
        # One that runs on the scheduler has started in its first turn, or blocks the loop and
        # all timers with it. So most children cost no timer.
        if not isinstance(ref.actor_inbox, TaskCell) or (patience := self._start_patience_of(ref)) == inf:
            return
        timer = self._supervisor.timer(StartOverdue(ref, started, patience))
        timer.start(patience)
        started.add_done_callback(timer.close)

    def forget(self, ref: AnyRef) -> None:
        """Forget a child that has ended, and let there be no next incarnation."""
        del self._starts[ref]
        self._accounts.forget(ref)
        self._delays.forget(ref)
        self.parked.pop(ref, None)
        ref.actor_inbox.bury()

    # -- about one child ------------------------------------------------------------------

    def spec_of(self, ref: AnyRef) -> ChildSpec | None:
        """Return the specification of a child; None if it was started as a class."""
        start = self._starts.get(ref)
        return start if isinstance(start, ChildSpec) else None

    def args_of(self, ref: AnyRef) -> tuple[Any, ...]:
        """Return the constructor's arguments of a child that was started as a class and may be restarted."""
        start = self._starts[ref]
        return () if isinstance(start, ChildSpec) else start

    def id_of(self, ref: AnyRef) -> str:
        """Return the id of a child; empty if it was started as a class."""
        spec = self.spec_of(ref)
        return "" if spec is None else spec.id

    def name_of(self, ref: AnyRef) -> str:
        """Return what reports call the class or function of a child."""
        spec = self.spec_of(ref)
        return ref.actor_class.__qualname__ if spec is None else actor_name(spec)

    def kind_of(self, ref: AnyRef) -> Kind:
        """Return what sort of child it is."""
        spec = self.spec_of(ref)
        if spec is not None:
            return spec.kind
        if is_threading_class(ref.actor_class):
            return "thread"
        return "supervisor" if issubclass(ref.actor_class, SupervisingActor) else "worker"

    def restart_of(self, ref: AnyRef) -> Restart:
        """Return the restart type of a child."""
        spec = self.spec_of(ref)
        return self._defaults.restart if spec is None else spec.restart

    def patience_of(self, ref: AnyRef) -> float:
        """Return the seconds that a child has to stop."""
        spec = self.spec_of(ref)
        return self._defaults.patience(self.kind_of(ref)) if spec is None else spec.patience

    def _start_patience_of(self, ref: AnyRef) -> float:
        spec = self.spec_of(ref)
        if spec is not None:
            return spec.start_patience
        return inf if self.kind_of(ref) == "supervisor" else self._defaults.start_timeout

    def restarts_of(self, ref: AnyRef) -> int:
        """Return how often a child has been restarted."""
        return self._accounts.restarts(ref)

    def state_of(self, ref: AnyRef) -> State:
        """Return what a child is doing."""
        if ref in self.parked:
            return "restarting"
        if ref in self.leaving:
            return "stopping"
        return "starting" if ref.actor_inbox.starting is not None else "running"

    def offender(self, ref: AnyRef) -> Offender:
        """Return what a report says about a child."""
        return Offender(self.id_of(ref), self.name_of(ref), ref, self.restarts_of(ref))

    def infos(self) -> tuple[ChildInfo, ...]:
        """Tell who there is."""
        return tuple(
            ChildInfo(self.id_of(ref), ref, self.kind_of(ref), self.state_of(ref)) for ref in self._starts
        )

    def count(self) -> ChildCount:
        """Tell how many there are; takes time in proportion."""
        count = len(self._starts)
        supervisors = sum(self.kind_of(ref) == "supervisor" for ref in self._starts)
        return ChildCount(count, count - len(self.parked), supervisors, count - supervisors)


def _suitable(spec: ChildSpec) -> ChildSpec:
    if spec.significant:
        raise SpecError(f"child {spec.id!r} is significant: a dynamic supervisor has no auto_shutdown")
    return spec
