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
from dataclasses import replace
from typing import Any, NamedTuple

import trio

from cometary.actors import SHUTDOWN, ActorRef, Exit
from cometary.errors import (
    ChildStartError,
    ChildStateError,
    RestartIntensityError,
    StartIgnoredError,
)
from cometary.supervision.calls import (
    CALLS,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    SetIntensity,
    StartChild,
    StartChildAsync,
    TerminateChild,
    WhichChild,
    WhichChildren,
)
from cometary.supervision.child import Child
from cometary.supervision.children import Children
from cometary.supervision.options import AutoShutdown, Kind, Strategy
from cometary.supervision.restart_policy import Backoff, RestartLog, restarted_with
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
        if exit.matters(child.spec.restart):
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
            case StartChild(spec, _) | StartChildAsync(spec, _):
                return await self._start_child(spec)
            case TerminateChild(child_id):
                child = children.find(child_id)
                await children.stop_one(child, for_good=True)
                children.drop(child)
            case RestartChild(child_id):
                return await self._start_on_request(_idle(children.find(child_id)))
            case DeleteChild(child_id):
                children.remove(_idle(children.find(child_id)))
            case SetIntensity(intensity, period):
                self._set_intensity(intensity, self._log.period if period is None else period)
            case _:
                return self._look(call)
        return None

    def _look(self, call: object) -> object:
        match call:
            case WhichChildren():
                return self._children.infos()
            case WhichChild(child):
                return self._children.info(self._children.find(child))
            case CountChildren():
                return self._children.count()
            case GetChildSpec(child):
                return self._children.find(child).spec
            case _:
                self.warn_of_unknown(call)
        return None

    def _set_intensity(self, intensity: int, period: float) -> None:
        self.spec = replace(self.spec, intensity=intensity, period=period)  # which checks them
        self._log.intensity, self._log.period = intensity, period

    async def _start_child(self, spec: Any) -> ActorRef[Any] | None:
        self.spec.check_child(spec)
        self._children.check_new(spec.id)
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
            child.bury()  # so that its name is free
            raise
        self.tally.starts += 1
        if child.state == "stopped":
            raise StartIgnoredError(f"{child.path} is not needed now")
        return child.ref


def _idle(child: Child) -> Child:
    if child.state != "stopped":
        raise ChildStateError(f"{child.path} is {child.state}")
    return child
