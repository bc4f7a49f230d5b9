"""The children of one supervisor, in the order of their start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import trio

from cometary.actors import ActorRef
from cometary.errors import AlreadyStartedError, ChildStartError, ChildStateError
from cometary.log import show
from cometary.supervision.calls import ChildCount, ChildInfo
from cometary.supervision.child import Child, actor_name
from cometary.supervision.reports import Action, Offender
from cometary.supervision.spec import ChildSpec
from cometary.supervision.supervising_actor import SupervisingActor


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

    def check_new(self, child_id: str) -> None:
        """Check that no child has this id.

        Raises:
            AlreadyStartedError: if one has; the calling code's fault.
        """
        child = self._by_id.get(child_id)
        if child is not None:
            ref = child.ref if child.alive else None
            path = f"{self._supervisor.path}/{child_id}"
            raise AlreadyStartedError(f"there is a child {path} already, which is {child.state}", ref)

    def find(self, wanted: object) -> Child:
        """Return the child with this id, or this reference.

        Raises:
            ChildStateError: if there is none; the calling code's fault.
        """
        child = self._by_id.get(wanted) if isinstance(wanted, str) else self._with_ref(wanted)
        if child is None:
            raise ChildStateError(f"{self._supervisor.path} has no child {show(wanted)}")
        return child

    def _with_ref(self, wanted: object) -> Child | None:
        parent = wanted.actor_inbox.parent if isinstance(wanted, ActorRef) else None
        return parent if isinstance(parent, Child) and parent in self else None

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
        """Forget a child that does not run, and is buried."""
        self.significant.pop(child, None)
        del self._by_id[child.spec.id]

    # -- what is known about them ---------------------------------------------------------

    def report(self, child: Child, action: Action) -> None:
        """Report how the last incarnation of a child ended."""
        child.unreported = False
        if child.exit is not None:
            self._supervisor.report(self._offender(child), child.exit, action)

    def _offender(self, child: Child) -> Offender:
        return Offender(child.spec.id, actor_name(child.spec, child.ref), child.ref, child.restarts)

    @staticmethod
    def info(child: Child) -> ChildInfo:
        """Tell about a child."""
        return ChildInfo(child.spec.id, child.ref if child.alive else None, child.spec.kind, child.state)

    def infos(self) -> tuple[ChildInfo, ...]:
        """Tell who there is."""
        return tuple(map(self.info, self))

    def count(self) -> ChildCount:
        """Tell how many there are."""
        specs = len(self._by_id)
        supervisors = sum(child.spec.kind == "supervisor" for child in self)
        active = sum(child.alive for child in self)
        return ChildCount(specs, active, supervisors, specs - supervisors)
