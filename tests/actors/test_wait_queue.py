"""Who waits in front of a full mailbox: in which order, and how many whose answers nobody awaits."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.actors import wait_queue
from cometary.actors.wait_queue import WaitQueue


class Asked:
    """A question; `awaited` says whether somebody waits for its answer."""

    awaited = False


def asked(count: int) -> list[Any]:
    return [Asked() for _ in range(count)]


def test_only_so_many_may_have_a_place_whose_answers_nobody_awaits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_queue, "MAX_UNATTENDED", 3)
    queue, questions = WaitQueue(), asked(7)
    assert [queue.join_to_ask(question) for question in questions[:4]] == [True, True, True, False]
    assert len(queue) == 3
    questions[1].awaited = True
    assert [queue.join_to_ask(question) for question in questions[4:6]] == [True, False]
    assert queue.leave(questions[0])
    assert not queue.leave(questions[0])
    assert queue.join_to_ask(questions[6])
    assert [queue.next()[1] for _ in range(len(queue))] == [questions[place] for place in (1, 2, 4, 6)]


def test_when_all_have_gone_there_is_room_for_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_queue, "MAX_UNATTENDED", 2)
    queue, questions = WaitQueue(), asked(4)
    for first in (0, 2):
        two = questions[first : first + 2]
        assert [queue.join_to_ask(question) for question in two] == [True, True]
        assert queue.clear() == [(question, question) for question in two]
        assert not queue._unattended
    assert len(queue) == 0


def test_whoever_enters_is_told_apart_from_what_it_brings() -> None:
    queue = WaitQueue()
    entered: Any = Asked()
    queue.join(entered, "message")
    assert queue.next() == (entered, "message")
