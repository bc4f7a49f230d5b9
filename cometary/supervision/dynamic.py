"""The dynamic supervisor: any number of children, started and gone at any time.

1.  It stores nothing about a child but what a restart needs: the constructor's arguments, or
    the specification. Starting, ending and restarting one child take the same time however
    many there are.
2.  It does not wait for `on_start`: a crash in there is a crash like any other, and so is to
    take too long.
3.  What becomes of children that end: see `cometary.supervision.succession`.
4.  All children are stopped at the same time, each with its own time-out: see `cometary.supervision.dismissal`.

Sources: OTP, `supervisor`, strategy `simple_one_for_one`; Elixir, `DynamicSupervisor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast, overload

from cometary.actors import Actor, ActorRef, Exit, ThreadingActor
from cometary.errors import ChildStateError, RestartIntensityError, TooManyChildrenError
from cometary.supervision.accounts import Per, make_accounts
from cometary.supervision.backoff import Backoff, Delays
from cometary.supervision.calls import (
    CALLS,
    ChildCount,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from cometary.supervision.checks import check_count
from cometary.supervision.dismissal import Dismissal
from cometary.supervision.dynamic_messages import GiveUp, RestartNow, StartOverdue, TryAgain
from cometary.supervision.family import SupervisingActor
from cometary.supervision.offspring import ChildDefaults, Offspring
from cometary.supervision.options import (
    WORKER_START,
    AnyActorClass,
    Kind,
    Restart,
    Shutdown,
)
from cometary.supervision.spec import ChildSpec
from cometary.supervision.succession import GiveUpOne, Succession

A = TypeVar("A", bound=Actor)
AnyRef = ActorRef[Any]


class DynamicSupervisor(SupervisingActor):
    """Supervises children that come and go, `one_for_one`.

    Code on the loop that holds the supervisor itself starts children with `start_child`, a
    plain call; all other code uses the functions of `cometary.supervision` on its reference.

    Args:
        per: who runs out of restarts: the `supervisor`, which then stops all children and
            ends, so that its own supervisor decides (OTP's rule); or the `child`, which is
            then given up, and nobody else is touched.
        intensity: restarts that are put up with in `period`, for all children together (by
            default 1) or for each child (by default 3), depending on `per`.
        period: seconds.
        restart: for children started as a class: `permanent`, `transient` or `temporary`, see
            `ChildSpec`. By default a child that ends by itself has done its work.
        shutdown: for children started as a class: seconds that they have to stop, `brutal_kill` or
            `infinity`; by default 5 s, for supervisors `infinity`. When the supervisor itself stops, all
            are asked at the same time, and each has its own time from then on.
        start_timeout: for children started as a class: seconds until `on_start` must have run,
            or the child crashes; for supervisors none. Only an `async` one can take its time.
        keep_mail: for children started as a class, see `ChildSpec`.
        backoff: how long each child waits before it is restarted; by default not at all.
        max_children: how many there may be at a time; None: no limit.
        on_give_up: with `per="child"`, called with the dead reference and the last exit of a
            child that was given up.

    Raises:
        SpecError: if an option has a value that it may not have; the calling code's fault.
    """

    def __init__(
        self,
        *,
        per: Per = "supervisor",
        intensity: int | None = None,
        period: float = 5.0,
        restart: Restart = "transient",
        shutdown: Shutdown | None = None,
        start_timeout: float = WORKER_START,
        keep_mail: bool = True,
        backoff: Backoff | None = None,
        max_children: int | None = None,
        on_give_up: Callable[[AnyRef, Exit], None] | None = None,
    ) -> None:
        super().__init__()
        if max_children is not None:
            check_count("max_children", max_children)
        defaults = ChildDefaults(restart, shutdown, start_timeout, keep_mail)
        self.max_children = max_children
        accounts, delays = make_accounts(per, intensity, period), Delays(backoff)
        self.offspring = Offspring(self, defaults, accounts, delays)
        self._dismissal = Dismissal(self, self.offspring)
        give_up = GiveUpOne(self, on_give_up) if per == "child" else None
        self._succession = Succession(self, accounts, delays, give_up)

    # -- start ----------------------------------------------------------------------------

    @overload
    def start_child(self, start: type[A], *args: Any) -> ActorRef[A]: ...

    @overload
    def start_child(self, start: type[ThreadingActor], *args: Any) -> ActorRef[Any]: ...

    @overload
    def start_child(self, start: ChildSpec) -> ActorRef[Any]: ...

    def start_child(self, start: AnyActorClass | ChildSpec, *args: Any) -> ActorRef[Any]:
        """Start a child; on the loop, without waiting.

        Args:
            start: a class, or a specification (whose `id` is only shown, and need not be unique).
            *args: the arguments of the class's constructor.

        Raises:
            TooManyChildrenError: if there are `max_children`; nobody's fault.
            ChildStateError: if the supervisor does not run, or is stopping; nobody's fault.
            SpecError: if the child is neither a class nor a suitable specification.
            Exception: what the constructor raises; it is not a child then.
        """
        if not self.open:
            raise ChildStateError(f"{self.path} does not run, or is stopping")
        if self.max_children is not None and len(self.offspring) >= self.max_children:
            raise TooManyChildrenError(f"{self.path} has {self.max_children} children, all it may have")
        ref = self.offspring.start(start, args)
        self.tally.starts += 1
        if ref in self.offspring:  # else its constructor has killed it
            self.progress(lambda: self.offspring.offender(ref))
        return ref

    def kinds(self) -> Iterable[Kind]:
        """Return the kind of each child; see `SupervisingActor`."""
        return [self.offspring.kind_of(ref) for ref in self.offspring]

    def count_children(self) -> ChildCount:
        """Count the children, as `cometary.supervision.count_children` does; on the loop."""
        return self.offspring.count()

    @property
    def open(self) -> bool:
        """Whether children are started and restarted: it runs, and is not about to end."""
        ending = self._dismissal.begun or self._succession.last_straw is not None or self.system.killing
        return not ending and self._cell.actor is self

    def child_exited(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Restart the child that has ended, or forget it; see `Succession`."""
        self._succession.child_exited(ref, exit)

    def ends_for_good(self, _ref: AnyRef, _exit: Exit) -> bool:
        """Never certain: `child_exited` decides at once, and `forget` may want to look at the mail."""
        return False

    def forget(self, ref: AnyRef) -> None:
        """Forget a child that has ended for good, and discard its mail, which a subclass may look at before."""
        self.offspring.forget(ref)
        self._dismissal.child_gone()

    # -- stop -----------------------------------------------------------------------------

    async def stop_children(self) -> None:
        """Stop all children at the same time; see `SupervisingActor`."""
        await self._dismissal.stop_all()

    async def kill_children(self) -> None:
        """Kill all children that are left, at once; see `SupervisingActor`."""
        await self._dismissal.kill_all()

    # -- messages -------------------------------------------------------------------------

    understood = (*CALLS, TryAgain, RestartNow, StartOverdue, GiveUp)

    async def serve(self, message: Any) -> Any:
        """Serve the messages of `cometary.supervision.calls`, and its own."""
        match message:
            case StartChild(start, args):
                return self.start_child(cast("type[Actor]", start), *args)
            case TerminateChild(ref):
                await self._dismissal.stop_one(ref)
            case WhichChildren():
                return self.offspring.infos()
            case CountChildren():
                return self.offspring.count()
            case RestartChild() | DeleteChild() | GetChildSpec():
                raise ChildStateError(f"{self.path} knows its children by reference, not by id")
            case _:
                await self._heed(message)
        return None

    async def _heed(self, message: Any) -> None:
        # What one incarnation sent to itself may be read by the next, who does not know the child.
        match message:
            case TryAgain(ref):
                self._succession.try_again(ref)
            case RestartNow(ref):
                self._succession.restart_now(ref)
            case StartOverdue():
                message.act()
            case GiveUp(exit_):
                if message is self._succession.last_straw:
                    await self._end(exit_)
            case _:
                self.warn_of_unknown(message)

    async def _end(self, last: Exit) -> None:
        await self.stop_children()
        error = RestartIntensityError(f"{self.path}: children ended once too often, the last one: {last}")
        error.__cause__ = last.error
        self.end_now(Exit("shutdown", error))
