"""`sys.suspend` and `resume`: a suspended actor serves system calls alone, and can still be ended."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from cometary.actors import Actor, ActorDeadError, Bounded, Exit, sys, system, system_in_thread
from cometary.supervision import ChildSpec, DynamicSupervisor, start_child
from tests.actors.sys.people import AsyncCounter, Counter, both, settled
from tests.supervision.company import child, company


@both
async def test_mail_waits(kind: type[Counter]) -> None:
    async with system():
        ref = kind.start()
        ref.tell("before")
        await sys.suspend(ref)
        ref.tell("1")
        answer = ref.ask("2")
        await settled()
        assert (await sys.get_state(ref))["got"] == ["before"]
        assert not answer.done()
        await sys.resume(ref)
        assert await answer == 3
        assert (await sys.get_state(ref))["got"] == ["before", "1", "2"]


@both
async def test_what_the_same_turn_had_taken_waits_too(kind: type[Counter]) -> None:
    async with system():
        ref = kind.start()
        ref.tell("before")
        suspended = sys.suspend(ref)
        ref.tell("after")
        await suspended
        await settled()
        assert (await sys.get_state(ref))["got"] == ["before"]
        await sys.resume(ref)
        assert (await sys.get_state(ref))["got"] == ["before", "after"]


@both
async def test_one_that_is_suspended_again_before_it_has_gone_on_does_not_go_on(kind: type[Counter]) -> None:
    async with system():
        ref = kind.start()
        await sys.suspend(ref)
        ref.tell("waits")
        resumed, suspended = sys.resume(ref), sys.suspend(ref)
        ref.tell("waits too")
        await resumed
        await suspended
        await settled()
        assert "waits too" not in (await sys.get_state(ref))["got"]


@both
async def test_twice_is_once(kind: type[Counter]) -> None:
    async with system():
        ref = kind.start()
        await sys.suspend(ref)
        await sys.suspend(ref)
        await sys.resume(ref)
        await sys.resume(ref)
        assert await ref.ask("one") == 1
        await sys.suspend(ref)
        ref.tell("two")
        await settled()
        assert (await sys.get_state(ref))["count"] == 1
        await sys.resume(ref)
        assert await ref.ask("three") == 3


@both
def test_from_another_thread(kind: type[Counter]) -> None:
    with system_in_thread():
        ref = kind.start()
        sys.suspend(ref)
        ref.tell("one")
        assert sys.get_state(ref)["count"] == 0
        sys.resume(ref)
        assert ref.ask("two") == 2


@both
async def test_it_can_be_killed(kind: type[Counter]) -> None:
    async with system():
        ref = kind.start()
        await sys.suspend(ref)
        answer = ref.ask("never")
        ref.kill()
        assert (await ref.stopped()).reason == "killed"
        with pytest.raises(ActorDeadError):
            await answer


@both
async def test_it_stops_before_the_mail_that_waits(kind: type[Counter], autojump_clock: MockClock) -> None:
    async with system():
        ref = kind.start()
        await sys.suspend(ref)
        answer = ref.ask("never")
        assert await ref.stop(timeout=1)
        with pytest.raises(ActorDeadError):
            await answer


@both
async def test_one_with_a_bounded_mailbox_stops_too(kind: type[Counter], autojump_clock: MockClock) -> None:
    async with system():
        ref = kind.with_mailbox(Bounded(1, "refuse")).start()
        await sys.suspend(ref)
        ref.tell("never")
        assert await ref.stop(timeout=1)


@both
async def test_its_supervisor_stops_it_in_good_order(kind: type[Counter], autojump_clock: MockClock) -> None:
    began = trio.current_time()
    async with company(ChildSpec("a", kind)) as root:
        ref = await child(root, "a")
        await sys.suspend(ref)
    assert trio.current_time() - began < 1


@both
async def test_the_next_incarnation_is_not_suspended(kind: type[Counter]) -> None:
    async with company(ChildSpec("a", kind)) as root:
        ref = await child(root, "a")
        await sys.suspend(ref)
        answer = ref.ask("one")
        ref.kill()
        assert await answer == 1
        assert (await sys.get_state(ref))["got"] == ["one"]
        assert await ref.ask("two") == 2


async def test_a_turn_left_over_from_a_killed_incarnation_does_not_resume_it() -> None:
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        ref = await start_child(await child(root, "crowd"), Counter)
        await settled()
        ref.tell("for the next incarnation")
        ref.kill()  # while it waits for its turn; its successor, which is there at once, waits for another
        suspended = sys.suspend(ref)
        ref.tell("waits")
        await suspended
        await settled()
        assert "waits" not in (await sys.get_state(ref))["got"]


async def test_a_timer_runs_and_its_message_waits(autojump_clock: MockClock) -> None:
    class Sleeper(Counter):
        def on_start(self) -> None:
            self.timer("rang").start(1)

    async with system():
        ref = Sleeper.start()
        await sys.suspend(ref)
        await trio.sleep(2)
        assert (await sys.get_state(ref))["got"] == []
        await sys.resume(ref)
        assert (await sys.get_state(ref))["got"] == ["rang"]


async def test_its_tasks_go_on(autojump_clock: MockClock) -> None:
    class Busy(AsyncCounter):
        def on_start(self) -> None:
            self.start_task(self.work)

        async def work(self) -> None:
            await trio.sleep(1)
            self.count = 100

    async with system():
        ref = Busy.start()
        await sys.suspend(ref)
        await trio.sleep(2)
        assert (await sys.get_state(ref))["count"] == 100


@both
async def test_an_actor_that_has_ended_cannot_be_suspended_or_resumed(kind: type[Counter]) -> None:
    async with system():
        ref = kind.start()
        await ref.stop()
        for call in (sys.suspend, sys.resume):
            with pytest.raises(ActorDeadError):
                await call(ref)


async def test_a_task_of_a_suspended_actor_that_crashes_takes_it_along(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unlucky(Actor):
        async def on_receive(self, message: Any) -> None:
            self.start_task(self.fail)

        async def fail(self) -> None:
            await trio.lowlevel.checkpoint()
            await settled()
            raise RuntimeError("in a task")

    async with system():
        ref = Unlucky.start()
        ended: list[Exit] = []
        ref.tell("go")
        await sys.suspend(ref)
        ended.append(await ref.stopped())
    assert ended[0].reason == "crashed"
