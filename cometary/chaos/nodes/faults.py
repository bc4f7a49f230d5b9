"""What is broken, one thing after another, and mended.

1.  Faults begin so many seconds apart, or as soon as the one before is mended and all nodes have found each other
    again: two faults at a time are not tested.
2.  One that has begun is mended, whatever ends the run.
3.  A fault counts when it is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, ClassVar, Final

import trio

if TYPE_CHECKING:
    from collections import Counter

    from cometary.chaos.habits import Trouble
    from cometary.chaos.nodes.house import House
    from cometary.chaos.nodes.moves import Moves
    from cometary.chaos.plan import Plan


class Fault(ABC):
    """One kind.

    Args:
        house: what is broken.
        plan: how, and for how long.
        chance: which of several.
    """

    trouble: ClassVar[Trouble]
    """As what it counts."""

    at_once: ClassVar[bool] = False
    """Whether it is mended as soon as it has begun."""

    def __init__(self, house: House, plan: Plan, chance: Random) -> None:
        self.house = house
        self.plan = plan
        self.chance = chance

    @property
    def lasts(self) -> float:
        """Seconds."""
        return 0.0 if self.at_once else self.plan.fault_lasts

    @abstractmethod
    async def begin(self) -> None:
        """Break something."""

    @abstractmethod
    async def end(self) -> None:
        """Mend it."""


class KillNode(Fault):
    """A node is killed, and started again at once."""

    trouble = "node-killed"
    at_once = True

    async def begin(self) -> None:
        """See `Fault`."""
        self.victim = self.chance.choice(self.house.nodes)
        await self.victim.kill()

    async def end(self) -> None:
        """See `Fault`."""
        await self.victim.start()


class KillWorker(Fault):
    """A worker is killed, which its supervisor starts again; the next one as soon as two take clients."""

    trouble = "killed"
    at_once = True

    async def begin(self) -> None:
        """See `Fault`."""
        await self.house.nodes[0].kill_one(self.chance)

    async def end(self) -> None:
        """See `Fault`."""
        await trio.lowlevel.checkpoint()


class PauseNode(Fault):
    """A node does nothing until others have adopted its sessions, and then goes on."""

    trouble = "node-paused"

    async def begin(self) -> None:
        """See `Fault`."""
        self.victim = self.chance.choice(self.house.nodes)
        self.victim.suspend()
        await trio.lowlevel.checkpoint()

    async def end(self) -> None:
        """See `Fault`."""
        self.victim.wake()
        await trio.lowlevel.checkpoint()


class Partition(Fault):
    """Nothing passes between a node and everything but its clients; or only the other nodes; or only the engine."""

    trouble = "partitioned"

    def __init__(self, house: House, plan: Plan, chance: Random) -> None:
        super().__init__(house, plan, chance)
        self._kinds = cycle([("links", "engine"), ("links",), ("engine",)])

    async def begin(self) -> None:
        """See `Fault`."""
        ways = self.house.ways[self.chance.choice(self.house.nodes).name]
        self.cut = [getattr(ways, kind) for kind in next(self._kinds)]
        for way in self.cut:
            way.cut()
        await trio.lowlevel.checkpoint()

    async def end(self) -> None:
        """See `Fault`."""
        for way in self.cut:
            way.mend()
        await trio.lowlevel.checkpoint()


class SlowEngine(Fault):
    """The engine's answers are delayed."""

    trouble = "engine-slowed"

    async def begin(self) -> None:
        """See `Fault`."""
        await self._delay(self.plan.engine_delay)

    async def end(self) -> None:
        """See `Fault`."""
        await self._delay(0)

    async def _delay(self, seconds: float) -> None:
        for ways in self.house.ways.values():
            ways.engine.delay = seconds
        await trio.lowlevel.checkpoint()


class EngineRestart(Fault):
    """The engine is killed, and started again some time later."""

    trouble = "engine-killed"

    async def begin(self) -> None:
        """See `Fault`."""
        await self.house.engine.kill()

    async def end(self) -> None:
        """See `Fault`."""
        await self.house.engine.start()


class RollingRestart(Fault):
    """The next node is stopped, as by its operator, and started again."""

    trouble = "node-restarted"
    at_once = True

    def __init__(self, house: House, plan: Plan, chance: Random) -> None:
        super().__init__(house, plan, chance)
        self._turns = cycle(house.nodes)

    async def begin(self) -> None:
        """See `Fault`."""
        self.victim = next(self._turns)
        await self.victim.stop()

    async def end(self) -> None:
        """See `Fault`."""
        await self.victim.start()


FAULTS: Final[dict[str, type[Fault]]] = {
    "kill-recorded-worker": KillWorker,
    "kill-node": KillNode,
    "pause-node": PauseNode,
    "partition": Partition,
    "slow-engine": SlowEngine,
    "engine-restart": EngineRestart,
    "rolling-restart": RollingRestart,
}
"""By mode."""


class Faults:
    """Breaks one thing after another.

    Args:
        fault: what.
        every: seconds between two beginnings.
        moves: told when something is broken.
        troubles: where it is counted.
    """

    def __init__(self, fault: Fault, every: float, moves: Moves, troubles: Counter[Trouble]) -> None:
        self._fault = fault
        self._every = every
        self._moves = moves
        self._troubles = troubles

    async def run(self) -> None:
        """Go on until cancelled (rules 1 and 2).

        Raises:
            TargetError: what was broken cannot be mended, or a node has ended by itself.
        """
        due = trio.current_time()
        while True:
            due = max(due + self._every, trio.current_time())
            await trio.sleep_until(due)
            with trio.CancelScope(shield=True):
                await self._once()

    async def _once(self) -> None:
        fault = self._fault
        fault.house.look()
        self._moves.breaks(trio.current_time())
        try:
            await fault.begin()
            await trio.sleep(fault.lasts)
        finally:
            await fault.end()
        await fault.house.whole()
        self._moves.broken = False
        self._troubles[fault.trouble] += 1
