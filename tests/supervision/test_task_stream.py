"""Streams of tasks: bounded, in order or not, with a time-out for each item."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from pykka import Timeout
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Response, system
from cometary.errors import ChildStateError, SpecError, TooManyChildrenError
from cometary.supervision import (
    DynamicSupervisor,
    TaskSupervisor,
    async_stream,
    async_stream_nolink,
    count_children,
    latest_reports,
)

running: list[object] = []


async def work(seconds: Any) -> Any:
    """Take that long, and count how many do so at the same time; fail for a string."""
    running.append(seconds)
    try:
        if seconds == "no":
            raise LookupError(seconds)
        await trio.sleep(seconds)
        return len(running)
    finally:
        running.remove(seconds)


async def echo(seconds: float) -> float:
    await trio.sleep(seconds)
    return seconds


async def test_results_come_in_the_order_of_the_items(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        assert [value async for value in async_stream(tasks, [3, 1, 2], echo)] == [3, 1, 2]
        assert trio.current_time() == 3


async def test_or_as_they_are_there(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        assert [value async for value in async_stream(tasks, [3, 1, 2], echo, ordered=False)] == [1, 2, 3]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("concurrency", [1, 3, 100])
async def test_no_more_tasks_run_than_are_allowed(
    ordered: bool, concurrency: int, autojump_clock: MockClock
) -> None:
    async with system():
        tasks = TaskSupervisor.start(max_children=concurrency)
        stream = async_stream(tasks, [1] * 12, work, max_concurrency=concurrency, ordered=ordered)
        most = [value async for value in stream]
        assert max(most) == min(concurrency, 12)
        assert len(most) == 12
        assert trio.current_time() == {1: 12, 3: 4, 100: 1}[concurrency]
        assert (await count_children(tasks)).active == 0


async def test_an_empty_stream_ends_at_once() -> None:
    async with system():
        assert [value async for value in async_stream(TaskSupervisor.start(), [], echo)] == []


@pytest.mark.parametrize("ordered", [True, False])
async def test_items_are_taken_as_there_is_room(ordered: bool, autojump_clock: MockClock) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1, 1_000_000):
            taken.append(number)
            yield 1

    async with system():
        tasks = TaskSupervisor.start()
        with async_stream(tasks, items(), echo, max_concurrency=2, ordered=ordered) as stream:
            async for _ in stream:
                if len(taken) > 5:
                    break
        assert len(taken) == 6
        await wait_all_tasks_blocked()
        assert (await count_children(tasks)).active == 0


@pytest.mark.parametrize("ordered", [True, False])
async def test_the_first_failure_ends_all(ordered: bool, autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        stream = async_stream(tasks, [1, "no", 100, 100], work, ordered=ordered)
        if ordered:
            await anext(stream)
        with pytest.raises(LookupError, match="no"):
            await anext(stream)
        await wait_all_tasks_blocked()
        assert (await count_children(tasks)).active == 0
        assert [value async for value in stream] == []
        assert len(latest_reports(tasks)) == 1


@pytest.mark.parametrize("ordered", [True, False])
async def test_without_a_link_each_item_has_its_outcome(ordered: bool, autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        stream = async_stream_nolink(tasks, [0.5, "no", 100], work, timeout=2, ordered=ordered)
        got = {response.tag: response async for response in stream}
        assert got[0.5] == Response(0.5, 2)
        assert isinstance(got["no"].error, LookupError)
        with pytest.raises(Timeout, match="work took more than 2 seconds"):
            got[100].result()
        assert trio.current_time() == 2
        assert len(latest_reports(tasks)) == 1  # a time-out is no crash


async def test_with_a_link_a_time_out_ends_all(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        with pytest.raises(Timeout):
            async for _ in async_stream(tasks, [100, 100], echo, timeout=1):
                pass
        assert trio.current_time() == 1


async def test_less_than_a_second_is_a_time_out_too(autojump_clock: MockClock) -> None:
    async with system():
        with pytest.raises(Timeout):
            await anext(async_stream(TaskSupervisor.start(), [1], echo, timeout=0.5))
        assert trio.current_time() == 0.5


async def test_a_slow_task_is_timed_from_its_own_start(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        stream = async_stream(tasks, [2, 2, 2], echo, timeout=3, max_concurrency=1)
        assert [value async for value in stream] == [2, 2, 2]


@pytest.mark.parametrize("stream_of", [async_stream, async_stream_nolink])
@pytest.mark.parametrize("ordered", [True, False])
async def test_a_full_supervisor_ends_the_stream(
    stream_of: Any, ordered: bool, autojump_clock: MockClock
) -> None:
    async with system():
        tasks = TaskSupervisor.start(max_children=1)
        with pytest.raises(TooManyChildrenError):
            async for _ in stream_of(tasks, [1, 2, 3], echo, ordered=ordered):
                pass
        await wait_all_tasks_blocked()
        assert (await count_children(tasks)).active == 0


async def test_items_that_raise_end_the_stream(autojump_clock: MockClock) -> None:
    def items() -> Iterator[float]:
        yield 100
        raise LookupError("no more")

    async with system():
        tasks = TaskSupervisor.start()
        with pytest.raises(LookupError, match="no more"):
            async for _ in async_stream(tasks, items(), echo):
                pass
        await wait_all_tasks_blocked()
        assert (await count_children(tasks)).active == 0


async def test_a_stream_that_is_forgotten_ends_its_tasks(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        async for _ in async_stream(tasks, [1, 100, 100], echo):
            break
        gc.collect()
        await trio.sleep(1)
        assert (await count_children(tasks)).active == 0


async def test_a_cancelled_wait_leaves_the_stream_as_it_was(autojump_clock: MockClock) -> None:
    async with system():
        stream = async_stream(TaskSupervisor.start(), [5, 6], echo)
        with trio.move_on_after(1):
            await anext(stream)
        assert [value async for value in stream] == [5, 6]


async def test_items_need_not_be_comparable(autojump_clock: MockClock) -> None:
    async def touch(_: object) -> None:
        await trio.lowlevel.checkpoint()

    class Odd(float):
        def __eq__(self, other: object) -> bool:
            raise TypeError("not comparable")

        __hash__ = None  # type: ignore[assignment]

    async with system():
        stream = async_stream(TaskSupervisor.start(), [Odd(1), Odd(1)], touch, ordered=False)
        assert len([value async for value in stream]) == 2


@pytest.mark.parametrize(
    "wrong", [{"max_concurrency": 0}, {"max_concurrency": 1.5}, {"timeout": 0}, {"timeout": -1}]
)
async def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    async with system():
        with pytest.raises(SpecError):
            async_stream(TaskSupervisor.start(), [1], echo, **wrong)


async def test_another_supervisor_is_refused_at_the_first_item() -> None:
    async with system():
        with pytest.raises(ChildStateError):
            await anext(async_stream(DynamicSupervisor.start(), [1], echo))


async def hang(number: int) -> int:
    """Return for the first one only."""
    if number:
        await trio.sleep_forever()
    await trio.lowlevel.checkpoint()
    return number


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("how", ["with", "close"])
async def test_a_stream_that_is_left_runs_nothing_any_more_and_is_at_its_end(how: str, ordered: bool) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        stream = async_stream(tasks, itertools.count(), hang, ordered=ordered, max_concurrency=3)
        if how == "with":
            with stream:
                assert await anext(stream) == 0
        else:
            assert await anext(stream) == 0
            stream.close()
        await wait_all_tasks_blocked()
        assert (await count_children(tasks)).active == 0
        assert [value async for value in stream] == []


async def test_a_stream_that_failed_runs_nothing_any_more() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    async with system():
        tasks = TaskSupervisor.start()
        stream = async_stream(tasks, items(), hang)
        with pytest.raises(LookupError, match="no more"):
            await anext(stream)
        await wait_all_tasks_blocked()
        assert (await count_children(tasks)).active == 0
        assert [value async for value in stream] == []


async def test_outcomes_come_in_the_order_of_the_items_unless_said_otherwise(
    autojump_clock: MockClock,
) -> None:
    async with system():
        stream = async_stream_nolink(TaskSupervisor.start(), [2, 1], echo)
        assert [response.tag async for response in stream] == [2, 1]
