"""What is due on very many connections is called in time, by one task that sleeps while nothing is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from cometary.transport.wires.alarms import PAUSE, Alarms


class Told:
    """What was called, and when."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []

    def __call__(self, name: str) -> None:
        self.calls.append((name, round(trio.current_time(), 3)))

    def due(self, name: str) -> Callable[[], None]:
        return partial(self, name)


async def test_each_is_called_when_it_is_due_the_first_first(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    told, alarms = Told(), Alarms(nursery.start_soon)
    late, soon = alarms.after("late", 20.0), alarms.after("soon", 5.0)
    late.add(told.due("late"), trio.current_time())
    await trio.sleep(1)
    soon.add(told.due("soon"), trio.current_time())  # while the first one is slept for
    await trio.sleep(1)
    soon.add(told.due("next"), trio.current_time())
    await trio.sleep(60)
    assert told.calls == [("soon", 6.0), ("next", 7.0), ("late", 20.0)]
    soon.add(told.due("again"), trio.current_time())
    await trio.sleep(10)
    assert told.calls[-1] == ("again", 67.0)


async def test_what_is_taken_out_is_not_called(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    told, alarms = Told(), Alarms(nursery.start_soon)
    queue, one, other = alarms.after("pong", 5.0), told.due("one"), told.due("other")
    for due in (one, other):
        queue.add(due, trio.current_time())
    queue.discard(one)
    await trio.sleep(10)
    assert told.calls == [("other", 5.0)]


async def test_what_one_of_them_raises_is_logged_and_the_others_are_called(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    told, alarms = Told(), Alarms(nursery.start_soon)
    queue = alarms.after("ping", 5.0)
    for due in (fail, told.due("other")):
        queue.add(due, trio.current_time())
    await trio.sleep(10)
    assert told.calls == [("other", 5.0)]
    assert "ZeroDivisionError" in caplog.text
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == [
        "cometary.transport"
    ]


async def test_one_task_looks_and_only_while_something_waits(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    begun: list[str] = []

    def start_soon(work: Any) -> None:
        begun.append("task")
        nursery.start_soon(work)

    alarms = Alarms(start_soon)
    told, queue = Told(), alarms.after("ping", 5.0)
    for round_ in range(2):
        for name in ("one", "other"):
            queue.add(told.due(name), trio.current_time())
            alarms.after("pong", 7.0).add(told.due(name), trio.current_time())
        await trio.sleep(20)
        assert len(begun) == round_ + 1
        assert not nursery.child_tasks
    assert len(told.calls) == 8


class Steps(trio.abc.Instrument):
    """Counts what tasks do."""

    count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1


async def test_it_sleeps_until_something_is_due_and_looks_no_more_often_than_makes_sense(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    told, alarms = Told(), Alarms(nursery.start_soon)
    queue, steps = alarms.after("ping", 5.0), Steps()
    trio.lowlevel.add_instrument(steps)
    for number in range(100):
        queue.add(told.due(str(number)), trio.current_time() + number * PAUSE / 100)
    await trio.sleep(10)
    trio.lowlevel.remove_instrument(steps)
    assert [name for name, _ in told.calls] == [str(number) for number in range(100)]
    assert steps.count < 20
