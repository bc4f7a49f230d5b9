"""Whoever awaits the answer to an `ask` runs the scheduler's batch, and is not suspended if it has come then."""

from __future__ import annotations

import signal
import threading
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, ActorRef, ActorSystem, Future, system, system_in_thread
from cometary.actors.scheduler import AHEAD
from cometary.errors import ActorEndedError

variable: ContextVar[str] = ContextVar("variable", default="the system's")


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


class Doing(Actor):
    """Answers with what it is told to call."""

    def on_receive(self, message: Any) -> Any:
        return message()


class Rounds:
    """Counts how often Trio's other tasks have run."""

    def __init__(self) -> None:
        self.seen = 0

    async def count(self) -> None:
        while True:
            self.seen += 1
            await trio.lowlevel.checkpoint()


async def idle(actors: ActorSystem) -> None:
    """Wait until the scheduler sleeps."""
    await wait_all_tasks_blocked()
    assert actors.scheduler.asleep is not None


async def test_an_answer_that_an_actor_gives_at_once_takes_no_round_of_trio(mock_clock: MockClock) -> None:
    rounds = Rounds()
    async with system() as actors, trio.open_nursery() as nursery:
        actors.scheduler.batch = 200  # also where a seed draws another
        ref = await Echo.start_async()
        await idle(actors)
        nursery.start_soon(rounds.count)
        await trio.lowlevel.checkpoint()
        before = rounds.seen
        for number in range(10):
            assert await ref.ask(number) == number
            assert await ref.ask(number, timeout=1) == number
        assert rounds.seen == before
        nursery.cancel_scope.cancel()


async def test_asking_in_a_loop_lets_other_tasks_run_after_each_batch() -> None:
    rounds = Rounds()
    async with system() as actors, trio.open_nursery() as nursery:
        ref = await Echo.start_async()
        await idle(actors)
        nursery.start_soon(rounds.count)
        most = asked = seen = 0
        for _ in range(5 * actors.scheduler.batch):
            await ref.ask("x")
            asked = asked + 1 if rounds.seen == seen else 0
            seen = rounds.seen
            most = max(most, asked)
        assert most <= actors.scheduler.batch
        nursery.cancel_scope.cancel()


async def test_many_who_ask_share_one_batch() -> None:
    rounds = Rounds()
    handled = 0
    most = 0

    class Counting(Actor):
        seen = 0

        def on_receive(self, message: Any) -> None:
            nonlocal handled, most
            handled = handled + 1 if rounds.seen == self.seen else 1
            self.seen = rounds.seen
            most = max(most, handled)

    async def ask_often(ref: ActorRef[Any]) -> None:
        for _ in range(300):
            await ref.ask("x")

    async with system() as actors, trio.open_nursery() as nursery:
        ref = await Counting.start_async()
        nursery.start_soon(rounds.count)
        async with trio.open_nursery() as askers:
            for _ in range(10):
                askers.start_soon(ask_often, ref)
        assert most <= 2 * actors.scheduler.batch  # some of them before the other task's step, some behind
        nursery.cancel_scope.cancel()


async def test_slow_handlers_let_other_tasks_run_after_some_time(mock_clock: MockClock) -> None:
    asked = 0
    async with system():
        ref = await Doing.start_async()
        with trio.move_on_after(100 * 2 * AHEAD):
            while True:
                asked += 1
                await ref.ask(lambda: mock_clock.jump(2 * AHEAD))
        assert 100 <= asked <= 102


async def test_once_the_scheduler_has_run_others_may_run_ahead_of_it_again(mock_clock: MockClock) -> None:
    rounds = Rounds()
    async with system() as actors:
        actors.scheduler.batch = 200
        ref = await Echo.start_async()
        for _ in range(3):
            mock_clock.jump(2 * AHEAD)
            await idle(actors)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(rounds.count)
                before = rounds.seen
                await ref.ask("x")
                assert rounds.seen == before
                nursery.cancel_scope.cancel()


async def test_timers_expire_beside_one_who_asks_in_a_loop(mock_clock: MockClock) -> None:
    class Waiting(Actor):
        def on_start(self) -> None:
            self.timer("time is up").start(50 * AHEAD)

        def on_receive(self, message: Any) -> None:
            expired.append(asked)

    expired: list[int] = []
    asked = 0

    def work() -> None:
        nonlocal asked
        asked += 1
        mock_clock.jump(AHEAD)

    async with system():
        ref = await Doing.start_async()
        await Waiting.start_async()
        for _ in range(200):
            await ref.ask(work)
    assert len(expired) == 1
    assert 49 <= expired[0] <= 52


@pytest.mark.parametrize("kind", ["before", "meanwhile"])
async def test_a_cancellation_is_noticed(kind: str) -> None:
    calls: list[str] = []

    def call() -> None:
        calls.append(kind)
        if kind == "meanwhile":
            scope.cancel()

    async with system() as actors:
        ref = await Doing.start_async()
        await idle(actors)
        with trio.CancelScope() as scope:
            if kind == "before":
                scope.cancel()
            await ref.ask(call)
            pytest.fail("it went on")
        assert scope.cancelled_caught
        await idle(actors)
        assert calls == [kind]


async def test_handlers_do_not_see_the_context_of_who_asks() -> None:
    def look() -> str:
        seen = variable.get()
        variable.set("a handler's")
        return seen

    async with system() as actors:
        ref = await Doing.start_async()
        await idle(actors)
        variable.set("the asker's")
        assert await ref.ask(look) == "the system's"
        assert variable.get() == "the asker's"


async def test_actors_of_another_system_start_actors_in_theirs() -> None:
    async with system() as outer:
        ref = await Doing.start_async()
        async with system():
            await idle(outer)
            started: ActorRef[Echo] = await ref.ask(Echo.start)
            assert started.actor_inbox.system is outer


async def test_what_ends_the_system_does_not_come_out_where_it_was_asked() -> None:
    class Killing(Actor):
        def on_receive(self, message: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    async def ask(ref: ActorRef[Any]) -> None:
        try:
            await ref.ask("x")
        except BaseException as error:
            raised.append(type(error))
            raise

    async def run() -> None:
        async with trio.open_nursery() as nursery, system() as actors:
            ref = await Killing.start_async()
            await idle(actors)
            nursery.start_soon(ask, ref)
            await trio.sleep_forever()

    raised: list[type[BaseException]] = []
    with pytest.RaisesGroup(KeyboardInterrupt, ActorEndedError, flatten_subgroups=True):
        await run()
    assert raised == [ActorEndedError]


async def test_in_a_turn_nothing_is_run_ahead() -> None:
    async with system() as actors:
        ref, other = await Doing.start_async(), await Echo.start_async()
        await idle(actors)

        def ask() -> bool:
            other.tell("x")
            return actors.scheduler.run_ahead()

        assert await ref.ask(ask) is False


async def test_an_answer_that_is_there_already_is_awaited_as_any_other() -> None:
    rounds = Rounds()
    async with system() as actors, trio.open_nursery() as nursery:
        ref = await Echo.start_async()
        reply = ref.ask("x")
        await idle(actors)
        nursery.start_soon(rounds.count)
        for _ in range(10):
            assert await reply == "x"
        assert rounds.seen >= 9
        nursery.cancel_scope.cancel()


async def test_in_another_thread_nothing_is_run_ahead() -> None:
    async with system() as actors:
        ref = await Echo.start_async()
        await idle(actors)
        ref.tell("x")
        done: list[bool] = []
        thread = threading.Thread(target=lambda: done.append(actors.scheduler.run_ahead()))
        thread.start()
        thread.join()  # without a checkpoint: the loop must not have run it meanwhile
        assert done == [False]


def test_another_loop_leaves_it_to_the_systems_own() -> None:
    async def ask(ref: ActorRef[Any]) -> int:
        answers = [await ref.ask(threading.get_ident) for _ in range(20)]
        (thread,) = set(answers)
        return int(thread)

    with system_in_thread() as actors:
        ref = Doing.start()
        assert trio.run(ask, ref) == actors.thread


async def test_after_the_end_of_a_system_nothing_is_run_ahead() -> None:
    async with system() as actors:
        ref = await Echo.start_async()
    with pytest.raises(ActorDeadError):
        await ref.ask("x")
    actors.scheduler.ready.append(ref.actor_inbox)  # type: ignore[arg-type]
    assert not actors.scheduler.run_ahead()


class Answering(Actor):
    """Answers in other ways than by returning something."""

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise LookupError("as told")
        reply = self.reply_later()
        if message == "later":
            self.start_task(self.answer, reply)
        else:
            self.actor_ref.kill()

    async def answer(self, reply: Future[Any]) -> None:
        await trio.lowlevel.checkpoint()
        reply.set("here")


async def test_an_answer_that_comes_in_another_way_is_waited_for() -> None:
    async with system() as actors:
        ref = await Answering.start_async()
        await idle(actors)
        with pytest.raises(LookupError):
            await ref.ask("fail")
        assert await ref.ask("later") == "here"
        with pytest.raises(ActorEndedError):
            await ref.ask("die")
