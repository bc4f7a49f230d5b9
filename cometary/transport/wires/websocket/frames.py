"""Frames of WebSockets, as a server reads and writes them (RFC 6455, section 5); extensions are not spoken.

1.  Bytes go in as they come, frames come out one at a time: the reader decides when the next one is looked at.
2.  What is wrong is said as soon as a frame's head shows it, with the code to close with, however much of it is still
    to come.
3.  A message in fragments is put together here; for each fragment but the last, only its arrival is told. A message
    is no longer than `longest`, in one piece or in many.
4.  Text is UTF-8: that of each fragment is checked when the fragment is there.

Pure: no clock, no socket.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any, Final

from cometary.transport.wires.websocket.codes import (
    INVALID_TEXT,
    NO_CODE,
    PROTOCOL_ERROR,
    TOO_BIG,
    may_be_sent,
)
from cometary.transport.wires.websocket.unmasking import MASK, unmask_part

if TYPE_CHECKING:
    from collections.abc import Callable

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

OPCODES: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
LAST: Final = 0x80
"""The bit of a frame that is not followed by more of its message; in the second byte, that of the mask."""

RESERVED: Final = 0x70
SHORT: Final = 125
"""Bytes of a payload whose length is in the second byte."""

TWO_MORE: Final = 126
EIGHT_MORE: Final = 127
HEAD: Final = 2

_unmask_part: Final = unmask_part  # which compiled code finds without looking for its name

new_decoder: Final[Callable[[], Any]] = getincrementaldecoder("utf-8")


class FrameError(Exception):
    """The peer has sent what no WebSocket sends: its fault; never leaves this package.

    Args:
        code: what to close the connection with.
        detail: what is wrong, for a person.
        size: how many bytes were too many; 0 if that is not what is wrong.
    """

    def __init__(self, code: int, detail: str, size: int = 0) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.size = size


class Frame:
    """A frame, or a message that is whole; no named tuple, of which one is made much more slowly.

    Args:
        opcode: what it is; `CONTINUATION` for a fragment of a message that is not whole yet.
        payload: what is in it, unmasked; nothing of a fragment.
    """

    __slots__ = ("opcode", "payload")

    def __init__(self, opcode: int, payload: bytes) -> None:
        self.opcode = opcode
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self.opcode == other.opcode and self.payload == other.payload

    def __hash__(self) -> int:
        return hash((self.opcode, self.payload))

    def __repr__(self) -> str:
        return f"<Frame {self.opcode:x}: {self.payload!r}>"


FRAGMENT: Final = Frame(CONTINUATION, b"")


_TEXT_HEADS: Final = [bytes((LAST | TEXT, size)) for size in range(SHORT + 1)]
"""What short frames of text begin with, by the size of the text."""


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame as a server sends it: whole, not masked."""
    size = len(payload)
    if size <= SHORT:
        return (_TEXT_HEADS[size] if opcode == TEXT else bytes((LAST | opcode, size))) + payload
    if size < 1 << 16:
        return bytes((LAST | opcode, TWO_MORE)) + size.to_bytes(2, "big") + payload
    return bytes((LAST | opcode, EIGHT_MORE)) + size.to_bytes(8, "big") + payload


def only_text(data: bytes) -> bytes | None:
    """Return the text, if `data` is that, in ASCII and a single short frame, and nothing else; most messages are."""
    size = len(data) - HEAD - MASK
    if not 0 <= size <= SHORT or data[0] != LAST | TEXT or data[1] != LAST | size:
        return None
    text: bytes = _unmask_part(data, HEAD + MASK, len(data))
    return text if text.isascii() else None


def only_message(data: bytes) -> Frame | None:
    """Return the message, if `data` is that, in a single short frame, and nothing else; it nearly always is.

    Raises:
        FrameError: it is text and not UTF-8.
    """
    size = len(data) - HEAD - MASK
    if not 0 <= size <= SHORT or data[1] != LAST | size:
        return None
    first = data[0]
    if first == LAST | TEXT:
        payload: bytes = _unmask_part(data, HEAD + MASK, len(data))
        if not payload.isascii():
            check_text(payload)
        return Frame(TEXT, payload)
    return Frame(BINARY, _unmask_part(data, HEAD + MASK, len(data))) if first == LAST | BINARY else None


class FrameReader:
    """Reads what one client sends.

    Args:
        longest: bytes of a message at most.

    Attributes:
        longest: the same; it may change between two frames.
    """

    __slots__ = ("_buffer", "_decoder", "_message", "_opcode", "longest")

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._buffer = bytearray()
        self._message = bytearray()
        self._opcode = CONTINUATION  # of the message of which a fragment has come; none yet
        self._decoder: Any = None

    @property
    def midway(self) -> bool:
        """Whether something has begun whose end is still to come."""
        return bool(self._buffer) or self._opcode != CONTINUATION

    def feed(self, data: bytes) -> None:
        """Take bytes as they have come."""
        self._buffer += data

    def rest(self) -> bytes:
        """Return what has come and was not read yet."""
        return bytes(self._buffer)

    def next(self) -> Frame | None:
        """Return the next frame; None if it is not whole yet.

        Raises:
            FrameError: it is wrong. Nothing is read any more.
        """
        buffer = self._buffer
        if len(buffer) < HEAD:
            return None
        first, size, start = buffer[0], buffer[1] & ~LAST, HEAD + MASK
        self._check_head(first, buffer[1], size)
        if size > SHORT:
            more = 2 if size == TWO_MORE else 8
            start += more
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[HEAD : HEAD + more], "big")
        opcode = first & 0xF
        if opcode < CLOSE and (whole := len(self._message) + size) > self.longest:
            raise FrameError(TOO_BIG, f"a message is not longer than {self.longest} bytes", whole)
        if len(buffer) < start + size:
            return None
        payload: bytes = _unmask_part(buffer, start, start + size)
        del buffer[: start + size]
        return Frame(opcode, payload) if opcode >= CLOSE else self._piece(first, opcode, payload)

    def _check_head(self, first: int, second: int, size: int) -> None:
        opcode = first & 0xF
        if first & RESERVED or opcode not in OPCODES:
            raise FrameError(PROTOCOL_ERROR, "no extension was agreed on")
        if not second & LAST:
            raise FrameError(PROTOCOL_ERROR, "what a client sends is masked")
        if opcode >= CLOSE:
            if size > SHORT or not first & LAST:
                raise FrameError(PROTOCOL_ERROR, "a control frame is short, and whole")
        elif (opcode == CONTINUATION) is (self._opcode == CONTINUATION):
            raise FrameError(PROTOCOL_ERROR, "a message begins where the one before it ends")

    def _piece(self, first: int, opcode: int, payload: bytes) -> Frame:
        """Take a message, or a fragment of one."""
        if first & LAST and opcode != CONTINUATION:
            if opcode == TEXT:
                check_text(payload)
            return Frame(opcode, payload)
        if opcode == TEXT:
            self._decoder = new_decoder()
        self._opcode = opcode or self._opcode
        self._message += payload
        if self._decoder is not None:
            self._check_fragment(payload, last=bool(first & LAST))
        if not first & LAST:
            return FRAGMENT
        whole = Frame(self._opcode, bytes(self._message))
        self._message, self._opcode, self._decoder = bytearray(), CONTINUATION, None
        return whole

    def _check_fragment(self, payload: bytes, *, last: bool) -> None:
        try:
            self._decoder.decode(payload, last)
        except UnicodeDecodeError:
            raise FrameError(INVALID_TEXT, "text is UTF-8") from None


def check_text(payload: bytes) -> None:
    """Accept text by returning.

    Raises:
        FrameError: it is not UTF-8.
    """
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID_TEXT, "text is UTF-8") from None


def close_code(payload: bytes) -> int:
    """Return the code of a close frame; `NO_CODE` if it has none.

    Raises:
        FrameError: it is none that a peer may send, or what follows it is not UTF-8.
    """
    if not payload:
        return NO_CODE
    code = int.from_bytes(payload[:2], "big")
    check_text(payload[2:])
    if len(payload) == 1 or not may_be_sent(code):
        raise FrameError(PROTOCOL_ERROR, "this is no code to close with")
    return code
