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

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import trio

from cometary.actors import SHUTDOWN, ActorRef, Exit
from cometary.actors.messages import Stop
from cometary.errors import ChildStartError, ChildStateError, RestartIntensityError
from cometary.supervision.backoff import Backoff
from cometary.supervision.calls import (
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
from cometary.supervision.child import Child
from cometary.supervision.family import SupervisingActor
from cometary.supervision.intensity import RestartLog
from cometary.supervision.launching import actor_name
from cometary.supervision.reports import Action, Offender
from cometary.supervision.rules import must_restart, restarted_with, worth_reporting
from cometary.supervision.spec import AutoShutdown, ChildSpec, Strategy, SupervisorSpec


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
        self._children = {spec.id: self._make(spec) for spec in self.spec.children}

    @property
    def children(self) -> Sequence[Child]:
        """The children in the order of their start."""
        return list(self._children.values())

    def _make(self, spec: ChildSpec) -> Child:
        return Child(spec, self.system, self, self._child_ended)

    def _child_ended(self, child: Child) -> None:
        child.expected = message = ChildEnded(child)
        self._cell.put_if_open(message)

    # -- start and stop -------------------------------------------------------------------

    async def on_start(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Start the children; if one does not start, stop the others and fail.

        Raises:
            ChildStartError: if a child did not start; the child's fault.
        """
        await super().on_start()
        for child in self.children:
            try:
                await child.start()
            except ChildStartError:
                self._report(child, "give_up")
                await self.stop_children()
                raise

    async def stop_children(self) -> None:
        """Stop all children, from right to left; see `SupervisingActor`."""
        for child in reversed(self.children):
            await self._stop_child(child)
            child.bury()

    async def kill_children(self) -> None:
        """Kill all children that are left, at once; see `SupervisingActor`."""
        async with trio.open_nursery() as nursery:
            for child in self.children:
                nursery.start_soon(child.kill)
        for child in self.children:
            child.bury()

    async def _stop_child(self, child: Child) -> None:
        unseen = isinstance(child.expected, ChildEnded)  # it ended by itself a moment ago
        stopped = await child.stop()
        if child.exit is not None and (unseen or (stopped and worth_reporting(child.spec, child.exit))):
            self._report(child, "nothing")

    def _end(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        # In front of the mail: a supervisor without children serves no calls any more. What
        # is in the mail is for its next incarnation.
        self._cell.put_back(iter([Stop(exit)]))

    # -- children that end ----------------------------------------------------------------

    async def _ended(self, child: Child, exit: Exit) -> None:  # noqa: A002 - OTP's word
        child.expected = None
        if must_restart(child.spec.restart, exit):
            await self._restart(child)
            return
        if exit.abnormal:
            self._report(child, "nothing")
        self._drop(child)
        if child.spec.significant and self._shuts_down_with_it():
            await self.stop_children()
            self._end(SHUTDOWN)

    def _drop(self, child: Child) -> None:
        child.bury()
        if child.spec.restart == "temporary":
            del self._children[child.spec.id]

    def _shuts_down_with_it(self) -> bool:
        if self.spec.auto_shutdown == "any_significant":
            return True
        return not any(each.spec.significant and each.state != "stopped" for each in self.children)

    async def _restart(self, child: Child) -> None:
        now = trio.current_time()
        if not self._log.allows(now):
            self._report(child, "give_up")
            await self._give_up(child)
            return
        self._report(child, "restart")
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
        group = restarted_with(self.spec.strategy, self.children, failed)
        for child in reversed(group):
            if child is not failed:
                await self._stop_child(child)
                if child.spec.restart == "temporary":
                    self._drop(child)
        for child in group:
            if child.spec.id in self._children and not await self._start_again(child):
                return

    async def _start_again(self, child: Child) -> bool:
        child.restarts += 1
        try:
            await child.start()
        except ChildStartError:
            child.state = "restarting"
            self._child_ended(child)  # to be counted, and tried again: rule 4
            return False
        return True

    async def _give_up(self, child: Child) -> None:
        await self.stop_children()
        message = f"{self.path}: child {child.spec.id!r} ended once too often: {child.exit}"
        self._end(Exit("shutdown", RestartIntensityError(message)))

    def _report(self, child: Child, action: Action) -> None:
        if child.exit is not None:
            offender = Offender(child.spec.id, actor_name(child.spec), child.ref, child.restarts)
            self.report(offender, child.exit, action)

    # -- messages -------------------------------------------------------------------------

    async def on_receive(self, message: Any) -> Any:
        """Serve the messages of `cometary.supervision.calls`, and its own."""
        match message:
            case ChildEnded(child):
                if child.expected is message and child.exit is not None:
                    await self._ended(child, child.exit)
            case RestartNow(child):
                if child.expected is message:
                    await self._restart_group(child)
            case _:
                return await self._serve(message)
        return None

    async def _serve(self, call: object) -> object:
        match call:
            case StartChild(spec, _):
                return await self._start_child(spec)
            case TerminateChild(child_id):
                await self._terminate_child(self._find(child_id))
            case RestartChild(child_id):
                return await self._restart_child(self._find(child_id))
            case DeleteChild(child_id):
                self._delete_child(self._find(child_id))
            case WhichChildren():
                return tuple(_info(child) for child in self.children)
            case CountChildren():
                return self._count()
            case GetChildSpec(child_id):
                return self._find(child_id).spec
            case _:
                self.warn_of_unknown(call)
        return None

    def _find(self, child_id: object) -> Child:
        child = self._children.get(child_id) if isinstance(child_id, str) else None
        if child is None:
            raise ChildStateError(f"{self.path} has no child {child_id!r}")
        return child

    async def _start_child(self, spec: Any) -> ActorRef[Any]:
        self.spec.check_child(spec, self._children)
        child = self._make(spec)
        self._children[spec.id] = child
        try:
            return await self._start_on_request(child)
        except ChildStartError:
            child.bury()
            del self._children[spec.id]
            raise

    async def _start_on_request(self, child: Child) -> ActorRef[Any]:
        try:
            await child.start()
        except ChildStartError:
            self._report(child, "nothing")
            raise
        return self._ref(child)

    def _ref(self, child: Child) -> ActorRef[Any]:
        if child.ref is None:
            raise ChildStateError(f"{child.path} does not run")
        return child.ref

    async def _terminate_child(self, child: Child) -> None:
        await self._stop_child(child)
        self._drop(child)

    async def _restart_child(self, child: Child) -> ActorRef[Any]:
        if child.state != "stopped":
            raise ChildStateError(f"{child.path} is {child.state}")
        return await self._start_on_request(child)

    def _delete_child(self, child: Child) -> None:
        if child.state != "stopped":
            raise ChildStateError(f"{child.path} is {child.state}")
        child.bury()
        del self._children[child.spec.id]

    def _count(self) -> ChildCount:
        children = self.children
        supervisors = sum(child.spec.kind == "supervisor" for child in children)
        active = sum(child.alive for child in children)
        return ChildCount(len(children), active, supervisors, len(children) - supervisors)


def _info(child: Child) -> ChildInfo:
    return ChildInfo(child.spec.id, child.ref if child.alive else None, child.spec.kind, child.state)
