"""What becomes a WebSocket, and what a request that cannot is told."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.wires.websocket.endpoint import WebSocketEndpoint
from tests.transport.wire import WholeAnswers

HANDSHAKE = {
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
    b"sec-websocket-version": b"13",
    b"sec-websocket-protocol": b"cometary.1",
}


class Wire(WholeAnswers):
    """Notes what is answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Headers]] = []
        self.concluded: list[Exchange] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.answers.append((status, headers))

    def conclude(self, exchange: Exchange) -> None:
        self.concluded.append(exchange)


def asked(headers: dict[bytes, bytes]) -> tuple[Wire, Exchange, list[Exchange]]:
    """Ask, and return what came of it: also what was left to another endpoint."""
    left: list[Exchange] = []
    nothing: Any = None
    wire, exchange = Wire(), Exchange("GET", "/comet", b"", headers)
    exchange.arrive(wire, "192.0.2.1")
    exchange.upgradable = True
    WebSocketEndpoint(nothing, nothing, left.append)(exchange)
    return wire, exchange, left


def test_what_was_never_meant_to_be_one_is_left_to_others() -> None:
    wire, exchange, left = asked({b"host": b"here.test"})
    assert left == [exchange]
    assert (wire.answers, wire.concluded) == ([], [])


def test_a_handshake_is_granted() -> None:
    wire, exchange, left = asked(HANDSHAKE)
    assert (wire.answers, wire.concluded, left) == ([], [exchange], [])
    assert exchange.successor is not None


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({b"upgrade": b"h2c"}, ((b"Upgrade", b"websocket"),)),
        ({b"sec-websocket-version": b"8"}, ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13"))),
    ],
)
def test_what_only_a_websocket_would_do_for_is_told_so(change: dict[bytes, bytes], headers: Headers) -> None:
    wire, exchange, left = asked({**HANDSHAKE, **change})
    ((status, told),) = wire.answers
    assert status == 426
    assert set(headers) <= set(told)
    assert (exchange.successor, left) == (None, [])
