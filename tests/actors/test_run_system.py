"""A system on a Trio loop: however its block is left, everything is stopped and everyone is told."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import (
    SHUTDOWN,
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    current_system,
    system,
)
from cometary.errors import NoSystemError
from tests.orders import first_come_first_served


class Member(Actor):
    def __init__(self, events: list[object], name: int | None = None) -> None:
        super().__init__()
        self.events = events
        self.name = name

    def on_receive(self, message: Any) -> Any:
        if message == "interrupt":
            signal.raise_signal(signal.SIGINT)
        return message

    def on_stop(self) -> None:
        self.events.append(self.name)


class AsyncMember(Member):
    async def on_receive(self, message: Any) -> Any:
        if message == "wait":
            await trio.sleep_forever()
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Member, AsyncMember], ids=["def", "async def"])


@KINDS
async def test_leaving_the_block_stops_all_actors(kind: Any) -> None:
    first_come_first_served()
    events: list[object] = []
    async with system() as actors:
        refs = [await kind.start_async(events, number) for number in range(5)]
    # Those with a task of their own are asked in the same order, but Trio runs tasks in any.
    assert (events if kind is Member else sorted(events, reverse=True)) == [4, 3, 2, 1, 0]  # type: ignore[type-var]
    assert actors.closed
    assert not any(ref.is_alive() for ref in refs)
    with pytest.raises(ActorDeadError):
        refs[0].tell("x")
    with pytest.raises(ActorDeadError):
        await refs[0].ask("x")
    assert await refs[0].stopped() is SHUTDOWN
    with pytest.raises(NoSystemError):
        kind.start(events)


@KINDS
async def test_an_exception_of_the_block_comes_out_as_it_is(kind: Any) -> None:
    events: list[object] = []

    async def main() -> None:
        async with system():
            kind.start(events)
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await main()
    assert events == [None]


async def test_a_group_of_exceptions_comes_out_as_it_is() -> None:
    group = ExceptionGroup("mine", [LookupError()])
    with pytest.raises(ExceptionGroup) as caught:
        async with system():
            raise group
    assert caught.value is group


async def test_an_interrupt_in_the_block_comes_out_as_it_is() -> None:
    events: list[object] = []

    async def main() -> None:
        async with system():
            Member.start(events)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await main()
    assert events == [None]


@KINDS
async def test_a_cancellation_from_outside_stops_the_actors_in_order(
    kind: Any, autojump_clock: MockClock
) -> None:
    events: list[object] = []
    refs: list[ActorRef[Any]] = []
    with trio.move_on_after(1) as scope:
        async with system():
            refs.append(kind.start(events))
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(1)
    assert events == [None]
    assert await refs[0].stopped() is SHUTDOWN


@KINDS
async def test_a_system_that_is_entered_when_cancelled_already_does_not_run(kind: Any) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with system():
            raise AssertionError
    assert scope.cancelled_caught


async def test_actors_that_do_not_stop_in_time_are_killed(autojump_clock: MockClock) -> None:
    events: list[object] = []
    async with system(stop_timeout=3):
        ref = AsyncMember.start(events)
        answer = ref.ask("wait")
        await wait_all_tasks_blocked()
    assert trio.current_time() == pytest.approx(3)
    with pytest.raises(ActorDeadError):
        await answer
    assert (await ref.stopped()).reason == "killed"
    assert events == []


async def test_an_actor_started_while_all_stop_is_stopped_too(autojump_clock: MockClock) -> None:
    class Late(Member):
        def on_stop(self) -> None:
            super().on_stop()
            if self.name:
                Late.start(self.events, self.name - 1)

    events: list[object] = []
    async with system():
        Late.start(events, 3)
    assert events == [3, 2, 1, 0]
    assert trio.current_time() == 0


@KINDS
def test_a_ctrl_c_while_an_actor_runs_ends_the_system_and_everyone_is_told(kind: Any) -> None:
    refs: list[ActorRef[Any]] = []
    answers: list[Any] = []

    async def main() -> None:
        async with system():
            refs.extend([await kind.start_async([]), await kind.start_async([])])
            answers.extend([refs[0].ask("interrupt"), refs[0].ask("behind"), refs[1].ask("wait")])
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert not any(ref.is_alive() for ref in refs)
    for answer in answers:
        assert answer.done()
    with pytest.raises(ActorDeadError):
        answers[0].get()
    with pytest.raises(ActorDeadError):
        answers[1].get()


async def test_systems_nest_and_each_actor_starts_others_in_its_own() -> None:
    class Parent(Actor):
        def on_receive(self, message: Any) -> Any:
            return Member.start([]), current_system()

    class AsyncParent(Parent):
        async def on_receive(self, message: Any) -> Any:
            return super().on_receive(message)

    async with system() as outer:
        parents = Parent.start(), AsyncParent.start()
        async with system() as inner:
            assert current_system() is inner
            assert Member.start([]).actor_inbox.system is inner
            late, _ = outer.launch(AsyncParent, (), {})
            for parent in (*parents, late):
                child, seen = await parent.ask("x")
                assert seen is outer
                assert child.actor_inbox.system is outer
        assert current_system() is outer
        assert await parents[0].ask("still there?")


async def test_tasks_and_threads_started_in_the_block_know_the_system() -> None:
    seen: list[ActorSystem] = []

    async def task() -> None:
        seen.append(current_system())

    async with system() as actors, trio.open_nursery() as nursery:
        nursery.start_soon(task)
        ref = await trio.to_thread.run_sync(lambda: AsyncMember.start([]))
        assert await ref.ask("x") == "x"
        assert ref.actor_inbox.system is actors
    assert seen == [actors]


async def test_a_thread_of_the_loop_may_block_on_actors() -> None:
    async with system():
        ref = Member.start([])
        assert await trio.to_thread.run_sync(lambda: ref.ask("x", timeout=30)) == "x"
        assert await trio.to_thread.run_sync(lambda: ref.stop(timeout=30)) is True
        assert await trio.to_thread.run_sync(ref.stop) is False


async def test_messages_of_one_thread_arrive_in_order() -> None:
    class List(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int] = []

        def on_receive(self, message: int) -> None:
            self.seen.append(message)

    def send() -> Any:
        ref = List.start()
        for number in range(1000):
            ref.tell(number)
        return ref.proxy().seen.get(timeout=30)

    async with system():
        assert await trio.to_thread.run_sync(send) == list(range(1000))
