"""Frames of WebSockets as a client writes and reads them (RFC 6455, section 5): masked out, not masked in.

For clients of our own, of a server that is known to keep to the rules: it sends whole messages. Nothing is checked.

Pure: no clock, no socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.transport.wires.websocket.frames import HEAD, LAST, SHORT, TWO_MORE, Frame, frame
from cometary.transport.wires.websocket.unmasking import unmask

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_MASK: Final = bytes(4)
"""A mask that changes nothing, for where nobody is in between."""


def masked(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return a frame as a client sends it."""
    plain = frame(opcode, payload)
    head = bytearray(plain[: len(plain) - len(payload)])
    head[1] |= LAST
    return bytes(head) + mask + (payload if mask == NO_MASK else unmask(payload, mask))


class ServersFrames:
    """Makes frames of the bytes that come from a server."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes as they come; yields the frames that they complete."""
        self._rest += data
        while (found := self._take()) is not None:
            yield found

    def _take(self) -> Frame | None:
        rest, start = self._rest, HEAD
        if len(rest) < HEAD:
            return None
        size = rest[1]
        if size > SHORT:
            start += 2 if size == TWO_MORE else 8
            if len(rest) < start:
                return None
            size = int.from_bytes(rest[HEAD:start], "big")
        if len(rest) < start + size:
            return None
        self._rest = rest[start + size :]
        return Frame(rest[0] & 0xF, rest[start : start + size])
