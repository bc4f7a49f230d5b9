"""Replies that a handler promises for later: gen_server's `noreply` and `reply`."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, Future, system


class Desk(Actor):
    """Answers `wait` when it is told what to say."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Future[Any]] = []

    def on_receive(self, message: Any) -> Any:
        if message == "wait":
            self.waiting.append(self.reply_later())
            return "this is not the answer"
        if message == "wait and fail":
            self.reply_later()
            raise LookupError("after all")
        while self.waiting:
            self.waiting.pop(0).set(message)
        return "told"


class AsyncDesk(Desk):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Desk, AsyncDesk], ids=["def", "async def"])


@KINDS
async def test_the_caller_waits_while_the_actor_goes_on(kind: type[Actor]) -> None:
    async with system():
        ref = kind.start()
        first, second = ref.ask("wait"), ref.ask("wait")
        await wait_all_tasks_blocked()
        assert not first.done()
        assert await ref.ask("the answer") == "told"
        assert [await first, await second] == ["the answer", "the answer"]


@KINDS
async def test_the_answer_may_come_from_another_thread(kind: type[Actor]) -> None:
    async with system():
        ref = kind.start()
        answer = ref.ask("wait")
        waiting = await ref.proxy().waiting
        thread = threading.Thread(target=lambda: waiting[0].set("from far away"))
        thread.start()
        assert await answer == "from far away"
        thread.join()


@KINDS
async def test_a_promise_that_the_end_of_the_actor_breaks_is_answered(kind: type[Actor]) -> None:
    async with system():
        for end in ("kill", "stop"):
            ref = kind.start()
            answer = ref.ask("wait")
            await wait_all_tasks_blocked()
            getattr(ref, end)()
            with pytest.raises(ActorDeadError):
                await answer


@KINDS
async def test_an_exception_after_the_promise_is_the_answer(kind: type[Actor]) -> None:
    async with system():
        with pytest.raises(LookupError, match="after all"):
            await kind.start().ask("wait and fail")


@KINDS
async def test_a_kept_promise_is_remembered_by_nobody(kind: type[Actor]) -> None:
    async with system():
        ref = kind.start()
        answer = ref.ask("wait")
        await ref.ask("x")
        await answer
        promises = ref.actor_inbox._promises
        assert promises is not None
        assert not promises._open


@KINDS
async def test_of_a_message_that_nobody_asked_the_reply_goes_nowhere(kind: type[Actor]) -> None:
    async with system():
        ref = kind.start()
        ref.tell("wait")
        assert await ref.ask("x") == "told"
