"""An exchange is answered once, or dropped once, and never both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from cometary.errors import ElsewhereError, ProtocolError
from cometary.transport.codecs import cbor
from cometary.transport.http.exchange import Exchange, Headers, written
from cometary.transport.http.stream import Stream
from tests.transport.wire import WholeAnswers


class Wire(WholeAnswers):
    """A carrier that notes what it is given."""

    def __init__(self) -> None:
        self.carried: list[tuple[int, bytes, bytes, Headers]] = []
        self.begun: list[tuple[int, bytes, Headers]] = []
        self.pushed: list[bytes] = []
        self.concluded: list[bytes | None] = []
        self.refused: list[str] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.carried.append((status, body, content_type, headers))

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        self.begun.append((status, content_type, headers))
        return b"head "

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        self.pushed.append(stream.pending)
        stream.pending = b""
        return True

    def conclude(self, exchange: Exchange) -> None:
        self.concluded.append(exchange.response)

    def note_refusal(self, condition: str) -> None:
        self.refused.append(condition)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def exchange(wire: Wire) -> Exchange:
    exchange = Exchange("POST", "/comet", b"", {b"host": b"test"}, body=b"{}")
    exchange.arrive(wire, "127.0.0.1")
    return exchange


def test_it_is_known_from_where_a_request_came_and_by_what_until_it_is_answered(
    exchange: Exchange, wire: Wire
) -> None:
    assert (exchange.peer, exchange.carrier, exchange.answered) == ("127.0.0.1", wire, False)
    exchange.respond(200)
    assert (exchange.peer, exchange.carrier, exchange.answered) == ("127.0.0.1", None, True)


def test_an_answer_goes_to_the_wire(exchange: Exchange, wire: Wire) -> None:
    exchange.respond(200, b"yes", b"text/plain", ((b"A", b"b"),))
    assert wire.carried == [(200, b"yes", b"text/plain", ((b"A", b"b"),))]


def test_a_second_answer_is_a_bug_of_whoever_gives_it(exchange: Exchange, wire: Wire) -> None:
    exchange.respond(200)
    with pytest.raises(RuntimeError, match="answered already"):
        exchange.respond(200)
    assert len(wire.carried) == 1


def test_an_answer_after_the_peer_has_gone_does_nothing(exchange: Exchange, wire: Wire) -> None:
    exchange.drop()
    exchange.respond(200)
    assert wire.carried == []


def test_a_drop_is_told_once(exchange: Exchange) -> None:
    told: list[None] = []
    exchange.on_drop = lambda: told.append(None)
    exchange.drop()
    exchange.drop()
    assert len(told) == 1


def test_a_drop_after_the_answer_is_not_told(exchange: Exchange) -> None:
    told: list[None] = []
    exchange.on_drop = lambda: told.append(None)
    exchange.respond(200)
    exchange.drop()
    assert told == []


def test_what_raises_on_a_drop_is_logged_and_hurts_nobody(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    exchange.on_drop = fail
    with caplog.at_level(logging.ERROR, "cometary.transport"):
        exchange.drop()
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("header", [(b"A", b"b\r\nSet-Cookie: c"), (b"A\n", b"b"), (b"A", b"b\r")])
def test_a_header_cannot_smuggle_another(exchange: Exchange, wire: Wire, header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="line break"):
        exchange.respond(200, headers=(header,))
    assert wire.carried == []
    exchange.respond(500)  # it can still be answered
    assert len(wire.carried) == 1


def test_an_error_has_its_status_and_its_members(exchange: Exchange, wire: Wire) -> None:
    exchange.refuse(ProtocolError("session-ended", "It is over.", reason="timeout"))
    assert wire.carried == [
        (410, b'{"error":"session-ended","detail":"It is over.","reason":"timeout"}', b"application/json", ())
    ]


def test_an_error_is_written_in_the_codec_of_the_request(exchange: Exchange, wire: Wire) -> None:
    exchange.refuse(ProtocolError("bad-ack", "No."), cbor)
    _, body, content_type, _ = wire.carried[0]
    assert content_type == b"application/cbor"
    assert cbor.decode(body) == {"error": "bad-ack", "detail": "No."}


def test_an_error_that_passes_says_when_to_ask_again(exchange: Exchange, wire: Wire) -> None:
    exchange.refuse(ProtocolError("shutting-down", "Later.", retry_after=3))
    assert wire.carried[0][3] == ((b"Retry-After", b"3"),)


def test_headers_that_hold_for_every_answer_are_on_it(exchange: Exchange, wire: Wire) -> None:
    exchange.extra_headers = ((b"Vary", b"Origin"),)
    exchange.respond(200, headers=((b"A", b"b"),))
    assert wire.carried[0][3] == ((b"Vary", b"Origin"), (b"A", b"b"))


def test_a_request_that_is_refused_is_counted_if_anybody_is_told(exchange: Exchange, wire: Wire) -> None:
    exchange.refuse(ProtocolError("bad-ack", "No."))
    gone = Exchange("POST", "/comet", b"", {})
    gone.arrive(wire, "")
    gone.drop()
    gone.refuse(ProtocolError("bad-ack", "No."))
    assert wire.refused == ["bad-ack"]
    assert len(wire.carried) == 1


def elsewhere(passed: list[bytes]) -> ElsewhereError:
    """Another process has what is asked for, and is given what was read."""

    def pass_on(read: bytes) -> object:
        passed.append(read)
        return "successor"

    return ElsewhereError(pass_on)


def test_a_request_that_another_process_answers_is_passed_on_and_not_answered_here(
    exchange: Exchange, wire: Wire
) -> None:
    passed: list[bytes] = []
    request = written(exchange)
    exchange.refuse(elsewhere(passed))
    successor: Any = exchange.successor
    assert (passed, successor, exchange.answered) == ([request], "successor", True)
    assert (wire.concluded, wire.carried, wire.refused) == ([None], [], [])


def test_one_whose_head_was_let_go_of_cannot_be_passed_on(exchange: Exchange, wire: Wire) -> None:
    passed: list[bytes] = []
    exchange.release_request()
    exchange.refuse(elsewhere(passed))
    assert [status for status, *_ in wire.carried] == [404]
    assert (passed, wire.refused) == ([], ["unknown-session"])


Giving = Callable[[Exchange], object]


def upgrading(exchange: Exchange) -> None:
    exchange.upgradable = True
    successor: Any = "successor"
    exchange.upgrade(successor)


def responding(exchange: Exchange) -> None:
    exchange.respond(200)


def streaming(exchange: Exchange) -> None:
    exchange.stream(200, b"text/plain")


@pytest.mark.parametrize("first", [responding, streaming, upgrading])
@pytest.mark.parametrize("second", [responding, streaming, upgrading])
def test_whatever_the_answer_was_another_one_is_a_bug(
    exchange: Exchange, wire: Wire, first: Giving, second: Giving
) -> None:
    first(exchange)
    before = len(wire.carried), len(wire.begun), len(wire.concluded)
    with pytest.raises(RuntimeError, match="POST /comet has been answered already"):
        second(exchange)
    assert (len(wire.carried), len(wire.begun), len(wire.concluded)) == before


def test_a_connection_goes_on_as_what_was_named_unless_its_peer_has_gone(
    exchange: Exchange, wire: Wire
) -> None:
    upgrading(exchange)
    successor: Any = exchange.successor
    assert (successor, wire.concluded) == ("successor", [None])
    gone = Exchange("GET", "/", b"", {})
    upgrading(gone)
    assert gone.answered
    assert wire.concluded == [None]


def test_only_a_request_that_asks_for_another_protocol_gets_one(exchange: Exchange, wire: Wire) -> None:
    successor: Any = "successor"
    with pytest.raises(ProtocolError, match="does not ask for another protocol") as raised:
        exchange.upgrade(successor)
    assert raised.value.condition == "bad-request"
    exchange.refuse(raised.value)
    assert [status for status, *_ in wire.carried] == [400]


@pytest.mark.parametrize(
    ("version", "headers", "end"),
    [
        ("1.1", (), b"1\r\nx\r\n0\r\n\r\n"),
        ("1.0", (), b"x"),
        ("1.1", ((b"Content-Length", b"1"),), b"x"),
    ],
)
def test_a_body_that_is_written_bit_by_bit_comes_in_chunks_where_nothing_else_tells_its_end(
    exchange: Exchange, wire: Wire, version: str, headers: Headers, end: bytes
) -> None:
    exchange.version = version
    exchange.extra_headers = ((b"Vary", b"Origin"),)
    stream = exchange.stream(200, b"text/plain", headers)
    assert exchange.streaming is stream
    assert wire.begun == [(200, b"text/plain", ((b"Vary", b"Origin"), *headers))]
    assert wire.pushed == [b"head "]
    stream.finish(b"x")
    assert wire.concluded == [end]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_where_there_is_no_body_the_stream_has_its_end_at_once(wire: Wire, method: str, status: int) -> None:
    exchange = Exchange(method, "/", b"", {})
    exchange.arrive(wire, "")
    assert exchange.stream(status, b"text/plain").finished
    assert (wire.concluded, wire.pushed) == ([b"head "], [])


def test_a_header_cannot_smuggle_another_into_a_stream(exchange: Exchange, wire: Wire) -> None:
    with pytest.raises(ValueError, match="line break"):
        exchange.stream(200, b"text/plain", ((b"A", b"b\nc"),))
    assert not exchange.answered
    assert wire.begun == []


def test_a_stream_whose_reader_has_gone_takes_nothing(exchange: Exchange, wire: Wire) -> None:
    exchange.drop()
    stream = exchange.stream(200, b"text/plain")
    assert not stream.write(b"x")
    stream.finish()
    assert (wire.begun, wire.pushed, wire.concluded) == ([], [], [])


def test_after_the_end_of_a_stream_no_drop_is_told(exchange: Exchange) -> None:
    told: list[None] = []
    exchange.on_drop = lambda: told.append(None)
    exchange.stream(200, b"text/plain").finish()
    exchange.drop()
    assert told == []


def test_whoever_holds_an_exchange_is_told_of_a_drop_without_an_object_more(exchange: Exchange) -> None:
    class Holding:
        drops = 0

        def dropped(self) -> None:
            self.drops += 1

    holder = exchange.on_drop = Holding()
    exchange.let_go()
    exchange.drop()
    assert holder.drops == 1


def test_one_that_is_left_unanswered_is_the_last_of_its_connection_and_waits_for_no_answer(
    exchange: Exchange, wire: Wire
) -> None:
    exchange.on_drop = exchange.leave_unanswered
    exchange.let_go()
    assert (exchange.closing, exchange.response, exchange.carrier) == (True, b"", None)
    exchange.respond(200)
    assert wire.carried == []


def test_a_held_exchange_lets_go_of_its_request(exchange: Exchange) -> None:
    exchange.release_request()
    assert not exchange.headers
    assert exchange.body == b""


def test_a_request_that_another_node_can_answer_by_itself_is_left_to_that(
    exchange: Exchange, wire: Wire
) -> None:
    forwarded: list[Exchange] = []
    exchange.refuse(ElsewhereError(None, forwarded.append))
    assert forwarded == [exchange]
    assert (exchange.answered, exchange.carrier) == (False, wire)
    assert (wire.concluded, wire.carried, wire.refused) == ([], [], [])
