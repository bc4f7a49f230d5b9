"""The dynamic supervisor: any number of children, started and gone at any time.

1.  It stores nothing about a child but what a restart needs: the constructor's arguments, or
    the specification. Starting, ending and restarting one child take the same time however
    many there are.
2.  A child that crashed is restarted at once, in the call by which its cell tells of its end;
    the mail in its cell is then handled by the next incarnation. If its constructor fails,
    the next attempt comes by a message to itself, not in a loop.
3.  It does not wait for `on_start`: a crash in there is a crash like any other.
4.  All children are stopped at the same time, with one time-out for all of them.

Sources: OTP, `supervisor`, strategy `simple_one_for_one`; Elixir, `DynamicSupervisor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast, overload

import trio

from cometary.actors import SHUTDOWN, Actor, ActorRef, Exit
from cometary.actors.exits import crashed
from cometary.actors.messages import Stop
from cometary.errors import ChildStateError, RestartIntensityError, TooManyChildrenError
from cometary.supervision.accounts import Per, make_accounts
from cometary.supervision.calls import (
    ChildCount,
    CountChildren,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from cometary.supervision.checks import check_choice, check_count, check_seconds
from cometary.supervision.child import KILL_GRACE
from cometary.supervision.family import SupervisingActor, logger
from cometary.supervision.offspring import Offspring
from cometary.supervision.rules import must_restart
from cometary.supervision.spec import RESTARTS, ChildSpec, Restart, Shutdown, check_shutdown, shutdown_seconds

A = TypeVar("A", bound=Actor)
AnyRef = ActorRef[Any]

BATCH = 500
"""Children that are asked to stop between two checkpoints, so that a hundred thousand of them do not stop the loop."""


class TryAgain(NamedTuple):
    """To itself: the constructor of a child failed at its restart."""

    ref: AnyRef


class GiveUp(NamedTuple):
    """To itself: children were restarted too often; stop them all, and end."""

    exit: Exit


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
        keep_mail: for children started as a class, see `ChildSpec`.
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
        shutdown: Shutdown = 5.0,
        keep_mail: bool = True,
        max_children: int | None = None,
        on_give_up: Callable[[AnyRef, Exit], None] | None = None,
    ) -> None:
        super().__init__()
        check_choice("per", per, ("supervisor", "child"))
        check_choice("restart", restart, RESTARTS)
        check_seconds("period", period, above=0)
        check_shutdown("shutdown", shutdown)
        if intensity is not None:
            check_count("intensity", intensity)
        if max_children is not None:
            check_count("max_children", max_children)
        self.max_children = max_children
        self._per: Per = per
        self._patience = shutdown_seconds(shutdown)
        self._on_give_up = on_give_up
        self._accounts = make_accounts(per, intensity, period)
        self.offspring = Offspring(
            self.system,
            self,
            restart=restart,
            keep_mail=keep_mail,
            patience=self._patience,
            accounts=self._accounts,
        )
        self._last_straw: GiveUp | None = None
        self._empty: trio.Event | None = None
        """Set when the last child has gone; there is one as soon as this supervisor stops."""

    # -- start ----------------------------------------------------------------------------

    @overload
    def start_child(self, start: type[A], *args: Any) -> ActorRef[A]: ...

    @overload
    def start_child(self, start: ChildSpec) -> ActorRef[Any]: ...

    def start_child(self, start: type[Actor] | ChildSpec, *args: Any) -> ActorRef[Any]:
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
        return self.offspring.start(start, args)

    def count_children(self) -> ChildCount:
        """Count the children, as `cometary.supervision.count_children` does; on the loop."""
        return self.offspring.count()

    @property
    def _open(self) -> bool:
        ending = self._empty is not None or self._last_straw is not None or self.system.killing
        return not ending and self._cell.actor is self

    # -- children that end ----------------------------------------------------------------

    def child_exited(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Restart the child that has ended, or forget it."""
        leaving = self.offspring.leaving.pop(ref, None)
        if ref not in self.offspring:
            ref.actor_inbox.bury()  # its own constructor has killed it, or the system is at its end
        elif not self._open or leaving is not None:
            if exit.reason == "crashed":  # those killed because time was up are told of in one line
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

    def _restart_child(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        offender = self.offspring.offender(ref)
        if self._accounts.allows(ref, trio.current_time()):
            self.report(offender, exit, "restart")
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
            logger.exception("on_give_up of %s failed for %s", self.path, ref)

    def _forget(self, ref: AnyRef) -> None:
        self.offspring.forget(ref)
        if self._empty is not None and not self.offspring:
            self._empty.set()

    # -- stop -----------------------------------------------------------------------------

    async def stop_children(self) -> None:
        """Ask all children to stop, and kill those left when their time is up; see `SupervisingActor`."""
        empty = self._close()
        if self._patience > 0:
            await self._ask_all_to_stop()
            with trio.move_on_after(self._patience):
                await empty.wait()
            if self.offspring:
                logger.warning(
                    "%s kills %d children that did not stop in time", self.path, len(self.offspring)
                )
        await self.kill_children()

    async def kill_children(self) -> None:
        """Kill all children that are left, at once; see `SupervisingActor`."""
        empty = self._close()
        for ref in list(self.offspring):
            ref.actor_inbox.kill()
        with trio.move_on_after(KILL_GRACE):
            await empty.wait()
            return
        count = len(self.offspring)
        logger.error(
            "%s killed %d children that go on: they are shielded from cancellation", self.path, count
        )
        await empty.wait()

    def _close(self) -> trio.Event:
        if self._empty is None:
            self._empty = trio.Event()
        for ref in list(self.offspring.parked):
            self._forget(ref)  # there is nothing of it to stop
        if not self.offspring:
            self._empty.set()
        return self._empty

    async def _ask_all_to_stop(self) -> None:
        order = Stop(SHUTDOWN)
        for number, ref in enumerate(list(self.offspring), start=1):
            ref.actor_inbox.put_if_open(order)
            if number % BATCH == 0:
                await trio.lowlevel.checkpoint()

    # -- messages -------------------------------------------------------------------------

    async def on_receive(self, message: Any) -> Any:
        """Serve the messages of `cometary.supervision.calls`, and its own."""
        match message:
            case TryAgain(ref):
                if self._open and ref in self.offspring.parked:
                    self._restart_child(ref, self.offspring.parked.pop(ref))
            case GiveUp(exit_):
                if message is self._last_straw:  # else it was a former incarnation's
                    await self._end(exit_)
            case StartChild(start, args):
                return self.start_child(cast("type[Actor]", start), *args)
            case TerminateChild(ref):
                await self._terminate_child(ref)
            case WhichChildren():
                return self.offspring.infos()
            case CountChildren():
                return self.offspring.count()
            case _:
                self.warn_of_unknown(message)
        return None

    async def _end(self, last: Exit) -> None:
        await self.stop_children()
        error = RestartIntensityError(f"{self.path}: children ended once too often, the last one: {last}")
        self.end_now(Exit("shutdown", error))

    async def _terminate_child(self, ref: Any) -> None:
        if ref not in self.offspring:
            raise ChildStateError(f"{self.path} has no child {ref!r}")
        if ref in self.offspring.parked:
            self._forget(ref)
            return
        self.offspring.leaving[ref] = gone = trio.Event()
        patience = self.offspring.patience_of(ref)
        if patience > 0:
            ref.actor_inbox.put_if_open(Stop(SHUTDOWN))
            with trio.move_on_after(patience):
                await gone.wait()
        if not gone.is_set():
            ref.actor_inbox.kill()
            await gone.wait()
