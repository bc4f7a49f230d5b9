"""Ending actors at every moment of their lives: whoever waits for them is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import KILLED, NORMAL, SHUTDOWN, Actor, ActorDeadError, ActorRef, Exit, system
from cometary.errors import BlockingCallError, UsageError


class Worker(Actor):
    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        return message

    def on_stop(self) -> None:
        stops.append(self)


class AsyncWorker(Worker):
    async def on_receive(self, message: Any) -> Any:
        if message == "wait":
            await trio.sleep_forever()
        return super().on_receive(message)


stops: list[Actor] = []
KINDS = pytest.mark.parametrize("kind", [Worker, AsyncWorker], ids=["def", "async def"])


def kill(ref: ActorRef[Any]) -> None:
    ref.kill()


def divide_by_zero(_: Actor) -> float:
    return 1 / 0


def crash(ref: ActorRef[Any]) -> None:
    ref.tell(divide_by_zero)


def stop(ref: ActorRef[Any]) -> None:
    ref.stop()


ENDS = pytest.mark.parametrize("end", [kill, crash, stop])


@KINDS
@ENDS
async def test_an_ask_behind_the_end_is_refused(
    kind: type[Worker], end: Callable[[ActorRef[Any]], None]
) -> None:
    async with system():
        ref = kind.start()
        end(ref)
        queued = ref.ask("x", block=False)
        with pytest.raises(ActorDeadError):
            await queued
        with pytest.raises(ActorDeadError):
            await ref.ask("y")
        assert await ref.stop() is False


@KINDS
async def test_an_ask_that_is_queued_when_the_actor_is_killed_is_refused(kind: type[Worker]) -> None:
    async with system():
        ref = await kind.start_async()
        queued, stopping = ref.ask("x"), ref.stop()
        ref.kill()
        with pytest.raises(ActorDeadError):
            await queued
        assert await stopping is True
        assert await ref.stopped() is KILLED


@KINDS
async def test_every_stop_of_a_stopping_actor_succeeds(kind: type[Worker]) -> None:
    async with system():
        ref = kind.start()
        stops = [ref.stop() for _ in range(3)]
        assert [await each for each in stops] == [True, True, True]
        assert await ref.stop() is False


async def test_an_ask_whose_async_handler_is_cancelled_by_a_kill_is_refused() -> None:
    async with system():
        ref = AsyncWorker.start()
        answer = ref.ask("wait")
        await wait_all_tasks_blocked()
        ref.kill()
        with pytest.raises(ActorDeadError):
            await answer


@KINDS
async def test_a_handler_that_kills_its_own_actor_still_answers(kind: type[Worker]) -> None:
    stops.clear()
    async with system():
        ref = kind.start()

        def last_words(actor: Actor) -> str:
            actor.actor_ref.kill()
            assert actor.actor_ref.is_alive()  # until the handler has returned
            return "farewell"

        answer, behind = ref.ask(last_words), ref.ask("x")
        assert await answer == "farewell"
        with pytest.raises(ActorDeadError):
            await behind
        assert await ref.stopped() is KILLED
    assert not stops


@KINDS
async def test_a_crash_after_its_own_kill_is_logged_and_changes_nothing(
    kind: type[Worker], caplog: pytest.LogCaptureFixture
) -> None:
    def both(actor: Actor) -> None:
        actor.actor_ref.kill()
        raise LookupError("too late to matter")

    async with system():
        ref = kind.start()
        ref.tell(both)
        exit_ = await ref.stopped()
    assert exit_ is KILLED or kind is AsyncWorker
    assert "too late to matter" in caplog.text


@KINDS
async def test_stop_kill_and_crash_tell_how_it_ended(
    kind: type[Worker], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with system():
        refs = [await kind.start_async() for _ in range(4)]
        refs[0].stop()
        refs[1].stop(exit=SHUTDOWN)
        refs[2].kill()
        crash(refs[3])
        exits = [await ref.stopped() for ref in refs]
    assert exits[:3] == [NORMAL, SHUTDOWN, KILLED]
    assert exits[3].reason == "crashed"
    assert isinstance(exits[3].error, ZeroDivisionError)
    assert exits[3].last_message is divide_by_zero
    assert [each.abnormal for each in exits] == [False, False, True, True]
    assert str(exits[3]).startswith("crashed: ZeroDivisionError")


@KINDS
async def test_stopped_of_an_actor_that_ended_long_ago_returns_how(kind: type[Worker]) -> None:
    async with system():
        ref = kind.start()
        await ref.stop(exit=Exit("shutdown"))
        assert (await ref.stopped()).reason == "shutdown"


@KINDS
async def test_a_cancelled_wait_for_the_end_leaves_nothing_behind(kind: type[Worker]) -> None:
    async with system():
        ref = await kind.start_async()
        with trio.move_on_after(0):
            await ref.stopped()
        assert not ref.actor_inbox._watchers


@KINDS
async def test_blocking_calls_on_the_loop_are_refused_before_anything_is_sent(kind: type[Worker]) -> None:
    async with system():
        ref = await kind.start_async()
        with pytest.raises(BlockingCallError, match="await ref"):
            ref.ask("x", block=True)
        with pytest.raises(BlockingCallError, match="await ref"):
            ref.stop(block=True)
        proxy = ref.proxy()
        with pytest.raises(BlockingCallError, match="await proxy"):
            proxy.volume = 3
        assert ref.actor_inbox.empty()
        future = ref.ask("x", block=False)
        with pytest.raises(BlockingCallError, match="await future"):
            future.get()
        with pytest.raises(BlockingCallError, match="await future"):
            future.map(str).get()


async def test_an_async_method_of_an_actor_with_a_plain_handler_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Mixed(Worker):
        async def work(self) -> None:
            raise AssertionError

    async with system():
        ref = Mixed.start()
        with pytest.raises(UsageError, match="must be `async def` too"):
            await ref.proxy().work()
        assert ref.is_alive()
        ref.proxy().work.defer()
        assert (await ref.stopped()).reason == "crashed"
    assert "must be `async def` too" in caplog.text


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
async def test_a_kill_cancels_an_async_hook(hook: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    async def forever(*_: object) -> None:
        await trio.sleep_forever()

    kind: Any = type("Hooked", (AsyncWorker,), {hook: forever})
    async with system():
        ref = kind.start()
        crash(ref) if hook == "on_failure" else ref.stop()
        await wait_all_tasks_blocked()
        assert ref.is_alive()
        ref.kill()
        assert await ref.stopped() is KILLED


async def test_an_error_of_a_handler_that_is_being_killed_is_logged_and_goes_no_further(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fragile(AsyncWorker):
        async def on_receive(self, message: Any) -> Any:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                try:
                    await trio.sleep_forever()
                finally:
                    raise LookupError("on the way out")

    async with system():
        ref = Fragile.start()
        ref.tell("x")
        await wait_all_tasks_blocked()
        ref.kill()
        assert await ref.stopped() is KILLED
        assert await AsyncWorker.start().ask(3) == 3
    assert "on the way out" in caplog.text


async def test_a_caller_that_settles_its_own_future_harms_only_itself() -> None:
    async with system():
        ref = Worker.start()
        future = ref.ask("x")
        future.set("mine")
        assert await ref.ask("y") == "y"
        assert await future == "mine"
