"""What stands in the place of a link, and of a client's connection, in tests of what is between them."""

from __future__ import annotations

from typing import Any

from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.http.stream import Stream


class LinkWire:
    """Notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.full = False
        self.ended = False

    def send(self, message: object) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.ended = True


class ClientWire:
    """The connection of a client (`Carrier`), which takes no more of a stream than it is told to.

    Args:
        room: how many bytes it takes.
    """

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.answers: list[tuple[int, bytes]] = []
        self.streamed = b""
        self.closed = False

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        del exchange, content_type, headers
        self.answers.append((status, body))

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        del exchange, content_type, headers
        self.answers.append((status, b""))
        return b""

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        del exchange
        self.streamed += stream.pending
        stream.pending = b""
        return len(self.streamed) < self.room

    def conclude(self, exchange: Exchange) -> None:
        self.streamed += exchange.response or b""

    def note_refusal(self, condition: str) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def asked(wire: ClientWire, path: str = "/comet", body: bytes = b"body") -> Exchange:
    """Return a request that has come on a connection."""
    exchange = Exchange("POST", path, b"", {b"host": b"h"}, body=body)
    exchange.version = "1.0"  # its answers are not chunked
    exchange.arrive(wire, "192.0.2.7")
    return exchange
