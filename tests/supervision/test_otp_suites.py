"""Cases of the suites of OTP and Elixir that no other test has; the page `docs/explanation/otp-suites.md` lists all."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import Actor, ActorRef, system
from cometary.errors import StartIgnoredError, TooManyChildrenError
from cometary.supervision import (
    Backoff,
    ChildSpec,
    DynamicSupervisor,
    Supervisor,
    TaskSupervisor,
    async_stream,
    count_children,
    restart_child,
    start_child,
    start_child_async,
    supervise,
    terminate_child,
    which_children,
)
from tests.supervision.company import Diary, Worker, child, company, crowd, settled, worker


async def test_a_supervisor_that_ignores_its_own_start_keeps_its_place() -> None:
    diary = Diary()
    wanted = False

    class Department(Supervisor):
        async def on_start(self) -> None:  # type: ignore[override]
            if not wanted:
                raise StartIgnoredError
            await super().on_start()

    spec = ChildSpec("department", Department, ([worker("a", diary)],))
    async with company(spec, worker("b", diary)) as root:
        assert diary.read() == ["start b"]
        assert [(info.id, info.state) for info in await which_children(root)] == [
            ("department", "stopped"),
            ("b", "running"),
        ]
        wanted = True
        await restart_child(root, "department")
        assert diary.read() == ["start a"]


async def test_a_child_in_its_back_off_counts_and_takes_up_room() -> None:
    diary = Diary()
    spec = crowd(max_children=1, backoff=Backoff(10, 10, jitter=0))
    async with company(spec) as root:
        supervisor = await child(root, "crowd")
        first = await start_child(supervisor, Worker, "first", diary)
        first.tell("crash")
        await settled()
        count = await count_children(supervisor)
        assert (count.specs, count.active) == (1, 0)
        with pytest.raises(TooManyChildrenError):
            await start_child(supervisor, Worker, "second", diary)
        await terminate_child(supervisor, first)
        await start_child(supervisor, Worker, "third", diary)


async def double(number: int) -> int:
    await trio.sleep(number)
    return 2 * number


async def test_two_streams_can_be_taken_in_step(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        numbers = async_stream(tasks, [1, 2, 3], double)
        others = async_stream(tasks, [30, 20], double, max_concurrency=1)
        pairs = [(number, await anext(others, None)) async for number in numbers]
        assert pairs == [(2, 60), (4, 40), (6, None)]
        assert (await count_children(tasks)).active == 0


async def test_a_stream_may_be_iterated_over_by_another_task(autojump_clock: MockClock) -> None:
    results: list[int] = []

    async def collect() -> None:
        results.extend([number async for number in stream])

    async with system():
        stream = async_stream(TaskSupervisor.start(), [1, 2], double)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect)
        assert results == [2, 4]


@pytest.mark.parametrize("restart", ["permanent", "transient"])
async def test_a_dynamic_child_that_is_not_needed_any_more_at_a_restart_is_forgotten(restart: Any) -> None:
    class Fading(Worker):
        lives = 0

        def on_start(self) -> None:
            Fading.lives += 1
            if Fading.lives > 2:
                raise StartIgnoredError
            super().on_start()

    async with system():
        supervisor = DynamicSupervisor.start(restart=restart, intensity=10)
        ref = await start_child_async(supervisor, Fading, "one", Diary())
        for alive in (True, False):
            ref.kill()
            await settled()
            assert ref.is_alive() is alive
            assert (await count_children(supervisor)).specs == alive
        assert Fading.lives == 3
        assert supervisor.is_alive()


async def test_arguments_of_temporary_children_are_not_kept_after_another_has_ended_either() -> None:
    class Precious:
        pass

    class Holding(Actor):
        def __init__(self, _: object) -> None:
            super().__init__()

        def on_receive(self, message: Any) -> None:
            pass

    async with system():
        supervisor = DynamicSupervisor.start(restart="temporary")
        (await start_child(supervisor, Holding, None)).kill()
        await settled()
        precious = Precious()
        noticed = weakref.ref(precious)
        ref = await start_child(supervisor, Holding, precious)
        del precious
        assert (await count_children(supervisor)).active == 1  # so that it has another message in its hand
        gc.collect()
        assert ref.is_alive()
        assert noticed() is None


@pytest.mark.parametrize("reason", ["normal", "shutdown", "other"])
async def test_children_that_end_by_themselves_while_their_tree_stops_do_not_hold_it_up(reason: str) -> None:
    others: list[ActorRef[Any]] = []

    class Ending(Actor):
        def on_start(self) -> None:
            others.append(self.actor_ref)

        def on_receive(self, message: str) -> None:
            self.stop(message)

    class Last(Actor):
        async def on_receive(self, message: Any) -> None:
            pass

        async def on_stop(self) -> None:  # type: ignore[override]
            for each in others:
                each.tell(reason)
            await settled()

    specs = [
        ChildSpec(f"{restart} child", Ending, restart=restart)
        for restart in ("temporary", "transient", "permanent")
    ]
    async with system() as actors:
        async with supervise([*specs, ChildSpec("last", Last)]):
            pass
        assert [await each.stopped() is None for each in others] == [False] * 3
        assert not list(actors.actors)
