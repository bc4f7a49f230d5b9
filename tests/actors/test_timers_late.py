"""Timers that come late, since everything stood still, wait until what came meanwhile has been read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import Actor, system
from cometary.actors.scheduler import CATCH_UP


class Sleeper(Actor):
    """Is woken by a timer."""

    def __init__(self, woken: list[float]) -> None:
        super().__init__()
        self.woken = woken

    def on_start(self) -> None:
        self.timer("wake").start(1)

    def on_receive(self, message: Any) -> None:
        self.woken.append(trio.current_time())


class Reader:
    """What reads for actors: it has begun as often as `begun` says, and is done when it is told so."""

    def __init__(self) -> None:
        self.begun = 0
        self.done = False

    def catch_up(self) -> Callable[[], bool]:
        self.begun += 1
        return lambda: self.done


async def some_rounds() -> None:
    for _ in range(20):
        await trio.lowlevel.checkpoint()


async def test_late_timers_wait_for_what_came_before_them(mock_clock: MockClock) -> None:
    woken: list[float] = []
    reader = Reader()
    async with system() as actors:
        actors.scheduler.catch_up = reader.catch_up
        Sleeper.start(woken)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(5)
        await some_rounds()
        assert (woken, reader.begun) == ([], 1)
        reader.done = True
        await some_rounds()
        assert (woken, reader.begun) == ([5], 1)
        reader.done = False
        Sleeper.start(woken)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(5)
        await some_rounds()
        assert (woken, reader.begun) == ([5], 2)


async def test_but_not_for_ever(mock_clock: MockClock) -> None:
    woken: list[float] = []
    async with system() as actors:
        actors.scheduler.catch_up = Reader().catch_up
        Sleeper.start(woken)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(5)
        await some_rounds()
        mock_clock.jump(CATCH_UP)
        await some_rounds()
        assert woken == [5 + CATCH_UP]


@pytest.mark.parametrize("late", [0, 0.05])
async def test_timers_in_time_wait_for_nothing(mock_clock: MockClock, late: float) -> None:
    woken: list[float] = []
    reader = Reader()
    async with system() as actors:
        actors.scheduler.catch_up = reader.catch_up
        Sleeper.start(woken)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1 + late)
        await some_rounds()
        assert (woken, reader.begun) == ([1 + late], 0)
