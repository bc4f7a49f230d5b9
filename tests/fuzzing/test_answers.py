"""What is no stated answer is noticed."""

from __future__ import annotations

import cbor2
import pytest

from tests.fuzzing.answers import WrongAnswerError, outcome


def response(status: int, body: bytes = b"", content_type: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 %d Phrase\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, content_type, len(body)) + body


NOT_FOUND = response(404, b'{"error":"not-found","detail":"nothing is here"}')


def test_nothing_at_all_is_a_closed_connection() -> None:
    assert outcome(b"") == "closed"


def test_a_stated_error_is_named_in_either_encoding() -> None:
    body = cbor2.dumps({"error": "bad-ack", "detail": "so high"})
    assert outcome(NOT_FOUND) == "not-found"
    assert outcome(response(400, body, b"application/cbor")) == "bad-ack"


def test_the_last_of_several_answers_counts() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert outcome(interim + response(200, b"{}")) == "ok"
    assert outcome(response(200, b"{}") + NOT_FOUND) == "not-found"


def test_what_came_before_has_to_be_answered() -> None:
    assert outcome(NOT_FOUND * 2 + response(200, b"{}"), before=2) == "ok"
    assert outcome(NOT_FOUND * 2, before=2) == "closed"
    for received in (b"", NOT_FOUND, NOT_FOUND + response(200, b"{}")):
        with pytest.raises(WrongAnswerError):
            outcome(received, before=2)


@pytest.mark.parametrize(
    "received",
    [
        response(500, b'{"error":"internal-error","detail":"a handler failed"}'),
        response(400, b'{"error":"not-found","detail":"with the wrong status"}'),
        response(400, b'{"error":"made-up","detail":"no condition"}'),
        response(404, b'{"error":"not-found","detail":""}'),
        response(200, b"{}")[:-1],
        response(200)[:-4],
        NOT_FOUND + b"more",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_anything_else_is_a_fault(received: bytes) -> None:
    with pytest.raises(WrongAnswerError):
        outcome(received)
