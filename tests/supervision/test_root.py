"""How a program runs its tree, and how it is told of its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import system
from cometary.errors import NoSystemError, RestartIntensityError, SpecError, UsageError
from cometary.supervision import ChildSpec, DynamicSupervisor, Supervisor, supervise, tree
from tests.supervision.company import (
    Diary,
    Sleeper,
    Worker,
    assert_deserted,
    child,
    leaving_nothing,
    settled,
    tell,
    worker,
)


@leaving_nothing
async def test_the_block_is_cancelled_and_told_when_the_root_gives_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()

    async def run() -> None:
        async with supervise([worker("a", diary), worker("b", diary)], intensity=0) as root:
            (await child(root, "a")).tell("crash")
            await trio.sleep(1000)
            pytest.fail("the block must have been cancelled")

    with pytest.raises(RestartIntensityError, match=r"RuntimeError.*told to crash"):
        await run()
    assert trio.current_time() < 1000


@leaving_nothing
async def test_an_error_of_the_block_goes_on_its_way_when_all_has_stopped() -> None:
    diary = Diary()
    with pytest.raises(LookupError, match="from the block"):
        async with supervise([worker("a", diary)]):
            raise LookupError("from the block")
    assert diary == ["start a", "stop a"]


@leaving_nothing
async def test_a_root_that_is_stopped_by_hand_ends_the_block_quietly() -> None:
    diary = Diary()
    async with supervise([worker("a", diary)]) as root:
        root.stop(block=False)
        await trio.sleep_forever()
    assert diary == ["start a", "stop a"]


@leaving_nothing
async def test_the_whole_tree_can_be_given_a_time_to_stop(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    children = [worker("a", diary), worker("busy", diary, Sleeper, shutdown="infinity")]
    async with supervise(children, shutdown=4) as root:
        await tell(root, "busy", 1000)
        began = trio.current_time()
    assert trio.current_time() - began == 4


async def test_outside_of_a_system_there_is_no_tree() -> None:
    with pytest.raises(NoSystemError):
        async with supervise([]):
            pytest.fail("the block must not be entered")


@leaving_nothing
async def test_a_wrong_option_is_refused_before_anything_starts() -> None:
    diary = Diary()
    with pytest.raises(SpecError, match="intensity"):
        async with supervise([worker("a", diary)], intensity=-1):
            pytest.fail("the block must not be entered")
    assert diary == []


@leaving_nothing
async def test_two_trees_may_stand_beside_each_other() -> None:
    diary = Diary()
    async with (
        supervise([worker("a", diary)], id="left") as left,
        supervise([worker("b", diary)], id="right") as right,
    ):
        assert [tree(root).id for root in (left, right)] == ["left", "right"]
        await tell(left, "a", "crash")
        assert tree(right).children[0].restarts == 0


class Office(Supervisor):
    """A supervisor with its children written down in its class."""

    def __init__(self, diary: Diary) -> None:
        super().__init__([worker("a", diary), worker("b", diary)], strategy="rest_for_one")


async def test_a_supervisor_may_be_a_class_of_its_own() -> None:
    diary = Diary()
    async with system() as actors:
        async with supervise([ChildSpec("office", Office, (diary,))]) as root:
            office = await child(root, "office")
            assert [node.id for node in tree(office).children] == ["a", "b"]
            await tell(office, "a", "crash")
        assert diary == ["start a", "start b", "stop b", "start a", "start b", "stop b", "stop a"]
        assert_deserted(actors)


class Sessions(DynamicSupervisor):
    """A dynamic supervisor that tells others when it is ready."""

    def __init__(self, ready: list[Sessions]) -> None:
        super().__init__(per="child")
        self.ready = ready

    async def on_start(self) -> None:  # type: ignore[override]
        await super().on_start()
        self.ready.append(self)


@leaving_nothing
async def test_a_dynamic_supervisor_may_hand_itself_out_when_it_starts() -> None:
    diary = Diary()
    ready: list[Sessions] = []
    async with supervise([ChildSpec("sessions", Sessions, (ready,))]) as root:
        one = ready[-1].start_child(Worker, "one", diary)
        one.tell("crash")
        await settled()
        assert diary == ["start one", "start one"]
        (await child(root, "sessions")).kill()
        await settled()
        assert len(ready) == 2  # the next incarnation has done the same
        ready[-1].start_child(Worker, "two", diary)


@leaving_nothing
async def test_a_parentless_supervisor_is_just_an_actor() -> None:
    diary = Diary()
    ref: Any = await Supervisor.start_async([worker("a", diary)], strategy="one_for_all")
    await tell(ref, "a", "crash")
    await ref.stop()
    assert diary == ["start a", "start a", "stop a"]


def test_there_is_no_tree_without_trio() -> None:
    async def main() -> None:
        async with supervise([]):
            pass

    with pytest.raises(UsageError, match=r"supervise\(\)"):
        asyncio.run(main())
