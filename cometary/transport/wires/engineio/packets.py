"""The packets of Engine.IO, and how they travel: in the bodies of polling, and in frames of a WebSocket.

1.  A text packet is a digit, its type, and what follows that. A binary one is a message: in a frame its bytes as they
    are, in a body `b` and base64.
2.  A body is a **payload**: packets with `SEPARATOR` between them, at least one. No packet of text that this server
    sends has that character in it, since JSON escapes it.
3.  What is to be sent is kept as payloads, however it travels then: for a WebSocket they are taken apart again
    (`frames_of`), which is nearly always no work at all.
4.  What a client sends has to be text in UTF-8 and well-formed base64, or it is refused whole.

Pure. Source: the Engine.IO protocol, version 4.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from typing import Final

from cometary.errors import ProtocolError
from cometary.transport.wires.websocket.frames import BINARY, TEXT, frame

SEPARATOR: Final = b"\x1e"
IN_BASE64: Final = b"b"

OPEN: Final = "0"
CLOSE: Final = "1"
PING: Final = "2"
PONG: Final = "3"
MESSAGE: Final = "4"
UPGRADE: Final = "5"
NOOP: Final = "6"

TYPES: Final = frozenset((OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP))

PROBE: Final = "probe"
"""What is behind the type of the first ping of a WebSocket that polling is to go on as, and of its pong."""

Packet = tuple[str, str | bytes]
"""A type, and what is behind it; bytes of a message that is binary."""


def payload_of(*packets: Packet) -> bytes:
    """Return packets as one payload."""
    return SEPARATOR.join([_written(kind, data) for kind, data in packets])


def _written(kind: str, data: str | bytes) -> bytes:
    return IN_BASE64 + b64encode(data) if isinstance(data, bytes) else f"{kind}{data}".encode()


def pieces_of(payload: bytes) -> list[bytes]:
    """Return the packets of a payload, each still to be read."""
    return payload.split(SEPARATOR)


def read_piece(piece: bytes) -> Packet:
    """Return one packet of a payload.

    Raises:
        ProtocolError: `bad-request`: it is none; the client's fault.
    """
    if piece[:1] != IN_BASE64:
        try:
            return read_text(piece.decode())
        except UnicodeDecodeError:
            raise ProtocolError("bad-request", "A packet is text in UTF-8.") from None
    try:
        return MESSAGE, binascii.a2b_base64(piece[1:], strict_mode=True)
    except binascii.Error:
        raise ProtocolError("bad-request", "What is behind b is base64.") from None


def read_text(text: str) -> Packet:
    """Return a packet that came as text.

    Raises:
        ProtocolError: `bad-request`: it is none; the client's fault.
    """
    kind = text[:1]
    if kind not in TYPES:
        raise ProtocolError("bad-request", "A packet begins with its type, a digit from 0 to 6.")
    return kind, text[1:]


def frames_of(payload: bytes) -> bytes:
    """Return what a payload of this server's is on a WebSocket: a frame for each of its packets."""
    if payload.find(SEPARATOR) < 0 and payload[:1] != IN_BASE64:  # `in` tries bytes as a number first
        return frame(TEXT, payload)
    return b"".join([_frame(piece) for piece in payload.split(SEPARATOR)])


def _frame(piece: bytes) -> bytes:
    if piece[:1] != IN_BASE64:
        return frame(TEXT, piece)
    return frame(BINARY, binascii.a2b_base64(piece[1:]))
