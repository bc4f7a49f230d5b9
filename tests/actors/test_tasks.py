"""The handle of a task that an actor has started: its result, and what cancels it."""

from __future__ import annotations

import inspect
import threading
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import (
    Actor,
    ActorDeadError,
    Response,
    Task,
    get_all,
    system,
    system_in_thread,
)
from cometary.errors import StrayExitError, TaskCancelledError, UsageError


class Owner(Actor):
    """Starts what it is told to, and keeps the tasks and the responses."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if inspect.iscoroutinefunction(message):
            return self.start_task(message)
        if type(message) is Task:
            self.expect(cast("Any", message), "result")
            return None
        if message == "got":
            return self.got
        self.got.append(message)
        return None


class AsyncOwner(Owner):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Owner, AsyncOwner], ids=["def", "async def"])


async def seven() -> int:
    await trio.sleep(1)
    return 7


async def fail() -> None:
    await trio.sleep(1)
    raise LookupError("in a task")


async def hang() -> None:
    await trio.sleep_forever()


@KINDS
async def test_a_task_has_the_result_of_its_function(kind: type[Owner], autojump_clock: MockClock) -> None:
    async with system():
        task: Task[int] = await kind.start().ask(seven)
        assert not task.done()
        assert await task == 7
        assert await task.map(str) == "7"
        assert trio.current_time() == 1


async def test_results_that_are_none_or_false_are_results(autojump_clock: MockClock) -> None:
    async def nothing() -> None:
        await trio.lowlevel.checkpoint()

    async with system():
        task: Task[None] = await Owner.start().ask(nothing)
        assert await task.map(repr) == "None"


@KINDS
async def test_a_failing_task_crashes_its_actor_and_tells_who_waits(
    kind: type[Owner], autojump_clock: MockClock
) -> None:
    async with system():
        ref = kind.start()
        task: Task[None] = await ref.ask(fail)
        with pytest.raises(LookupError, match="in a task"):
            await task
        assert (await ref.stopped()).reason == "crashed"


async def test_an_actor_that_awaits_its_own_failing_task_ends_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Waiting(Actor):
        async def on_receive(self, message: Any) -> Any:
            return await self.start_task(message)

    async with system():
        ref = Waiting.start()
        ref.tell(fail)
        assert (await ref.stopped()).reason == "crashed"
        assert await Waiting.start().ask(seven) == 7
    assert caplog.text.count("Unhandled exception") == 1


async def test_what_is_no_exception_is_not_raised_by_those_who_wait(autojump_clock: MockClock) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async with system():
        task: Task[None] = await Owner.start().ask(leave)
        with pytest.raises(StrayExitError):
            await task


@KINDS
async def test_a_cancelled_task_unwinds_and_harms_nobody(
    kind: type[Owner], autojump_clock: MockClock
) -> None:
    unwound: list[float] = []

    async def tidy() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            unwound.append(trio.current_time())

    async with system():
        ref = kind.start()
        task: Task[None] = await ref.ask(tidy)
        await wait_all_tasks_blocked()
        task.cancel()
        task.cancel()
        await task.ready()
        assert unwound == [2]
        with pytest.raises(TaskCancelledError, match="tidy"):
            await task
        assert ref.is_alive()
        assert await ref.ask(seven)


async def test_a_task_that_is_cancelled_before_it_runs_comes_to_its_first_await() -> None:
    begun: list[int] = []

    async def begin() -> None:
        begun.append(1)
        await trio.lowlevel.checkpoint()
        begun.append(2)

    class Hasty(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.task = self.start_task(begin)
            self.task.cancel()

        def on_receive(self, message: Any) -> Any:
            return self.task

    async with system():
        ref = Hasty.start()
        with pytest.raises(TaskCancelledError):
            await (await ref.ask(None))
        assert ref.is_alive()
    assert begun == [1]


async def test_to_cancel_a_task_that_is_over_changes_nothing(autojump_clock: MockClock) -> None:
    async with system():
        task: Task[int] = await Owner.start().ask(seven)
        await task
        task.cancel()
        assert await task == 7


async def test_a_result_that_comes_in_spite_of_the_cancellation_counts(autojump_clock: MockClock) -> None:
    async def stubborn() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        return "done"

    async with system():
        task: Task[str] = await Owner.start().ask(stubborn)
        await wait_all_tasks_blocked()
        task.cancel()
        assert await task == "done"


@KINDS
@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_end_of_the_actor_is_the_end_of_its_tasks(kind: type[Owner], end: str) -> None:
    async with system():
        ref = kind.start()
        task: Task[None] = await ref.ask(hang)
        await wait_all_tasks_blocked()
        getattr(ref, end)()
        with pytest.raises(TaskCancelledError):
            await task


async def test_the_tasks_of_an_actor_that_never_begins_are_not_waited_for_in_vain() -> None:
    tasks: list[Task[Any]] = []

    class Stillborn(Actor):
        def __init__(self) -> None:
            super().__init__()
            tasks.append(self.start_task(hang))
            raise LookupError("no")

    async with system():
        with pytest.raises(LookupError):
            Stillborn.start()
        with pytest.raises(TaskCancelledError, match="has ended"):
            await tasks[0]


async def test_who_waits_and_gives_up_does_not_cancel_the_task(autojump_clock: MockClock) -> None:
    async with system():
        task: Task[int] = await Owner.start().ask(seven)
        with trio.move_on_after(0.5):
            await task
        assert not task.done()
        assert await task == 7


@KINDS
async def test_the_result_can_come_as_a_message(kind: type[Owner], autojump_clock: MockClock) -> None:
    async with system():
        ref = kind.start()
        ref.tell(await ref.ask(seven))
        await trio.sleep(2)
        assert await ref.ask("got") == [Response("result", 7)]


async def test_tasks_are_futures_like_others(autojump_clock: MockClock) -> None:
    async with system():
        ref = Owner.start()
        assert await get_all([await ref.ask(seven), await ref.ask(seven)]) == [7, 7]
        assert trio.current_time() == 1


def test_a_thread_starts_cancels_and_waits_for_tasks() -> None:
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        await trio.sleep_forever()

    with system_in_thread():
        ref = Owner.start()
        task = ref.ask(wait)
        begun.wait()
        task.cancel()
        with pytest.raises(TaskCancelledError):
            task.get(timeout=30)


def test_the_end_of_the_system_is_told_to_who_waits_for_a_task() -> None:
    with system_in_thread():
        task = Owner.start().ask(hang)
    with pytest.raises(TaskCancelledError):
        task.get(timeout=30)


async def test_an_actor_that_has_ended_starts_none() -> None:
    class Lasting(Actor):
        def on_receive(self, message: Any) -> Any:
            return self

    async with system():
        ref = Lasting.start()
        actor: Lasting = await ref.ask(None)
        await ref.stop()
        for call in (
            lambda: actor.start_task(seven),
            lambda: actor.request(ref, 1),
            lambda: actor.receive_timeout(1),
        ):
            with pytest.raises(ActorDeadError):
                call()


@KINDS
async def test_what_is_not_async_crashes_its_actor_and_says_so(kind: type[Owner]) -> None:
    class Starting(kind):  # type: ignore[misc, valid-type]
        def on_start(self) -> None:
            what: Any = print
            self.start_task(what)

    class StartingCalled(kind):  # type: ignore[misc, valid-type]
        def on_start(self) -> None:
            what: Any = seven()
            self.start_task(what)

    async with system():
        for wrong, text in (
            (Starting, "print> is not async"),
            (StartingCalled, "not <coroutine object seven"),
        ):
            starting: Any = wrong
            exit_ = await starting.start().stopped()
            assert type(exit_.error) is UsageError
            assert text in str(exit_.error)
