"""A WebSocket as a page has it, without the socket: the handshake's request, and the bodies that come."""

from __future__ import annotations

from typing import Final

from cometary.client.streams import Numbering, StreamBody, read_body
from cometary.transport.wires.websocket.client_frames import ServersFrames, masked
from cometary.transport.wires.websocket.frames import CLOSE, PING, PONG, TEXT

SUBPROTOCOL: Final = b"cometary.1"

WISH: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Protocol: " + SUBPROTOCOL + b"\r\n\r\n"
)
"""The last lines of a handshake, with a place for the key."""


class SocketReader:
    """Reads what the server sends on one WebSocket.

    Attributes:
        closed: the code that the server has closed with; 0 if it has not, or with none.
        asked: the payloads of pings that are to be answered; the code that answers them takes them out.
    """

    def __init__(self) -> None:
        self.closed = 0
        self.asked: list[bytes] = []
        self._frames = ServersFrames()
        self._numbering = Numbering()

    def feed(self, data: bytes) -> list[StreamBody]:
        """Take bytes as they come; returns the bodies that they complete.

        Raises:
            msgspec.DecodeError: a frame holds none of the protocol's bodies.
        """
        bodies: list[StreamBody] = []
        for each in self._frames.feed(data):
            if each.opcode == TEXT:
                bodies.append(self._numbering.fill_in(read_body(each.payload)))
            elif each.opcode == PING:
                self.asked.append(each.payload)
            elif each.opcode == CLOSE:
                self.closed = int.from_bytes(each.payload[:2], "big")
        return bodies


def answer_to(ping: bytes, mask: bytes) -> bytes:
    """Return the frame that answers a ping."""
    return masked(PONG, ping, mask)
