"""WebSockets by ASGI: the server's messages go to the front end inside as frames, and its frames come back as messages.

The server has made the handshake with the client; here one is made with the front end, which knows who may have a
WebSocket and what is said on it. Between the two is a pair of sockets, so that what is not read holds up whoever
writes, on either side.

1.  The handshake repeats what the client said of itself; keys are not secrets, and there is nobody between.
2.  Frames towards the front end bear a mask, as those of all clients; it is all zeros, so nothing is changed.
3.  A refusal is passed on as such; a connection that ends without a close frame is closed with 1006.

Pure but for what it is given to read and to write with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cometary.asgi.scope import headers_of, path_of
from cometary.transport.wires.websocket.frames import BINARY, CLOSE, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cometary.asgi.types import Message, Scope

KEY: Final = b"Y29tZXRhcnktaW5zaWRlIQ=="
PASSED_ON: Final = (b"host", b"origin", b"cookie", b"authorization", b"user-agent")
REFUSED: Final = b"HTTP/1.1 503 "
"""What it comes to if the front end ends the connection without an answer."""

NO_MASK: Final = bytes(4)
MASKED: Final = 0x80
LAST: Final = 0x80
SHORT: Final = 126
LONGER: Final = 127
MIDDLING: Final = 1 << 16
ABNORMAL: Final = 1006
NO_CODE: Final = 1005
GOING_AWAY: Final = 1001


class Frame(NamedTuple):
    """A frame of the front end's."""

    opcode: int
    payload: bytes


def request_of(scope: Scope, endpoint: str) -> bytes:
    """Return the handshake that asks the front end for what the client asked for."""
    headers = headers_of(scope)
    lines = [
        b"GET " + path_of(scope, endpoint).encode("latin-1") + b" HTTP/1.1",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + KEY,
        *(b"%b: %b" % (name, headers[name]) for name in PASSED_ON if name in headers),
    ]
    if b"host" not in headers:
        lines.append(b"host: localhost")
    if protocols := scope.get("subprotocols"):
        lines.append(b"Sec-WebSocket-Protocol: " + ", ".join(protocols).encode("latin-1"))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def answer_to(head: bytes) -> Message:
    """Return the message that tells the server of the front end's answer to the handshake."""
    status, *lines = head.split(b"\r\n")
    if status.split(b" ")[1] != b"101":
        return {"type": "websocket.close", "code": GOING_AWAY}
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    protocol = headers.get(b"sec-websocket-protocol")
    return {"type": "websocket.accept", "subprotocol": None if protocol is None else protocol.decode()}


def frame_of(message: Message) -> bytes:
    """Return the frame that a message of the server's is to the front end."""
    if message["type"] == "websocket.disconnect":
        code = message.get("code", NO_CODE)
        return masked(CLOSE, b"" if code in {NO_CODE, ABNORMAL} else code.to_bytes(2, "big"))
    text = message.get("text")
    return masked(BINARY, message["bytes"]) if text is None else masked(TEXT, text.encode())


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a frame as clients send it (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < SHORT:
        length = bytes([MASKED | size])
    elif size < MIDDLING:
        length = bytes([MASKED | SHORT]) + size.to_bytes(2, "big")
    else:
        length = bytes([MASKED | LONGER]) + size.to_bytes(8, "big")
    return bytes([LAST | opcode]) + length + NO_MASK + payload


def message_of(frame: Frame) -> Message | None:
    """Return the message that a frame of the front end's is to the server; None if it is none."""
    if frame.opcode == TEXT:
        return {"type": "websocket.send", "text": frame.payload.decode()}
    if frame.opcode == BINARY:
        return {"type": "websocket.send", "bytes": frame.payload}
    if frame.opcode == CLOSE:
        code = int.from_bytes(frame.payload[:2], "big") if frame.payload else 1000
        return {"type": "websocket.close", "code": code, "reason": frame.payload[2:].decode(errors="replace")}
    return None


class FromFrontEnd:
    """Makes frames of the bytes that come from the front end, which sends whole messages and no mask."""

    def __init__(self) -> None:
        self._buffer = b""

    def head(self, data: bytes) -> bytes | None:
        """Take some of the answer to the handshake; returns its head once that is there."""
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        self._buffer = rest
        return head

    def frames(self, data: bytes) -> Iterator[Frame]:
        """Take what comes after that, and return the frames that it completes."""
        self._buffer += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 - the shortest head
            return None
        size, at = buffer[1], 2
        if size >= SHORT:
            at = 4 if size == SHORT else 10
            if len(buffer) < at:
                return None
            size = int.from_bytes(buffer[2:at], "big")
        if len(buffer) < at + size:
            return None
        self._buffer = buffer[at + size :]
        return Frame(buffer[0] & 0xF, buffer[at : at + size])
