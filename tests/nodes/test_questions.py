"""What a node asks another for its operators: answered in time, or not at all."""

from __future__ import annotations

from typing import cast

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.nodes.link import Link
from cometary.nodes.messages import Asked, Message, Said
from cometary.nodes.questions import PATIENCE, Questions


class Noted:
    """A link that notes what is sent."""

    def __init__(self) -> None:
        self.sent = list[Asked]()
        self.full = False

    def send(self, message: Message) -> None:
        self.sent.append(cast("Asked", message))


def linked() -> tuple[Questions, Noted]:
    questions, link = Questions(), Noted()
    questions.linked(cast("Link", link))
    return questions, link


async def asked(questions: Questions, question: bytes, into: list[bytes | None]) -> None:
    into.append(await questions.ask(question))


async def test_each_question_gets_its_own_answer() -> None:
    questions, link = linked()
    first, second = list[bytes | None](), list[bytes | None]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked, questions, b"one", first)
        await wait_all_tasks_blocked()
        nursery.start_soon(asked, questions, b"two", second)
        await wait_all_tasks_blocked()
        assert [each.question for each in link.sent] == [b"one", b"two"]
        questions.said(Said(link.sent[1].number, b"TWO"))
        questions.said(Said(link.sent[0].number, b"ONE"))
    assert (first, second) == ([b"ONE"], [b"TWO"])


async def test_a_node_that_hangs_is_waited_for_once(autojump_clock: MockClock) -> None:
    questions, link = linked()
    assert await questions.ask(b"one") is None
    assert trio.current_time() >= PATIENCE
    began = trio.current_time()
    assert await questions.ask(b"two") is None
    assert trio.current_time() == began
    assert len(link.sent) == 1
    questions.said(Said(link.sent[0].number, b"late"))
    answers = list[bytes | None]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked, questions, b"three", answers)
        await wait_all_tasks_blocked()
        questions.said(Said(link.sent[1].number, b"THREE"))
    assert answers == [b"THREE"]


async def test_nobody_waits_for_a_link_that_has_ended() -> None:
    questions, _ = linked()
    answers = list[bytes | None]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked, questions, b"one", answers)
        await wait_all_tasks_blocked()
        questions.unlinked()
    assert answers == [None]
    assert await questions.ask(b"two") is None


async def test_one_who_looks_no_longer_does_not_make_the_node_late() -> None:
    questions, link = linked()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(questions.ask, b"one")
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(questions.ask, b"two")
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert len(link.sent) == 2
