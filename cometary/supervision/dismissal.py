"""How a dynamic supervisor stops its children: one on request, or all of them at the same time.

1.  All are asked at once, and there is one time-out for all of them; those left then are killed.
2.  From the moment that all are to stop nobody is started or restarted, and those that waited
    to be restarted are forgotten: there is nothing of them to stop.
3.  A child counts as gone when its supervisor has been told of its end, and not before.

Source: OTP, `supervisor`, `terminate_dynamic_children`: one shared timer for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from cometary.actors import SHUTDOWN, ActorRef
from cometary.actors.messages import Stop
from cometary.errors import ChildStateError
from cometary.supervision.child import KILL_GRACE
from cometary.supervision.family import logger
from cometary.supervision.offspring import Offspring

if TYPE_CHECKING:
    from cometary.supervision.dynamic import DynamicSupervisor

AnyRef = ActorRef[Any]

BATCH = 500
"""Children that are asked to stop between two checkpoints, so that a hundred thousand of them do not stop the loop."""


class Dismissal:
    """Stops children, and knows when they have gone.

    Args:
        supervisor: whose children they are; it is named in the log.
        offspring: the children.
        patience: seconds that all of them together have to stop.
    """

    def __init__(self, supervisor: DynamicSupervisor, offspring: Offspring, patience: float) -> None:
        self._supervisor = supervisor
        self._offspring = offspring
        self._patience = patience
        self._empty: trio.Event | None = None
        """Set when the last child has gone; there is one as soon as all are to stop."""

    @property
    def begun(self) -> bool:
        """Whether all children are to stop."""
        return self._empty is not None

    def child_gone(self) -> None:
        """Take note that a child has been forgotten."""
        if self._empty is not None and not self._offspring:
            self._empty.set()

    # -- all ------------------------------------------------------------------------------

    async def stop_all(self) -> None:
        """Ask all children to stop, and kill those left when their time is up."""
        empty = self._begin()
        if self._patience > 0:
            await self._ask_all_to_stop()
            with trio.move_on_after(self._patience):
                await empty.wait()
            if left := len(self._offspring):
                path = self._supervisor.path
                text = f"{path} kills {left} children that did not stop in time"
                logger.warning("children killed", text=text, supervisor=path, children=left)
        await self.kill_all()

    async def kill_all(self) -> None:
        """Kill all children that are left, at once."""
        empty = self._begin()
        for ref in list(self._offspring):
            ref.actor_inbox.kill()
        if not await _soon(empty):
            path, left = self._supervisor.path, len(self._offspring)
            text = f"{path} killed {left} children that go on: they are shielded from cancellation"
            logger.error("children go on", text=text, supervisor=path, children=left)
            await empty.wait()

    def _begin(self) -> trio.Event:
        if self._empty is None:
            self._empty = trio.Event()
        for ref in list(self._offspring.parked):
            self._supervisor.forget(ref)
        self.child_gone()
        return self._empty

    async def _ask_all_to_stop(self) -> None:
        order = Stop(SHUTDOWN)
        for number, ref in enumerate(list(self._offspring), start=1):
            ref.actor_inbox.put_if_open(order)
            if number % BATCH == 0:
                await trio.lowlevel.checkpoint()

    # -- one ------------------------------------------------------------------------------

    async def stop_one(self, ref: Any) -> None:
        """Stop a child and forget it; returns when it has gone.

        Raises:
            ChildStateError: if there is no such child; the calling code's fault.
        """
        if ref not in self._offspring:
            raise ChildStateError(f"{self._supervisor.path} has no child {ref!r}")
        if ref in self._offspring.parked:
            self._supervisor.forget(ref)
            return
        self._offspring.leaving[ref] = gone = trio.Event()
        if (patience := self._offspring.patience_of(ref)) > 0:
            ref.actor_inbox.put_if_open(Stop(SHUTDOWN))
            with trio.move_on_after(patience):
                await gone.wait()
        if not gone.is_set():
            ref.actor_inbox.kill()
            if not await _soon(gone):
                path = self._supervisor.path
                text = f"{path} killed {ref}, which goes on: it is shielded from cancellation"
                logger.error("child goes on", text=text, supervisor=path, **ref.actor_inbox.account())
                await gone.wait()


async def _soon(event: trio.Event) -> bool:
    with trio.move_on_after(KILL_GRACE):
        await event.wait()
        return True
    return False
