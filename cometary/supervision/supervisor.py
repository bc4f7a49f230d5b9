"""The supervisor: starts its children in order, and decides what becomes of those that end.

1.  Children are started from left to right, each when the one before it has started, and
    stopped from right to left.
2.  Everything happens in the supervisor's own task, one message at a time. What ends while it
    is busy is a message that waits; if the child has been started, stopped or killed since,
    the message is overtaken (`Child.expected` is another one) and is dropped.
3.  Each restart is counted, and so is each attempt that failed. One too many: all children
    are stopped and the supervisor ends with `shutdown`, so that its own supervisor decides.
4.  A restart that fails is tried again by a message to itself, not in a loop. So calls, and
    the order to stop, are served between two attempts.

Source: OTP, `supervisor`, and OTP design principles, "Supervisor Behaviour".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import trio

from cometary.actors import SHUTDOWN, ActorRef, Exit
from cometary.errors import ChildStartError, ChildStateError, RestartIntensityError, StartIgnoredError
from cometary.supervision.calls import (
    CALLS,
    ChildCount,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from cometary.supervision.child import Child, actor_name
from cometary.supervision.options import AutoShutdown, Kind, Strategy
from cometary.supervision.reports import Action, Offender
from cometary.supervision.restart_policy import Backoff, RestartLog, must_restart, restarted_with
from cometary.supervision.spec import ChildSpec, SupervisorSpec
from cometary.supervision.supervising_actor import SupervisingActor


class ChildEnded(NamedTuple):
    """To itself: a child has ended, or could not be restarted."""

    child: Child


class RestartNow(NamedTuple):
    """To itself: the back-off of a child is over."""

    child: Child


class Supervisor(SupervisingActor):
    """Supervises a fixed set of children, each known by its id; see `SupervisorSpec`.

    Raises:
        SpecError: if an option has a value that it may not have; the calling code's fault.
    """

    def __init__(
        self,
        children: Iterable[ChildSpec] = (),
        *,
        strategy: Strategy = "one_for_one",
        intensity: int = 1,
        period: float = 5.0,
        auto_shutdown: AutoShutdown = "never",
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__()
        self.spec = SupervisorSpec(tuple(children), strategy, intensity, period, auto_shutdown, backoff)
        self._log = RestartLog(intensity, period)
        self._children = Children(self, self.spec.children, self._child_ended)

    @property
    def children(self) -> Sequence[Child]:
        """The children in the order of their start."""
        return list(self._children)

    # -- start and stop -------------------------------------------------------------------

    async def on_start(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Start the children; if one does not start, stop the others and fail.

        Raises:
            ChildStartError: if a child did not start; the child's fault.
        """
        await super().on_start()
        await self._children.start()

    async def stop_children(self) -> None:
        """Stop all children, from right to left; see `SupervisingActor`."""
        await self._children.stop()

    async def kill_children(self) -> None:
        """Kill all children that are left, at once; see `SupervisingActor`."""
        await self._children.kill()

    def kinds(self) -> Iterable[Kind]:
        """Return the kind of each child; see `SupervisingActor`."""
        return [child.spec.kind for child in self._children]

    async def _stop_with(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        await self.stop_children()
        self.end_now(exit)

    # -- children that end ----------------------------------------------------------------

    def _child_ended(self, child: Child) -> None:
        child.expected = message = ChildEnded(child)
        self._cell.put_if_open(message)

    async def _decide(self, child: Child, exit: Exit) -> None:  # noqa: A002 - OTP's word
        child.expected = None
        if must_restart(child.spec.restart, abnormal=exit.abnormal):
            await self._restart(child)
            return
        if exit.abnormal:
            self._children.report(child, "nothing")
        self._children.drop(child)
        if child.spec.significant and self._shuts_down_with_it():
            await self._stop_with(SHUTDOWN)

    def _shuts_down_with_it(self) -> bool:
        if self.spec.auto_shutdown == "any_significant":
            return True
        return not self._children.significant

    async def _restart(self, child: Child) -> None:
        now = trio.current_time()
        if not self._log.allows(now):
            self._children.report(child, "give_up")
            message = f"{self.path}: child {child.spec.id!r} ended once too often: {child.exit}"
            error = RestartIntensityError(message)
            error.__cause__ = None if child.exit is None else child.exit.error
            await self._stop_with(Exit("shutdown", error))
            return
        self._children.report(child, "restart")
        child.state = "restarting"
        if self.spec.backoff is None:
            await self._restart_group(child)
        else:
            self._restart_later(child, self.spec.backoff, now)

    def _restart_later(self, child: Child, backoff: Backoff, now: float) -> None:
        if now - child.started_at >= backoff.max:
            child.streak = 0
        child.expected = message = RestartNow(child)
        self.timer(message).start(backoff.delay(child.streak))
        child.streak += 1

    async def _restart_group(self, failed: Child) -> None:
        one = self.spec.strategy == "one_for_one"  # does not look at all the others
        group = [failed] if one else restarted_with(self.spec.strategy, self.children, failed)
        for child in reversed(group):
            if child is not failed:
                await self._children.stop_one(child, for_good=child.spec.restart == "temporary")
                if child.spec.restart == "temporary":
                    self._children.remove(child)
        for child in group:
            if child in self._children and not await self._start_again(child):
                return

    async def _start_again(self, child: Child) -> bool:
        child.restarts += 1
        self.tally.restarts += 1
        try:
            await self._children.start_one(child)
        except ChildStartError:
            child.state = "restarting"
            self._child_ended(child)  # to be counted, and tried again: rule 4
            return False
        return True

    # -- messages -------------------------------------------------------------------------

    understood = (*CALLS, ChildEnded, RestartNow)

    async def serve(self, message: Any) -> Any:
        """Serve the messages of `cometary.supervision.calls`, and its own."""
        match message:
            case ChildEnded(child):
                if child.expected is message and child.exit is not None:
                    await self._decide(child, child.exit)
            case RestartNow(child):
                if child.expected is message:
                    await self._restart_group(child)
            case _:
                return await self._serve(message)
        return None

    async def _serve(self, call: object) -> object:
        children = self._children
        match call:
            case StartChild(spec, _):
                return await self._start_child(spec)
            case TerminateChild(child_id):
                child = children.find(child_id)
                await children.stop_one(child, for_good=True)
                children.drop(child)
            case RestartChild(child_id):
                return await self._start_on_request(_idle(children.find(child_id)))
            case DeleteChild(child_id):
                children.remove(_idle(children.find(child_id)))
            case WhichChildren():
                return children.infos()
            case CountChildren():
                return children.count()
            case GetChildSpec(child_id):
                return children.find(child_id).spec
            case _:
                self.warn_of_unknown(call)
        return None

    async def _start_child(self, spec: Any) -> ActorRef[Any] | None:
        self.spec.check_child(spec, self._children.ids())
        child = self._children.add(spec)
        try:
            return await self._start_on_request(child)
        except ChildStartError:
            self._children.remove(child)
            raise

    async def _start_on_request(self, child: Child) -> ActorRef[Any] | None:
        try:
            await self._children.start_one(child)
        except ChildStartError:
            self._children.report(child, "nothing")
            raise
        self.tally.starts += 1
        if child.state == "stopped":
            raise StartIgnoredError(f"{child.path} is not needed now")
        return child.ref


def _idle(child: Child) -> Child:
    if child.state != "stopped":
        raise ChildStateError(f"{child.path} is {child.state}")
    return child


# -- the children of one supervisor, in the order of their start --------------------------------------


class Children:
    """Starts, stops and finds children; what becomes of one that ends is not decided here.

    Args:
        supervisor: whose children they are; it is told what is to be reported.
        specs: whom there is to begin with; nobody is started yet.
        on_exit: called when a child has ended without being asked to.

    Attributes:
        significant: those significant children that have been started, and not ended for good.
    """

    def __init__(
        self, supervisor: SupervisingActor, specs: Iterable[ChildSpec], on_exit: Callable[[Child], None]
    ) -> None:
        self._supervisor = supervisor
        self._on_exit = on_exit
        self._by_id: dict[str, Child] = {}
        self.significant: dict[Child, None] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: ChildSpec) -> Child:
        """Make a child, to the right of the others; it is not started."""
        child = Child(spec, self._supervisor.system, self._supervisor, self._on_exit)
        self._by_id[spec.id] = child
        return child

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._by_id.values()))

    def __contains__(self, child: Child) -> bool:
        return self._by_id.get(child.spec.id) is child

    def ids(self) -> Iterable[str]:
        """Return the ids of the children."""
        return self._by_id

    def find(self, child_id: object) -> Child:
        """Return the child with this id.

        Raises:
            ChildStateError: if there is none; the calling code's fault.
        """
        child = self._by_id.get(child_id) if isinstance(child_id, str) else None
        if child is None:
            raise ChildStateError(f"{self._supervisor.path} has no child {child_id!r}")
        return child

    # -- start and stop -------------------------------------------------------------------

    async def start(self) -> None:
        """Start all, from left to right; if one does not start, stop those that have.

        Raises:
            ChildStartError: if a child did not start; the child's fault.
        """
        for child in self:
            try:
                await self.start_one(child)
            except ChildStartError:
                self.report(child, "give_up")
                await self.stop()
                raise
            self._supervisor.tally.starts += 1

    async def start_one(self, child: Child) -> None:
        """Start one child; one that is not needed now keeps its place, unless it is temporary.

        Raises:
            ChildStartError: if it did not start; the child's fault.
        """
        if child.spec.significant:
            self.significant[child] = None
        await child.start()
        if child.state == "stopped":
            self.drop(child)
            return
        self._supervisor.progress(lambda: self._offender(child))

    async def stop(self) -> None:
        """Stop all for good, from right to left."""
        for child in reversed(list(self)):
            await self.stop_one(child, for_good=True)
            child.bury()

    async def kill(self) -> None:
        """Kill all that are left, at once."""
        async with trio.open_nursery() as nursery:
            for child in self:
                nursery.start_soon(child.kill)
        for child in self:
            child.bury()

    async def stop_one(self, child: Child, *, for_good: bool) -> None:
        """Stop one child; report if it ended otherwise than it should have."""
        stopped = await child.stop(for_good=for_good)
        if child.unreported or (stopped and child.ended_unlike_told):
            self.report(child, "nothing")

    def drop(self, child: Child) -> None:
        """Take note that a child will not be restarted; forget a temporary one."""
        child.bury()
        self.significant.pop(child, None)
        if child.spec.restart == "temporary":
            self.remove(child)

    def remove(self, child: Child) -> None:
        """Forget a child that does not run."""
        child.bury()
        self.significant.pop(child, None)
        del self._by_id[child.spec.id]

    # -- what is known about them ---------------------------------------------------------

    def report(self, child: Child, action: Action) -> None:
        """Report how the last incarnation of a child ended."""
        child.unreported = False
        if child.exit is not None:
            self._supervisor.report(self._offender(child), child.exit, action)

    def _offender(self, child: Child) -> Offender:
        return Offender(child.spec.id, actor_name(child.spec), child.ref, child.restarts)

    def infos(self) -> tuple[ChildInfo, ...]:
        """Tell who there is."""
        return tuple(
            ChildInfo(child.spec.id, child.ref if child.alive else None, child.spec.kind, child.state)
            for child in self
        )

    def count(self) -> ChildCount:
        """Tell how many there are."""
        specs = len(self._by_id)
        supervisors = sum(child.spec.kind == "supervisor" for child in self)
        active = sum(child.alive for child in self)
        return ChildCount(specs, active, supervisors, specs - supervisors)
