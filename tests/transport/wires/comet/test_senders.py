"""A long body of nobody's is refused before it is read."""

from __future__ import annotations

import json as standard
from typing import Any

import cbor2
import pytest

from cometary.errors import ProtocolError
from cometary.transport.codecs import Codec, cbor, json
from cometary.transport.wires.comet.senders import LONGEST_OPENING, check_sender

LONG = "x" * LONGEST_OPENING


class Sessions:
    """Who finds one session that lives, and one that has ended."""

    def may_find(self, sid: str) -> bool:
        return sid in {"living", "ended"}


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def refusal(body: bytes, codec: Codec, sessions: Sessions) -> str | None:
    """What a body is refused with."""
    try:
        check_sender(body, codec, sessions)
    except ProtocolError as error:
        return error.condition
    return None


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"sid": "living", "x": LONG}, None),
        ({"x": LONG, "sid": "ended"}, None),
        ({"x": [{"sid": "living"}], "y": LONG, "sid": "nobody"}, "unknown-session"),
        ({"rid": 1, "token": LONG}, "too-large"),
        ({"rid": 1, "x": {"sid": "living"}, "y": LONG}, "too-large"),
    ],
)
def test_in_json_the_session_is_found_wherever_it_is_named(
    sessions: Sessions, request_: Any, expected: str | None
) -> None:
    for ascii_only in (True, False):
        assert refusal(standard.dumps(request_, ensure_ascii=ascii_only).encode(), json, sessions) == expected


def test_in_cbor_a_request_that_names_none_is_refused(sessions: Sessions) -> None:
    assert refusal(cbor2.dumps({"rid": 1, "token": LONG}), cbor, sessions) == "too-large"
    assert refusal(cbor2.dumps({"x": LONG, "sid": "living"}), cbor, sessions) is None
    assert refusal(b'{"csid":1}', cbor, sessions) is None, "as CBOR it is malformed, whatever it is in JSON"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{" + b"[" * 100_000, b'{"sid":1}', b'{"sid":"\xff"}', b"\xff"]
)
def test_what_is_malformed_is_left_to_the_reader(sessions: Sessions, body: bytes) -> None:
    assert refusal(body, json, sessions) is None
