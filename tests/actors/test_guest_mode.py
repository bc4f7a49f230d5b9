"""Trio as a guest of asyncio: tasks of the host, in the same thread, use the actors that run on the guest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import outcome
import pytest
import trio
import trio.lowlevel

from cometary.actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    Bounded,
    Future,
    Requests,
    Timeout,
    current_system,
    get_all,
    sys,
    system,
)
from cometary.behaviours import Agent
from cometary.errors import BlockingCallError, NoSystemError, UsageError
from cometary.supervision import (
    ChildSpec,
    Supervisor,
    TaskSupervisor,
    async_nolink,
    async_stream,
    supervise,
    which_children,
)


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message


class AsyncEcho(Echo):
    async def on_receive(self, message: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return super().on_receive(message)


class Silent(Actor):
    """Answers when it is told to."""

    answer: Future[str]

    def on_receive(self, message: Any) -> Any:
        if message == "answer":
            self.answer.set("at last")
        else:
            self.answer = self.reply_later()


@asynccontextmanager
async def guest() -> AsyncGenerator[ActorSystem]:
    """Run an actor system on Trio as a guest of the asyncio loop that runs this."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[outcome.Outcome[None]] = loop.create_future()
    begun: asyncio.Future[ActorSystem] = loop.create_future()
    leave = trio.Event()

    async def main() -> None:
        async with system() as actors:
            begun.set_result(actors)
            await leave.wait()

    trio.lowlevel.start_guest_run(
        main,
        run_sync_soon_threadsafe=loop.call_soon_threadsafe,
        done_callback=over.set_result,
        host_uses_signal_set_wakeup_fd=True,
    )
    actors = await begun
    try:
        with actors.as_current():
            yield actors
    finally:
        leave.set()
        (await over).unwrap()


def in_host(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run an async test as a task of asyncio, with a guest; one that hangs fails."""

    async def run() -> None:
        async with asyncio.timeout(30), guest():
            await test()

    def hosted() -> None:
        asyncio.run(run())

    hosted.__name__ = test.__name__
    return hosted


@in_host
async def test_the_host_awaits_what_actors_answer() -> None:
    for kind in (Echo, AsyncEcho):
        ref = kind.start()
        assert await ref.ask(1) == 1
        assert await ref.ask(2, timeout=30).map(str) == "2"
        with pytest.raises(LookupError, match="no"):
            await ref.ask(LookupError("no"))
        assert await asyncio.gather(*[ref.ask(number) for number in range(50)]) == list(range(50))
        assert await get_all([ref.ask(1), ref.ask(2).map(str)]) == [1, "2"]
        assert await sys.get_state(ref) == {}
        assert await ref.stop() is True
        assert (await ref.stopped()).reason == "normal"
        with pytest.raises(ActorDeadError):
            await ref.ask(1)


@in_host
async def test_the_host_starts_actors_and_waits_for_room() -> None:
    ref = await Echo.with_mailbox(Bounded(1, "block")).start_async()
    await asyncio.gather(*[ref.tell_async(number) for number in range(5)])
    assert await ref.ask("x") == "x"


@in_host
async def test_the_host_may_give_up() -> None:
    ref = Silent.start()
    with pytest.raises(Timeout):
        await ref.ask("question", timeout=0)
    question = ref.ask("question")
    task = asyncio.ensure_future(question.ready())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ref.tell("answer")
    assert await question == "at last"


@in_host
async def test_the_host_uses_what_is_built_on_actors() -> None:
    root = await Supervisor.start_async([ChildSpec("one", Echo)])
    assert [info.id for info in await which_children(root)] == ["one"]
    tasks = TaskSupervisor.start()
    assert await async_nolink(tasks, AsyncEcho.on_receive, AsyncEcho(), 5) == 5
    echo = AsyncEcho()
    assert [value async for value in async_stream(tasks, [1, 2, 3], echo.on_receive)] == [1, 2, 3]
    agent = Agent.start(int)
    assert await Agent.get(agent) == 0
    requests = Requests[str]()
    requests.add(Silent.start().ask("question"), "silent")
    requests.add(Echo.start().ask(1), "echo")
    assert (await requests.receive()).tag == "echo"
    with pytest.raises(Timeout):
        await requests.receive(timeout=0)


@in_host
async def test_one_failure_of_several_is_told_at_once() -> None:
    with pytest.raises(LookupError, match="no"):
        await get_all([Silent.start().ask("question"), Echo.start().ask(LookupError("no"))])


@in_host
async def test_what_would_block_the_host_is_refused() -> None:
    ref = Silent.start()
    with pytest.raises(BlockingCallError):
        ref.ask("question", block=True)
    with pytest.raises(BlockingCallError):
        ref.ask("question").get()


@in_host
async def test_a_system_and_a_tree_run_on_the_guest_and_not_in_a_task_of_the_host() -> None:
    for opened in (system(), supervise([])):
        with pytest.raises(UsageError, match="guest") as refused:
            async with opened:
                pass
        assert "system_in_thread" not in str(refused.value)  # one runs already


def test_the_host_names_the_system_that_it_means() -> None:
    async def main() -> None:
        async with guest() as actors:
            assert current_system() is actors
        with pytest.raises(NoSystemError):
            current_system()

    asyncio.run(main())


def test_the_guests_own_tasks_are_not_disturbed() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[outcome.Outcome[int]] = loop.create_future()

        async def guests() -> int:
            async with system():
                return sum([await Echo.start().ask(number) for number in range(10)])

        trio.lowlevel.start_guest_run(
            guests,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=over.set_result,
            host_uses_signal_set_wakeup_fd=True,
        )
        assert (await over).unwrap() == 45

    asyncio.run(main())
