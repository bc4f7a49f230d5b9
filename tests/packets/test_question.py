"""Questions: what brings their sender an answer, a refusal, or news of a failure."""

from __future__ import annotations

import json

import pytest

from cometary.packets.contract_table import Contracts
from cometary.packets.frozen import freeze_packet, thaw_packet
from cometary.packets.question import Question, withdrawal
from cometary.packets.receipted import AskedPacket


def test_an_answer_has_the_text_that_the_question_is_known_by() -> None:
    assert Question("a", 1, "q").answer([2]) == ("::answer", {"ask": "q", "value": [2]})
    assert Question("a", 1, "").answer(None) == ("::answer", {"ask": "", "value": None})


def test_who_cannot_know_it_by_anything_gets_a_refusal_only() -> None:
    question = Question("::connect", 1, None)
    assert question.answer([2]) is None
    refused = {"path": "::connect", "error": "forbidden", "detail": "No.", "more": 7}
    assert question.refusal("forbidden", "No.", more=7) == ("::refused", refused)


def test_a_refusal_says_what_is_wrong_and_whose_fault_it_is() -> None:
    told = {"ask": "q", "error": "forbidden", "detail": "No.", "more": 7}
    assert Question("a", 1, "q").refusal("forbidden", "No.", more=7) == ("::answer", told)


def test_of_a_failure_nothing_is_told_but_that_it_was_one() -> None:
    detail = "The application failed on this; nobody knows how far it came."
    packet = Question("a", 1, "q").failed()
    assert json.loads(packet.json) == {
        "path": "::answer",
        "message": {"ask": "q", "error": "internal-error", "detail": detail},
    }
    asked = AskedPacket("a", 1, "r").failed()
    assert (asked.path, asked.message) == ("::failed", {"receipt": "r", "path": "a"})


def test_what_is_withdrawn_is_named() -> None:
    detail = "This client may not hear these paths any more."
    told = {"paths": ["a", "b/*"], "error": "forbidden", "detail": detail}
    assert withdrawal(("a", "b/*")) == ("::refused", told)


@pytest.mark.parametrize("ask", ["q", None])
def test_a_question_is_one_wherever_its_session_goes_on(ask: str | None) -> None:
    packet = thaw_packet(freeze_packet(Question("a", [1], ask)), Contracts().tracked)
    assert isinstance(packet, Question)
    assert (packet.path, packet.message, packet.ask) == ("a", [1], ask)
