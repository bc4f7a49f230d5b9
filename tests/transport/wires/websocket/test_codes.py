"""The codes that a WebSocket is closed with, and what is in a close frame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import CONDITIONS, ProtocolError
from cometary.transport.wires.websocket.codes import (
    CODES,
    ENDINGS,
    MOST_REASON,
    RELEASED,
    close_payload,
    code_of,
    may_be_sent,
)

PROTOCOL: Final = Path(__file__).parents[4] / "docs/protocol.md"


def test_every_code_of_ours_says_what_the_protocol_says() -> None:
    told = dict[str, int]()
    for codes, words in re.findall(
        r"^\| (4\d{3}(?:, 4\d{3})+) \| (.*) \|$", PROTOCOL.read_text(), re.MULTILINE
    ):
        told |= zip(re.findall("`([a-z-]+)`", words), map(int, codes.split(", ")), strict=True)
    assert {**told, "closed": 1000} == {**CODES, **ENDINGS}


def test_a_peer_may_send_the_codes_of_the_rfc_that_are_for_that_and_those_of_applications() -> None:
    allowed = {code for code in range(6000) if may_be_sent(code)}
    assert allowed == {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}


def test_every_code_of_ours_may_be_sent_and_says_one_thing() -> None:
    codes = [*ENDINGS.values(), *CODES.values(), RELEASED]
    assert all(may_be_sent(code) for code in codes)
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("reason", sorted(ENDINGS))
def test_the_end_of_a_session_has_the_code_of_its_reason(reason: str) -> None:
    assert code_of(ProtocolError("session-ended", "over", reason=reason)) == ENDINGS[reason]


@pytest.mark.parametrize("condition", sorted(CONDITIONS))
def test_every_other_error_has_the_code_of_its_condition_or_that_of_a_bad_request(condition: str) -> None:
    assert code_of(ProtocolError(condition, "no")) == CODES.get(condition, CODES["bad-request"])


@given(st.integers(0, 4999), st.text(st.characters(codec="utf-8"), max_size=200))
def test_a_close_frame_holds_the_code_and_as_much_of_the_reason_as_fits_into_it(
    code: int, reason: str
) -> None:
    payload = close_payload(code, reason)
    assert int.from_bytes(payload[:2], "big") == code
    said = payload[2:].decode()  # which is whole characters
    assert reason.startswith(said)
    assert len(payload[2:]) <= MOST_REASON
    assert said == reason or len(payload[2:] + reason[len(said)].encode()) > MOST_REASON
