"""Futures: awaited on the loop, waited for in threads, set from anywhere, cancelled while waited for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, Future, Timeout, get_all, system, wrap_future
from cometary.errors import BlockingCallError


def in_thread(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


async def test_many_tasks_may_await_one_future() -> None:
    future: Future[int] = Future()
    got: list[int] = []

    async def wait() -> None:
        got.append(await future)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        assert not future.done()
        future.set(7)
    assert got == [7, 7, 7]
    assert future.done()
    assert await future == future.get() == 7


async def test_awaiting_is_a_checkpoint_even_if_there_is_a_result() -> None:
    future: Future[int] = Future()
    future.set(7)
    with trio.CancelScope() as scope:
        scope.cancel()
        await future
    assert scope.cancelled_caught


async def test_a_cancelled_wait_takes_its_waiter_away() -> None:
    future: Future[int] = Future()
    with trio.move_on_after(0):
        await future
    assert not future._callbacks
    future.set(7)
    assert await future == 7


async def test_a_result_that_another_thread_sets_during_a_cancellation_harms_nobody() -> None:
    for _ in range(50):
        future: Future[int] = Future()
        thread = threading.Thread(target=future.set, args=(1,))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(future._wait)
                await trio.lowlevel.checkpoint()
                thread.start()
                scope.cancel()
        thread.join()
        await trio.lowlevel.checkpoint()
        assert await future == 1


async def test_a_result_set_between_looking_and_parking_is_not_missed() -> None:
    """Other threads set futures as fast as this one awaits them."""
    futures: list[Future[int]] = [Future() for _ in range(2000)]

    def set_all() -> None:
        for future in futures:
            future.set(1)

    thread = in_thread(set_all)
    with trio.fail_after(30):
        assert [await future for future in futures] == [1] * len(futures)
    thread.join()


async def test_setting_twice_is_refused_and_offering_twice_is_not() -> None:
    future: Future[int] = Future()
    assert future.offer(1) is True
    assert future.offer(2) is False
    with pytest.raises(queue.Full):
        future.set(3)
    with pytest.raises(queue.Full):
        future.set_exception((ValueError, ValueError(), None))
    with pytest.raises(queue.Full):
        future.set_get_hook(lambda _: 4)
    assert await future == 1


async def test_a_derived_future_cannot_be_set() -> None:
    source: Future[int] = Future()
    with pytest.raises(queue.Full):
        source.map(str).set("x")


async def test_an_exception_is_raised_each_time_with_the_same_traceback() -> None:
    future: Future[int] = Future()
    try:
        [1].pop(7)
    except IndexError:
        future.set_exception()

    def depth(error: BaseException) -> int:
        traceback, depth = error.__traceback__, 0
        while traceback is not None:
            traceback, depth = traceback.tb_next, depth + 1
        return depth

    depths: list[int] = []
    for _ in range(3):
        with pytest.raises(IndexError) as caught:
            await future
        depths.append(depth(caught.value))
    assert len(set(depths)) == 1


def test_an_exception_may_be_given_as_pykka_gives_it() -> None:
    for exc_info in [(LookupError, LookupError("x"), None), (LookupError, None, None)]:
        future: Future[int] = Future()
        future.set_exception(exc_info)
        with pytest.raises(LookupError):
            future.get()
    nothing: Future[int] = Future()
    nothing.set_exception((None, None, None))
    with pytest.raises(RuntimeError, match="no exception was given"):
        nothing.get()


# -- time-outs ----------------------------------------------------------------------------


async def test_an_await_times_out_and_may_be_repeated(autojump_clock: MockClock) -> None:
    future: Future[int] = Future()
    with pytest.raises(pykka.Timeout, match="3 seconds"):
        await future.within(3)
    assert trio.current_time() == pytest.approx(3)
    future.set(7)
    assert await future == 7


async def test_a_derived_future_keeps_the_time_out_of_its_source(autojump_clock: MockClock) -> None:
    source: Future[int] = Future()
    with pytest.raises(pykka.Timeout, match="3 seconds"):
        await source.within(3).map(str).map(str)
    with pytest.raises(pykka.Timeout, match="2 seconds"):
        await source.map(str).within(2)


async def test_an_outer_cancellation_is_no_time_out(autojump_clock: MockClock) -> None:
    future: Future[int] = Future()
    with trio.move_on_after(1) as scope:
        await future.within(3)
    assert scope.cancelled_caught


def test_get_times_out_and_may_be_repeated() -> None:
    future: Future[int] = Future()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.001)
    assert not future._callbacks
    future.set(7)
    assert future.get(timeout=0) == 7


# -- deriving -----------------------------------------------------------------------------


async def test_a_derived_future_is_done_when_its_sources_are() -> None:
    first: Future[int] = Future()
    second: Future[int] = Future()
    joined = first.map(str).join(second)
    first.set(1)
    assert not joined.done()
    second.set(2)
    assert joined.done()
    assert joined.get() == ["1", 2]
    assert repr(joined) == "<Future, done>"
    assert repr(joined.join(Future[int]())) == "<Future, pending>"


async def test_the_function_of_a_derived_future_runs_once() -> None:
    calls: list[int] = []
    source: Future[int] = Future()
    derived = source.map(calls.append)
    source.set(1)
    await derived
    await derived
    assert calls == [1]


async def test_a_sources_exception_comes_through_a_derived_future() -> None:
    source: Future[int] = Future()
    source.set_exception((LookupError, LookupError("x"), None))
    with pytest.raises(LookupError):
        await source.map(str).join(source)


async def test_a_hook_of_the_users_own_runs_in_a_worker_thread() -> None:
    threads: list[int] = []

    def hook(_: float | None) -> int:
        threads.append(threading.get_ident())
        return 7

    for derived in (False, True):
        future: Future[int] = Future()
        future.set_get_hook(hook)
        assert await (future.map(int) if derived else future) == 7
    assert threading.get_ident() not in threads
    assert len(threads) == 2


async def test_a_callback_is_called_once_there_is_a_result_and_at_once_if_there_is() -> None:
    future: Future[int] = Future()
    calls: list[str] = []
    future.add_done_callback(lambda: calls.append("waited"))
    assert calls == []
    future.set(1)
    future.add_done_callback(lambda: calls.append("at once"))
    assert calls == ["waited", "at once"]


# -- across threads and runs ---------------------------------------------------------------


def test_a_future_set_on_one_trio_run_wakes_another() -> None:
    ready = threading.Event()
    future: Future[int] = Future()
    got: list[int] = []

    async def waiting() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            ready.set()

    async def wait() -> None:
        got.append(await future)

    async def setting() -> None:
        await trio.to_thread.run_sync(ready.wait)
        future.set(7)

    thread = in_thread(lambda: trio.run(waiting))
    trio.run(setting)
    thread.join(60)
    assert got == [7]


def test_a_future_whose_waiters_run_is_over_can_still_be_set() -> None:
    future: Future[int] = Future()

    async def give_up() -> None:
        with trio.move_on_after(0):
            await future

    trio.run(give_up)
    future.set(7)
    assert future.get() == 7


# -- Pykka's own futures -------------------------------------------------------------------


class Thread(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise LookupError("as told")
        return message


async def test_the_answer_of_a_threading_actor_can_be_awaited() -> None:
    ref = Thread.start()
    try:
        assert await wrap_future(ref.ask("x", block=False)) == "x"
        assert await wrap_future(ref.ask(2, block=False)).map(str) == "2"
        with pytest.raises(LookupError):
            await wrap_future(ref.ask("fail", block=False))
        own: Future[int] = Future()
        own.set(1)
        assert await get_all([own, ref.ask("y", block=False)]) == [1, "y"]
        assert await own.join(ref.ask("z", block=False)) == [1, "z"]
    finally:
        ref.stop()


async def test_waiting_for_a_threading_actor_can_be_cancelled_and_times_out() -> None:
    never: pykka.Future[Any] = pykka.ThreadingFuture()
    with trio.move_on_after(0.01) as scope:
        await wrap_future(never)
    assert scope.cancelled_caught
    with pytest.raises(pykka.Timeout):
        await get_all([never], timeout=0.01)
    never.set(None)  # so that the worker thread ends


async def test_get_all_on_the_loop_does_not_block() -> None:
    future: Future[int] = Future()
    everything = get_all([future])
    with pytest.raises(BlockingCallError):
        everything.get()
    future.set(1)
    assert await everything == [1]


# -- several at once ----------------------------------------------------------------------


class Member(Actor):
    """Answers after as many seconds as it is told, or fails then."""

    async def on_receive(self, message: Any) -> Any:
        seconds, outcome = message
        await trio.sleep(seconds)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def member(seconds: float, outcome: object, **options: Any) -> Future[Any]:
    future: Future[Any] = Member.start().ask((seconds, outcome), **options)
    return future


async def test_get_all_tells_of_a_failure_at_once(autojump_clock: MockClock) -> None:
    async with system(stop_timeout=0):
        with pytest.raises(LookupError, match="broken"):
            await get_all([member(30, "slow"), member(1, LookupError("broken")), member(20, "slow")])
        assert trio.current_time() == 1
        with pytest.raises(LookupError, match="broken"):
            await member(30, "slow").join(member(1, LookupError("broken")).map(str), member(20, "slow"))
        assert trio.current_time() == 2
        with pytest.raises(ZeroDivisionError):
            await get_all([member(30, "slow"), member(1, 0).map(lambda zero: 1 // zero)])
        assert trio.current_time() == 3


async def test_get_all_heeds_the_time_outs_of_its_members(autojump_clock: MockClock) -> None:
    async with system(stop_timeout=0):
        with pytest.raises(Timeout, match="within 2 seconds"):
            await get_all([member(30, "slow"), member(20, "slow", timeout=2)])
        assert trio.current_time() == 2


async def test_get_all_waits_for_all_and_keeps_their_order(autojump_clock: MockClock) -> None:
    async with system(stop_timeout=0):
        derived = member(3, 3).map(lambda value: value * 10)
        assert await get_all([member(2, "a"), derived, member(1, "b", timeout=9)]) == ["a", 30, "b"]
        assert trio.current_time() == 3
        assert await get_all([member(0, "a"), member(1, "b")]) == ["a", "b"]
        assert await get_all([]) == []


async def test_get_all_tells_of_a_thread_that_fails_at_once() -> None:
    foreign: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    never: Future[Any] = Future()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, _fail, foreign)
        with trio.fail_after(60), pytest.raises(LookupError, match="in a thread"):
            await get_all([never, foreign])
    assert not never.awaited


async def test_to_wait_for_all_is_a_checkpoint_even_if_they_are_there_or_one_has_failed() -> None:
    there, failed, never = Future[int](), Future[int](), Future[int]()
    there.set(1)
    failed.set_exception((LookupError, LookupError("broken"), None))
    for futures in ([there], [there, there], [failed, never], []):
        with trio.CancelScope() as scope:
            scope.cancel()
            await get_all(futures)
        assert scope.cancelled_caught, futures


async def test_when_one_of_several_has_failed_nobody_waits_for_the_others() -> None:
    failed, never = Future[int](), Future[int]()
    everything = get_all([never, failed])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(everything.ready)
        await wait_all_tasks_blocked()
        assert never._callbacks
        failed.set_exception((LookupError, LookupError("broken"), None))
    assert not never._callbacks


async def test_a_wait_for_all_that_is_cancelled_waits_for_none() -> None:
    futures: list[Future[Any]] = [Future() for _ in range(3)]
    with trio.move_on_after(0.01):
        await get_all([*futures, futures[0].map(str)])
    assert not any(each.awaited for each in futures)


def _fail(future: pykka.ThreadingFuture[Any]) -> None:
    future.set_exception((LookupError, LookupError("in a thread"), None))


def test_an_exception_is_raised_with_the_traceback_that_was_given_with_it_or_its_own() -> None:
    try:
        raise LookupError  # noqa: TRY301 - for its traceback
    except LookupError as raised:
        own = raised.__traceback__
        for error, traceback in ((LookupError("new"), own), (raised, None)):
            future = Future[None]()
            future.set_exception((LookupError, error, traceback))
            assert future._traceback is own


def test_who_has_been_told_of_a_result_is_not_remembered() -> None:
    future, told = Future[int](), list[bool]()
    future.add_done_callback(lambda: told.append(True))
    future.set(1)
    assert told == [True]
    assert future._callbacks is None


def test_whoever_has_no_time_at_all_is_told_of_none() -> None:
    with pytest.raises(Timeout, match=r"\b0 seconds"):
        Future[int]().get(timeout=0)
