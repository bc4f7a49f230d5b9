"""An exchange is answered once, or dropped once, and never both."""

from __future__ import annotations

import logging

import pytest

from cometary.errors import ProtocolError
from cometary.transport.codecs import cbor
from cometary.transport.http.exchange import Exchange, Headers
from tests.transport.wire import WholeAnswers


class Wire(WholeAnswers):
    """A carrier that notes what it is given."""

    def __init__(self) -> None:
        self.carried: list[tuple[int, bytes, bytes, Headers]] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.carried.append((status, body, content_type, headers))


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def exchange(wire: Wire) -> Exchange:
    exchange = Exchange("POST", "/comet", b"", {b"host": b"test"}, body=b"{}")
    exchange.arrive(wire, "127.0.0.1")
    return exchange


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


def test_a_held_exchange_lets_go_of_its_request(exchange: Exchange) -> None:
    exchange.release_request()
    assert not exchange.headers
    assert exchange.body == b""
