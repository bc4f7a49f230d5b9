"""The dynamic supervisor: any number of children, started and gone at any time.

1.  It stores nothing about a child but what a restart needs: the constructor's arguments, or
    the specification. Starting, ending and restarting one child take the same time however
    many there are.
2.  A child that crashed is restarted at once, in the call by which its cell tells of its end,
    or after its back-off; the mail in its cell is then handled by the next incarnation. If its
    constructor fails, the next attempt comes by a message to itself, not in a loop.
3.  It does not wait for `on_start`: a crash in there is a crash like any other, and so is to
    take too long.
4.  A child that waits to be restarted, for its back-off or for the next attempt, is PARKED.
5.  All children are stopped at the same time: see `cometary.supervision.dismissal`.

Sources: OTP, `supervisor`, strategy `simple_one_for_one`; Elixir, `DynamicSupervisor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast, overload

import trio

from cometary.actors import Actor, ActorRef, Exit, ThreadingActor
from cometary.actors.exits import crashed
from cometary.errors import ChildStateError, RestartIntensityError, TooManyChildrenError
from cometary.supervision.accounts import Per, make_accounts
from cometary.supervision.backoff import Backoff, Delays
from cometary.supervision.calls import (
    ChildCount,
    CountChildren,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from cometary.supervision.checks import check_count
from cometary.supervision.dismissal import Dismissal
from cometary.supervision.dynamic_messages import GiveUp, RestartNow, StartOverdue, TryAgain
from cometary.supervision.family import SupervisingActor, logger
from cometary.supervision.offspring import ChildDefaults, Offspring
from cometary.supervision.options import (
    WORKER_SHUTDOWN,
    WORKER_START,
    AnyActorClass,
    Kind,
    Restart,
    Shutdown,
)
from cometary.supervision.rules import must_restart
from cometary.supervision.spec import ChildSpec

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
        shutdown: seconds that children have to stop, `brutal_kill` or `infinity`; also the one
            time-out for all of them when the supervisor itself stops.
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
        shutdown: Shutdown = WORKER_SHUTDOWN,
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
        self._per: Per = per
        self._on_give_up = on_give_up
        self._accounts = make_accounts(per, intensity, period)
        self._delays = Delays(backoff)
        self.offspring = Offspring(self, defaults, self._accounts, self._delays)
        self._dismissal = Dismissal(self, self.offspring, defaults.patience)
        self._last_straw: GiveUp | None = None

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
        if not self._open:
            raise ChildStateError(f"{self.path} does not run, or is stopping")
        if self.max_children is not None and len(self.offspring) >= self.max_children:
            raise TooManyChildrenError(f"{self.path} has {self.max_children} children, all it may have")
        ref = self.offspring.start(start, args)
        self.tally.starts += 1
        return ref

    def kinds(self) -> Iterable[Kind]:
        """Return the kind of each child; see `SupervisingActor`."""
        return [self.offspring.kind_of(ref) for ref in self.offspring]

    def count_children(self) -> ChildCount:
        """Count the children, as `cometary.supervision.count_children` does; on the loop."""
        return self.offspring.count()

    @property
    def _open(self) -> bool:
        ending = self._dismissal.begun or self._last_straw is not None or self.system.killing
        return not ending and self._cell.actor is self

    # -- children that end ----------------------------------------------------------------

    def child_exited(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Restart the child that has ended, or forget it."""
        leaving = self.offspring.leaving.pop(ref, None)
        if ref not in self.offspring:
            ref.actor_inbox.bury()  # its own constructor has killed it, or the system is at its end
        elif not self._open or leaving is not None:
            crashed_or_taken_along = exit.abnormal and exit.reason != "killed"
            if crashed_or_taken_along or (leaving is not None and self._was_overdue(ref, exit)):
                self.report(self.offspring.offender(ref), exit, "nothing")
            self._forget(ref)
            if leaving is not None:
                leaving.set()
        elif must_restart(self.offspring.restart_of(ref), exit):
            self._restart_child(ref, exit)
        else:
            if exit.abnormal:
                self.report(self.offspring.offender(ref), exit, "nothing")
            self._forget(ref)

    def _was_overdue(self, ref: AnyRef, exit: Exit) -> bool:  # noqa: A002 - OTP's word
        # Of those killed when all have to stop, one line tells how many there were.
        return exit.reason == "killed" and self.offspring.patience_of(ref) > 0

    def _restart_child(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        offender, now = self.offspring.offender(ref), trio.current_time()
        if self._accounts.allows(ref, now):
            self.report(offender, exit, "restart")
            if (delay := self._delays.before_restart(ref, now)) > 0:
                self.offspring.parked[ref] = exit
                self.timer(RestartNow(ref)).start(delay)
            else:
                self._revive(ref)
            return
        self.report(offender, exit, "give_up")
        self._forget(ref)
        if self._per == "child":
            self._tell_given_up(ref, exit)
        else:
            self._last_straw = GiveUp(exit)  # from here on nobody is started or restarted
            self._cell.put_if_open(self._last_straw)

    def _revive(self, ref: AnyRef) -> None:
        self.tally.restarts += 1
        try:
            self.offspring.revive(ref)
        except Exception as error:  # noqa: BLE001 - whatever the constructor raises
            self.offspring.parked[ref] = crashed(error)
            self._cell.put_if_open(TryAgain(ref))

    def _tell_given_up(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        if self._on_give_up is None:
            return
        try:
            self._on_give_up(ref, exit)
        except Exception:  # noqa: BLE001 - it is logged, and the supervisor must not fail with it
            text = f"on_give_up of {self.path} failed for {ref}"
            logger.exception("on_give_up failed", text=text, supervisor=self.path)

    def _forget(self, ref: AnyRef) -> None:
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

    async def on_receive(self, message: Any) -> Any:
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
            case _:
                await self._heed(message)
        return None

    async def _heed(self, message: Any) -> None:
        # What one incarnation sent to itself may be read by the next, who does not know the child.
        match message:
            case TryAgain(ref):
                if self._open and ref in self.offspring.parked:
                    self._restart_child(ref, self.offspring.parked.pop(ref))
            case RestartNow(ref):
                if self._open and self.offspring.parked.pop(ref, None) is not None:
                    self._revive(ref)
            case StartOverdue():
                message.act()
            case GiveUp(exit_):
                if message is self._last_straw:  # else it was a former incarnation's
                    await self._end(exit_)
            case _:
                self.warn_of_unknown(message)

    async def _end(self, last: Exit) -> None:
        await self.stop_children()
        error = RestartIntensityError(f"{self.path}: children ended once too often, the last one: {last}")
        self.end_now(Exit("shutdown", error))
