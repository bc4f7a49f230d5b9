"""What is broken is mended, whatever ends the run, and counts when it is over."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, cast

import pytest
import trio

from cometary.chaos.habits import NODE_TROUBLES, Trouble
from cometary.chaos.nodes.faults import FAULTS, Faults
from cometary.chaos.nodes.house import House, Ways
from cometary.chaos.nodes.moves import Moves
from cometary.chaos.nodes.relay import Way
from cometary.chaos.plan import Plan
from cometary.errors import TargetError


class Thing:
    """In the place of a node, or of the engine: it notes what is done to it, and when."""

    def __init__(self, name: str, notes: list[tuple[float, str]]) -> None:
        self.name = name
        self._notes = notes

    def note(self, what: str) -> None:
        self._notes.append((trio.current_time(), f"{self.name} {what}"))

    def suspend(self) -> None:
        self.note("suspend")

    def wake(self) -> None:
        self.note("wake")

    async def start(self) -> None:
        await trio.sleep(1)
        self.note("start")

    async def stop(self) -> None:
        await trio.sleep(1)
        self.note("stop")

    async def kill(self) -> None:
        await trio.lowlevel.checkpoint()
        self.note("kill")

    async def kill_one(self, _: Random) -> None:
        await self.kill()


class Household:
    """In the place of several nodes."""

    def __init__(self) -> None:
        self.notes: list[tuple[float, str]] = []
        self.nodes = [Thing(name, self.notes) for name in "abc"]
        self.engine = Thing("engine", self.notes)
        self.ways = {name: Ways(Way(), Way()) for name in "abc"}
        self.dead = False

    def look(self) -> None:
        if self.dead:
            raise TargetError("one has ended")

    async def whole(self) -> None:
        await trio.sleep(0.5)

    @property
    def cut(self) -> int:
        """How many ways are cut."""
        return sum(not way._open.is_set() for each in self.ways.values() for way in (each.links, each.engine))

    @property
    def slow(self) -> int:
        """How many are slow."""
        return sum(each.engine.delay > 0 for each in self.ways.values())


class Run:
    """Faults of one mode, and what they do."""

    def __init__(self, mode: str) -> None:
        self.house = Household()
        self.moves = Moves()
        self.troubles = Counter[Trouble]()
        plan = Plan(mode=mode, fault_every=10, fault_lasts=4, lease=2)
        fault = FAULTS[mode](cast("House", self.house), plan, Random(1))  # noqa: S311 - no secret
        self.faults = Faults(fault, plan.fault_every, self.moves, self.troubles)

    async def until(self, seconds: float) -> None:
        with trio.move_on_at(seconds):
            await self.faults.run()


@pytest.mark.parametrize("mode", NODE_TROUBLES)
async def test_faults_begin_when_they_are_due_and_are_counted_when_they_are_over(
    mode: str, autojump_clock: Any
) -> None:
    run = Run(mode)
    await run.until(29.9)
    assert run.troubles == {NODE_TROUBLES[mode]: 2}
    assert run.moves.began == 20
    assert not run.moves.broken


@pytest.mark.parametrize("mode", NODE_TROUBLES)
async def test_one_that_has_begun_is_mended_when_the_run_ends_meanwhile(
    mode: str, autojump_clock: Any
) -> None:
    run = Run(mode)
    await run.until(10.2)
    assert run.troubles == {NODE_TROUBLES[mode]: 1}
    assert (run.house.cut, run.house.slow) == (0, 0)
    assert trio.current_time() >= 10.5


@pytest.mark.parametrize(
    ("mode", "what"),
    [
        ("kill-node", ["kill", "start"]),
        ("pause-node", ["suspend", "wake"]),
        ("rolling-restart", ["stop", "start"]),
    ],
)
async def test_what_is_done_to_nodes(mode: str, what: list[str], autojump_clock: Any) -> None:
    run = Run(mode)
    await run.until(39)
    assert [note.split()[1] for _, note in run.house.notes] == what * 3
    names = [note.split()[0] for _, note in run.house.notes]
    assert names[::2] == names[1::2]
    if mode == "rolling-restart":
        assert names[::2] == ["a", "b", "c"]
    if mode == "pause-node":
        assert [time for time, _ in run.house.notes] == [10, 14, 20, 24, 30, 34]


async def test_the_engine_is_away_for_a_while(autojump_clock: Any) -> None:
    run = Run("engine-restart")
    await run.until(15.9)
    assert run.house.notes == [(10, "engine kill"), (15, "engine start")]


async def test_a_node_is_cut_off_from_all_then_from_nodes_then_from_the_engine(autojump_clock: Any) -> None:
    run, seen = Run("partition"), list[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.until, 39)
        for time in (12, 22, 32):
            await trio.sleep_until(time)
            seen.append(run.house.cut)
    assert seen == [2, 1, 1]
    assert run.house.cut == 0


async def test_the_engine_is_slow_for_all_nodes(autojump_clock: Any) -> None:
    run = Run("slow-engine")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.until, 15)
        await trio.sleep_until(12)
        assert run.house.slow == 3
        assert run.moves.broken
    assert run.house.slow == 0


async def test_a_node_that_has_ended_by_itself_ends_the_run(autojump_clock: Any) -> None:
    run = Run("kill-node")
    run.house.dead = True
    with pytest.raises(TargetError, match="one has ended"):
        await run.until(30)
