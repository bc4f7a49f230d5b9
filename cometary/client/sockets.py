"""A WebSocket as a page has it, without the socket: the handshake's request, frames out, bodies in.

The server's frames are whole and not masked; those of a page are masked, each with another mask. What a page asks of a
server that it trusts to keep to RFC 6455 need not be looked at again.
"""

from __future__ import annotations

from typing import Final

from cometary.client.streams import StreamBody, read_body
from cometary.transport.wires.websocket.frames import CLOSE, LAST, PING, PONG, TEXT, frame, unmask

SUBPROTOCOL: Final = b"cometary.1"

WISH: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Protocol: " + SUBPROTOCOL + b"\r\n\r\n"
)
"""The last lines of a handshake, with a place for the key."""

HEAD: Final = 2
SHORT: Final = 125
TWO_MORE: Final = 126


def masked(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return a frame as a client sends it."""
    plain = frame(opcode, payload)
    head = bytearray(plain[: len(plain) - len(payload)])
    head[1] |= LAST
    return bytes(head) + mask + unmask(payload, mask)


class SocketReader:
    """Reads what the server sends on one WebSocket.

    Attributes:
        closed: the code that the server has closed with; 0 if it has not, or with none.
        asked: the payloads of pings that are to be answered; whoever answers them takes them out.
    """

    def __init__(self) -> None:
        self.closed = 0
        self.asked: list[bytes] = []
        self._rest = b""
        self._next = 1

    def feed(self, data: bytes) -> list[StreamBody]:
        """Take bytes as they come; returns the bodies that they complete.

        Raises:
            msgspec.DecodeError: a frame holds none of the protocol's bodies.
        """
        self._rest += data
        bodies: list[StreamBody] = []
        while (found := self._take()) is not None:
            opcode, payload = found
            if opcode == TEXT:
                bodies.append(self._numbered(read_body(payload)))
            elif opcode == PING:
                self.asked.append(payload)
            elif opcode == CLOSE:
                self.closed = int.from_bytes(payload[:2], "big")
        return bodies

    def _take(self) -> tuple[int, bytes] | None:
        rest, start = self._rest, HEAD
        if len(rest) < HEAD:
            return None
        size = rest[1]
        if size > SHORT:
            start += 2 if size == TWO_MORE else 8
            size = int.from_bytes(rest[HEAD:start], "big")
        if len(rest) < start + size:
            return None
        self._rest = rest[start + size :]
        return rest[0] & 0xF, rest[start : start + size]

    def _numbered(self, body: StreamBody) -> StreamBody:
        if body.packets is not None:
            if body.seq is None:
                body.seq = self._next
            self._next = body.seq + len(body.packets)
        return body


def answer_to(ping: bytes, mask: bytes) -> bytes:
    """Return the frame that answers a ping."""
    return masked(PONG, ping, mask)
