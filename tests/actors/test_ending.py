"""Ending actors at every moment of their lives: whoever waits for them is told."""

from __future__ import annotations

import gc
import logging
import queue
import weakref
from collections.abc import Callable
from operator import methodcaller
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Actor,
    ActorDeadError,
    ActorRef,
    Exit,
    Timeout,
    system,
)
from cometary.errors import ActorEndedError, BlockingCallError, UsageError
from tests.actors.unwinding import linger


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
        crashed = await refs[3].stopped()
        exits = [*[await ref.stopped() for ref in refs[:3]], crashed]
    assert exits[:3] == [NORMAL, SHUTDOWN, KILLED]
    assert exits[3].reason == "crashed"
    assert isinstance(exits[3].error, ZeroDivisionError)
    assert exits[3].last_message is divide_by_zero
    assert [each.abnormal for each in exits] == [False, False, True, True]
    assert str(exits[3]).startswith("crashed: ZeroDivisionError")


async def waiting_for(ref: ActorRef[Any]) -> Any:
    """Ask something that is answered later, or, if the handler can, that takes its time."""
    answer = ref.ask("wait" if ref.actor_class is AsyncWorker else Actor.reply_later)
    await wait_all_tasks_blocked()
    return answer


@KINDS
@pytest.mark.parametrize("moment", ["before", "in the mailbox", "while it is handled"])
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (kill, "killed"),
        (crash, "crashed"),
        (stop, "normal"),
        (methodcaller("exit", "out of paper"), "out of paper"),
    ],
)
async def test_whoever_asks_learns_why_there_is_no_answer(
    kind: type[Worker],
    end: Callable[[ActorRef[Any]], None],
    reason: str,
    moment: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    if kind is AsyncWorker and moment == "while it is handled" and end in (crash, stop):
        return  # these are messages, and would wait for the handler
    async with system():
        ref = await kind.start_async()
        if moment == "before":
            end(ref)
            exit_ = await ref.stopped()
            answer = ref.ask("x")
        elif moment == "in the mailbox":
            end(ref)
            answer = ref.ask("x") if ref.is_alive() else None
            exit_ = await ref.stopped()
        else:
            answer = await waiting_for(ref)
            end(ref)
            exit_ = await ref.stopped()
        if answer is None:  # it had no mailbox any more
            return
        with pytest.raises(ActorEndedError, match=str(exit_)[:12]) as caught:
            await answer
    assert caught.value.reason == exit_.reason == reason
    assert repr(caught.value.__cause__) == repr(exit_.error)


@KINDS
async def test_a_tell_to_the_dead_says_how_it_ended(kind: type[Worker]) -> None:
    async with system():
        ref = kind.start()
        await ref.stop(exit="out of paper")
        with pytest.raises(ActorEndedError, match="not found; it ended: out of paper"):
            ref.tell("x")


@KINDS
@pytest.mark.parametrize("seconds", [-1, float("nan")])
async def test_a_negative_time_out_is_refused_before_anything_is_sent(
    kind: type[Worker], seconds: float
) -> None:
    async with system():
        ref = await kind.start_async()
        for call in (ref.ask, ref.stop):
            with pytest.raises(UsageError, match="0 seconds or more"):
                call(*["x"] * (call == ref.ask), timeout=seconds)
        assert ref.actor_inbox.empty()
        with pytest.raises(UsageError, match="0 seconds or more"):
            ref.ask("x").get(timeout=seconds)
        assert await ref.ask("x", timeout=0.1) == "x"


@KINDS
async def test_a_stop_that_takes_too_long_harms_neither_side(
    kind: type[Worker], autojump_clock: trio.testing.MockClock
) -> None:
    def start_task(actor: Actor) -> None:
        actor.start_task(linger)

    async with system():
        ref = kind.start()
        await ref.ask(start_task)
        await wait_all_tasks_blocked()
        with pytest.raises(Timeout, match="1 second"):
            await ref.stop(timeout=1, exit="out of paper")
        assert ref.is_alive()
        assert await ref.stopped() == Exit("out of paper")


@KINDS
async def test_a_reply_that_is_sent_twice_is_an_error_and_the_first_one_counts(kind: type[Worker]) -> None:
    def reply_twice(actor: Actor) -> None:
        reply = actor.reply_later()
        reply.set("first")
        with pytest.raises(queue.Full, match="a reply is sent once"):
            reply.set("second")

    async with system():
        assert await kind.start().ask(reply_twice) == "first"


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


@KINDS
async def test_of_an_actor_that_has_ended_nothing_waits_for_the_garbage_collector(kind: type[Worker]) -> None:
    async with system():
        ref = kind.start()
        await ref.stop()
        await wait_all_tasks_blocked()
        stops.clear()
        gone = weakref.ref(ref)
        gc.disable()
        try:
            del ref
            assert gone() is None
        finally:
            gc.enable()


@KINDS
async def test_code_of_an_actor_that_has_ended_still_finds_its_reference(kind: type[Worker]) -> None:
    async with system():
        ref = kind.start()
        await ref.stop()
        await wait_all_tasks_blocked()
        actor = stops.pop()
        assert actor.actor_ref is ref
        urn = ref.actor_urn
        del ref
        again = actor.actor_ref
        assert again is actor.actor_ref
        assert (again.actor_urn, again.actor_class, again.is_alive()) == (urn, kind, False)
        with pytest.raises(ActorDeadError):
            again.tell("too late")
