"""Children of a dynamic supervisor whose start is waited for, and what is prepended to their arguments."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorRef, ThreadingActor, whereis
from cometary.errors import (
    ActorEndedError,
    ChildStartError,
    ChildStateError,
    NameTakenError,
    SpecError,
    StartIgnoredError,
    TooManyChildrenError,
)
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    count_children,
    latest_reports,
    start_child,
    start_child_async,
    supervisor_statistics,
    terminate_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    Delicate,
    Diary,
    Worker,
    child,
    company,
    crowd,
    settled,
    the_actor,
    worker,
)

KINDS = pytest.mark.parametrize("kind", [Worker, Clerk])
QUIET = logging.CRITICAL


class Slow(Worker):
    """A worker that takes its time to start."""

    async def on_start(self) -> None:  # type: ignore[override]
        await trio.sleep(10)
        self.diary.note_start(self.name)

    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


@KINDS
async def test_it_returns_when_on_start_has_run(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        ref = await start_child_async(sup, kind, "a", diary)
        assert diary.read() == ["start a"]
        other = await start_child_async(sup, worker("b", diary, kind))
        assert diary.read() == ["start b"]
        assert [info.ref for info in await which_children(sup)] == [ref, other]
        assert supervisor_statistics(sup).starts == 2


async def test_a_supervisor_with_fixed_children_does_so_too() -> None:
    diary = Diary()
    async with company() as root:
        ref = await start_child_async(root, worker("a", diary))
        assert diary.read() == ["start a"]
        assert ref is await child(root, "a")
        with pytest.raises(SpecError, match="must be a ChildSpec"):
            await start_child_async(root, Worker, "b", diary)


@KINDS
async def test_one_that_fails_is_no_child_and_is_told_once(
    kind: type[Worker], caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(crowd(restart="permanent", intensity=0)) as root:
        sup = await child(root, "crowd")
        diary.failing_starts["a"] = 1
        with pytest.raises(ChildStartError, match="a child did not start: crashed: OSError") as caught:
            await start_child_async(sup, kind, "a", diary)
        assert isinstance(caught.value.__cause__, OSError)
        await settled()
        assert diary.read() == ["failed a"]  # and not restarted
        assert (await count_children(sup)).specs == 0
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert caplog.records[0].getMessage().endswith("nothing is done, restarts so far: 0")
        assert supervisor_statistics(sup).starts == 0
        await start_child_async(sup, kind, "a", diary)  # no restart has been counted


async def test_what_the_constructor_raises_is_told_in_the_same_way() -> None:
    diary = Diary()
    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        diary.failing_starts["constructor of a"] = 1
        with pytest.raises(ChildStartError, match="a child did not start: crashed: OSError") as caught:
            await start_child_async(sup, Delicate, "a", diary)
        assert isinstance(caught.value.__cause__, OSError)
        assert (await count_children(sup)).specs == 0


async def test_one_that_is_not_needed_says_so() -> None:
    class Idle(Actor):
        def on_start(self) -> None:
            raise StartIgnoredError("no printer here")

    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        with pytest.raises(StartIgnoredError):
            await start_child_async(sup, Idle)
        assert (await count_children(sup)).specs == 0
        assert latest_reports(root) == ()  # which is no failure


async def test_one_that_kills_itself_before_it_has_started_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(QUIET)

    class Desperate(Actor):
        def __init__(self, where: str) -> None:
            super().__init__()
            self.where = where
            if where == "constructor":
                self.actor_ref.kill()

        def on_start(self) -> None:
            if self.where == "on_start":
                self.actor_ref.kill()

    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        for where in ("constructor", "on_start"):
            with pytest.raises(ChildStartError, match="killed"):
                await start_child_async(sup, Desperate, where)
        assert (await count_children(sup)).specs == 0


async def test_a_name_that_is_taken_is_told_with_who_has_it() -> None:
    diary = Diary()
    spec = ChildSpec("a", Worker, ("a", diary), name="store")
    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        ref = await start_child_async(sup, spec)
        with pytest.raises(NameTakenError) as caught:
            await start_child_async(sup, spec)
        assert caught.value.ref is ref
        await terminate_child(sup, ref)
        diary.failing_starts["a"] = 1
        with pytest.raises(ChildStartError):
            await start_child_async(sup, spec)
        assert whereis("store") is None


@pytest.mark.parametrize("seconds", [3, 0.5])
async def test_one_that_takes_too_long_has_failed(
    seconds: float, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(QUIET)
    diary = Diary()
    async with company(crowd(start_timeout=seconds, period=seconds)) as root:
        sup = await child(root, "crowd")
        with pytest.raises(ChildStartError, match=f"did not start within {seconds} s"):
            await start_child_async(sup, Slow, "a", diary)
        assert trio.current_time() == autojump_clock.current_time() == seconds
        assert (await count_children(sup)).specs == 0


async def test_a_slow_start_holds_up_nobody_else(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    began = autojump_clock.current_time()
    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(start_child_async, sup, Slow, name, diary)
            await settled()
            await start_child_async(sup, Worker, "quick", diary)
            assert (await count_children(sup)).specs == 4
            assert diary.read() == ["start quick"]
        assert sorted(diary.read()) == ["start a", "start b", "start c"]
        assert autojump_clock.current_time() - began == 10


async def test_one_that_is_terminated_while_it_starts_has_not_started(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    diary = Diary()
    async with company(crowd(shutdown="brutal_kill")) as root:
        sup = await child(root, "crowd")

        async def expect_failure() -> None:
            with pytest.raises(ChildStartError, match="killed"):
                await start_child_async(sup, Slow, "a", diary)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect_failure)
            await settled()
            (info,) = await which_children(sup)
            assert info.state == "starting"
            assert info.ref is not None
            await terminate_child(sup, info.ref)
        assert diary.read() == []
        assert latest_reports(root) == ()  # it was what was wanted


async def test_a_supervisor_that_ends_first_leaves_nobody_waiting(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    del autojump_clock
    caplog.set_level(QUIET)
    async with company(crowd()) as root:
        sup = await child(root, "crowd")

        async def expect_failure() -> None:
            with pytest.raises((ChildStartError, ActorEndedError)):
                await start_child_async(sup, Slow, "a", Diary())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect_failure)
            await settled()
            sup.kill()


async def test_who_gives_up_waiting_has_started_it_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    diary = Diary()
    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        with trio.move_on_after(1):
            await start_child_async(sup, Slow, "a", diary)
        await trio.sleep(20)
        assert diary.read() == ["start a"]
        assert (await count_children(sup)).active == 1


async def test_once_started_a_crash_is_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(QUIET)
    diary = Diary()
    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        ref = await start_child_async(sup, Worker, "a", diary)
        ref.tell("crash")
        await settled()
        assert diary.read() == ["start a", "start a"]


async def test_code_that_holds_the_supervisor_waits_in_the_same_way() -> None:
    diary = Diary()
    async with company(crowd(max_children=1)) as root:
        sup = the_actor(await child(root, "crowd"))
        ref = await sup.start_child_async(Worker, "a", diary)
        assert isinstance(ref, ActorRef)
        assert diary.read() == ["start a"]
        with pytest.raises(TooManyChildrenError):
            await sup.start_child_async(Worker, "b", diary)
    with pytest.raises(ChildStateError):
        await sup.start_child_async(Worker, "c", diary)


async def test_a_partition_supervisor_has_as_many_as_it_has() -> None:
    house = ChildSpec("house", PartitionSupervisor, (ChildSpec("share", DynamicSupervisor),))
    async with company(house) as root:
        with pytest.raises(ChildStateError, match="no more and no fewer"):
            await start_child_async(await child(root, "house"), ChildSpec("x", Worker, ("x", Diary())))


# -- extra arguments --------------------------------------------------------------------------


@pytest.mark.parametrize("restart", ["permanent", "temporary"])
async def test_extra_arguments_come_before_those_of_each_child(restart: str) -> None:
    class Room(Worker):
        def __init__(self, diary: Diary, hotel: str, number: int) -> None:
            super().__init__(f"{hotel} {number}", diary)

    room: Any = Room  # type checkers do not know of the arguments before
    diary = Diary()
    async with company(crowd(extra_arguments=(diary, "Ritz"), restart=restart)) as root:
        sup = await child(root, "crowd")
        ref = await start_child(sup, room, 1)
        await start_child_async(sup, room, 2)
        ref.tell("crash")
        await settled()
        again = ["start Ritz 1"] if restart == "permanent" else []
        assert diary.read() == ["start Ritz 1", "start Ritz 2", *again]


async def test_a_specification_has_arguments_of_its_own() -> None:
    diary = Diary()
    async with company(crowd(extra_arguments=("never", "used"))) as root:
        await start_child_async(await child(root, "crowd"), worker("a", diary))
        assert diary.read() == ["start a"]


async def test_a_child_in_a_thread_gets_them_too() -> None:
    class Threaded(ThreadingActor):
        def __init__(self, first: str, second: str) -> None:
            super().__init__()
            self.both = first, second

        def on_receive(self, message: Any) -> Any:
            return (*self.both, message)

    async with company(crowd(extra_arguments=("a",))) as root:
        ref = await start_child_async(await child(root, "crowd"), Threaded, "b")
        assert await ref.ask("c") == ("a", "b", "c")


async def test_extra_arguments_are_a_tuple() -> None:
    async with company():
        extra: Any = ["a list"]
        with pytest.raises(SpecError, match="extra_arguments must be a tuple"):
            DynamicSupervisor.start(extra_arguments=extra)
