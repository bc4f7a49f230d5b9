"""How a dynamic supervisor stops its children: one on request, or all of them at the same time.

1.  All are asked at once, and each has its own time, from that moment on; one that is left then is killed.
    Those that are to be killed without being asked are killed at once.
2.  From the moment that all are to stop nobody is started or restarted, and those that waited
    to be restarted are forgotten: there is nothing of them to stop.
3.  A child counts as gone when its supervisor has been told of its end, and not before.

Source: Elixir, `DynamicSupervisor`, `terminate_children`: the `shutdown` of each child counts, by timers that
children with the same one share.
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
    """

    def __init__(self, supervisor: DynamicSupervisor, offspring: Offspring) -> None:
        self._supervisor = supervisor
        self._offspring = offspring
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
        """Ask all children to stop, and kill each that is left when its time is up."""
        empty = self._begin()
        asked = trio.current_time()
        for patience, refs in sorted((await self._ask_all_to_stop()).items()):
            with trio.move_on_at(asked + patience):
                await empty.wait()
            self._kill_late(refs)
        await self.kill_all()

    def _kill_late(self, refs: list[AnyRef]) -> None:
        late = [ref for ref in refs if ref in self._offspring]
        if late:
            path = self._supervisor.path
            text = f"{path} kills {len(late)} children that did not stop in time"
            logger.warning("children killed", text=text, supervisor=path, children=len(late))
        for ref in late:
            ref.actor_inbox.kill()

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

    async def _ask_all_to_stop(self) -> dict[float, list[AnyRef]]:
        """Ask those that are to be asked; returns them by the seconds that they have."""
        order = Stop(SHUTDOWN)
        by_patience: dict[float, list[AnyRef]] = {}
        for number, ref in enumerate(list(self._offspring), start=1):
            patience = self._offspring.patience_of(ref)
            if patience > 0:
                by_patience.setdefault(patience, []).append(ref)
                ref.actor_inbox.put_if_open(order)
            else:
                ref.actor_inbox.kill()
            if number % BATCH == 0:
                await trio.lowlevel.checkpoint()
        return by_patience

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
