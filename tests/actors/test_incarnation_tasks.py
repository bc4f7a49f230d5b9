"""Tasks that an actor starts: its crash is theirs, theirs is its crash, and its end waits for theirs."""

from __future__ import annotations

import inspect
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, system, system_in_thread

Function = Callable[["Owner"], Awaitable[object]]


class Owner(Actor):
    def __init__(self, *functions: Function) -> None:
        super().__init__()
        self.failure: Any = None
        for function in functions:
            self.start_task(function, self)

    def on_receive(self, message: Any) -> Any:
        if inspect.iscoroutinefunction(message):
            self.start_task(message, self)
        return message

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        failures.append(exception_value)


class AsyncOwner(Owner):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


failures: list[BaseException] = []
KINDS = pytest.mark.parametrize("kind", [Owner, AsyncOwner], ids=["def", "async def"])


async def fail(_: Owner) -> None:
    raise LookupError("in a task")


@KINDS
async def test_a_failing_task_crashes_its_actor(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    failures.clear()
    async with system():
        ref = kind.start()
        ref.tell(fail)
        exit_ = await ref.stopped()
    assert exit_.reason == "crashed"
    assert failures == [exit_.error]
    assert "in a task" in caplog.text


@KINDS
async def test_the_end_of_an_actor_cancels_its_tasks_and_waits_for_them(
    kind: Any, autojump_clock: MockClock
) -> None:
    async def slow_to_leave(_: Owner) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)

    for end in ("stop", "kill"):
        async with system():
            ref = kind.start(slow_to_leave)
            await ref.ask(slow_to_leave)
            await wait_all_tasks_blocked()
            before = trio.current_time()
            getattr(ref, end)()
            await ref.stopped()
            assert trio.current_time() - before == pytest.approx(3)


@KINDS
async def test_a_task_started_just_before_the_end_is_cancelled_too(kind: Any) -> None:
    async def begin(_: Owner) -> None:
        trail.append("begun")
        await trio.sleep_forever()

    def both(owner: Owner) -> None:
        owner.start_task(begin, owner)
        owner.actor_ref.kill()

    class Hasty(kind):  # type: ignore[misc]
        def on_start(self) -> None:
            both(self)

    trail: list[str] = []
    async with system():
        ref = Hasty.start()
        await ref.stopped()
        assert trail == ["begun"]  # as in Trio: up to its first checkpoint


@KINDS
async def test_a_task_may_end_its_actor(kind: Any) -> None:
    async def stop(owner: Owner) -> None:
        owner.stop()

    async def kill(owner: Owner) -> None:
        owner.actor_ref.kill()
        await trio.sleep_forever()

    async with system():
        assert (await kind.start(stop).stopped()).reason == "normal"
        assert (await kind.start(kill).stopped()).reason == "killed"


@KINDS
async def test_an_error_of_a_task_on_its_way_out_is_logged(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fragile(_: Owner) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise LookupError("on the way out")

    async with system():
        ref = kind.start(fragile)
        await wait_all_tasks_blocked()
        ref.kill()
        assert (await ref.stopped()).reason == "killed"
    assert "on the way out" in caplog.text


@KINDS
async def test_of_two_failing_tasks_the_second_is_logged(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with system():
        exit_ = await kind.start(fail, fail).stopped()
    assert exit_.reason == "crashed"
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 2


@KINDS
async def test_an_actor_that_has_ended_starts_no_tasks(kind: Any) -> None:
    async with system():
        ref = await kind.start_async()
        actor: Any = ref.actor_inbox.actor
        await ref.stop()
        with pytest.raises(ActorDeadError):
            actor.start_task(fail, actor)


@KINDS
async def test_tasks_of_an_actor_whose_constructor_fails_never_run(kind: Any) -> None:
    class Broken(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(fail)  # pyright: ignore[reportUnknownMemberType]
            raise LookupError("in the constructor")

    async with system():
        with pytest.raises(LookupError, match="constructor"):
            Broken.start()
        await wait_all_tasks_blocked()


@KINDS
def test_tasks_started_while_another_thread_builds_the_actor_run(kind: Any) -> None:
    async def answer(owner: Owner) -> None:
        owner.actor_ref.tell(answered.append)

    answered: list[Any] = []
    with system_in_thread():
        ref = kind.start(answer)
        assert ref.ask("x", timeout=30) == "x"


class Interrupting(Actor):
    def on_receive(self, message: Any) -> None:
        signal.raise_signal(signal.SIGINT)


async def test_a_task_started_while_the_system_comes_to_its_end_holds_nobody_up() -> None:
    class Unwinding(Actor):
        async def on_receive(self, message: Any) -> None:
            try:
                await trio.sleep_forever()
            finally:
                self.start_task(trio.sleep_forever)

    ended: list[Any] = []

    async def run() -> None:
        async with system():
            unwinding = await Unwinding.start_async()
            unwinding.tell("x")
            unwinding.actor_inbox.watch(lambda _ref, exit_: ended.append(exit_.reason))
            await wait_all_tasks_blocked()
            Interrupting.start().tell("now")
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        await run()
    assert ended == ["killed"]
