"""Actors used from an asyncio program: in another thread, and awaited on asyncio's loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest
import trio

from cometary.actors import (
    Actor,
    ActorRef,
    ActorRegistry,
    Bounded,
    Future,
    Timeout,
    current_system,
    get_all,
    sys,
    system,
    system_in_thread,
)
from cometary.errors import BlockingCallError, NoSystemError, UsageError
from cometary.supervision import ChildSpec, Supervisor, start_child, supervise, which_children


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message


class Slow(Actor):
    async def on_receive(self, message: Any) -> Any:
        await trio.sleep(message)
        return message


def test_what_an_actor_answers_can_be_awaited() -> None:
    async def main() -> None:
        ref = Echo.start()
        assert await ref.ask(1) == 1
        assert await ref.ask(2, timeout=5) == 2
        assert await ref.ask([1, 2]).map(sum) == 3
        assert await get_all([ref.ask(1), ref.ask(2).map(str)]) == [1, "2"]
        with pytest.raises(LookupError, match="no"):
            await ref.ask(LookupError("no"))
        assert await asyncio.gather(*[ref.ask(number) for number in range(50)]) == list(range(50))
        assert await sys.get_state(ref) == {}
        other = await Echo.with_mailbox(Bounded(1, "block")).start_async()
        await other.tell_async("x")
        await ref.tell_async("x")
        assert await ref.stop() is True
        assert (await ref.stopped()).reason == "normal"
        await ActorRegistry.stop_all()

    with system_in_thread():
        asyncio.run(main())


def test_supervisors_are_called_in_the_same_way() -> None:
    async def main() -> None:
        root = await Supervisor.start_async([ChildSpec("one", Echo)])
        await start_child(root, ChildSpec("two", Echo))
        assert [info.id for info in await which_children(root)] == ["one", "two"]

    with system_in_thread():
        asyncio.run(main())


def test_a_wait_lets_the_loop_go_on_and_can_be_given_up() -> None:
    async def main() -> None:
        ref = Slow.start()
        answer: Future[Any] = ref.ask(1000)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await answer
        assert not answer.awaited
        with pytest.raises(Timeout, match=r"did not answer a message of type int within 0\.001 seconds"):
            await ref.ask(1000, timeout=0.001)

    with system_in_thread(stop_timeout=0):
        asyncio.run(main())


def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    class Never(Slow):
        async def on_start(self) -> None:  # type: ignore[override]
            born.append(self.actor_ref)
            await trio.sleep_forever()

    born: list[ActorRef[Any]] = []

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await Never.start_async()
        assert (await born[0].stopped()).reason == "killed"

    with system_in_thread(stop_timeout=0):
        asyncio.run(main())


def test_nothing_blocks_the_loop_in_silence() -> None:
    async def main() -> None:
        ref = Slow.start()
        calls: list[Callable[[], object]] = [
            lambda: ref.ask(1000, block=True),
            lambda: ref.ask(1000, block=False).get(),
            lambda: ref.stop(block=True),
        ]
        for call in calls:
            began = time.monotonic()
            with pytest.raises(BlockingCallError, match="await"):
                call()
            assert time.monotonic() - began < 100

    with system_in_thread(stop_timeout=0):
        asyncio.run(main())


def test_what_needs_trios_loop_says_so() -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match=r"system\(\) runs on Trio's loop; an asyncio program uses"):
            async with system():
                pass
        with pytest.raises(UsageError, match=r"supervise\(\) runs on Trio's loop; an asyncio program uses"):
            async with supervise([]):
                pass

    asyncio.run(main())
    coroutine = system().__aenter__()
    with pytest.raises(UsageError, match=r"call it in what `trio\.run` runs"):
        coroutine.send(None)


async def test_a_system_can_be_named_where_its_block_is_not() -> None:
    def start() -> Any:
        return Echo.start()

    outside = Context()
    async with system() as actors:
        with pytest.raises(NoSystemError):
            outside.run(start)

        def named() -> Any:
            with actors.as_current():
                assert current_system() is actors
                return start()

        assert await outside.run(named).ask("x") == "x"


async def silent_actor() -> ActorRef[Any]:
    """Start an actor that does not come to its mail."""
    ref = await Echo.start_async()
    await sys.suspend(ref)
    return ref


def test_of_several_answers_one_that_fails_is_told_at_once() -> None:
    async def main() -> None:
        silent = await silent_actor()
        for order in (1, -1):
            question = silent.ask(1)
            answers = [question, Echo.start().ask(LookupError("no"))][::order]
            with pytest.raises(LookupError, match="no"):
                async with asyncio.timeout(30):
                    await get_all(answers)
            assert not question.awaited  # nobody waits for it any more

    with system_in_thread():
        asyncio.run(main())


def test_several_answers_have_one_time_out_and_each_its_own() -> None:
    async def main() -> None:
        silent = await silent_actor()
        with pytest.raises(Timeout):
            await get_all([Echo.start().ask(1), silent.ask(1)], timeout=0)
        async with asyncio.timeout(30):
            with pytest.raises(Timeout, match="within 0 seconds"):
                await get_all([silent.ask(1), silent.ask(1, timeout=0)])
            assert await get_all([]) == []

    with system_in_thread():
        asyncio.run(main())


def test_to_wait_for_several_answers_can_be_cancelled() -> None:
    async def main() -> None:
        question = (await silent_actor()).ask(1)
        waiting = asyncio.ensure_future(_all([question, Echo.start().ask(1)]))
        for _ in range(5):
            await asyncio.sleep(0)
        assert question.awaited is True
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not question.awaited

    with system_in_thread():
        asyncio.run(main())


async def _all(futures: list[Any]) -> Any:
    return await get_all(futures)
