"""Redis's protocol, version 2, as far as an engine needs it: commands as bytes, and replies from bytes.

Pure: no clock, no socket. Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from cometary.errors import EngineError


class Refusal(NamedTuple):
    """A reply that says that a command was not done.

    Attributes:
        text: what it says; its first word is the kind.
    """

    text: str


Reply: TypeAlias = "int | bytes | str | Refusal | list[Reply] | None"
"""A number, a byte string, a word, nothing, a refusal, or a list of these."""


def command(*parts: bytes | str | int) -> bytes:
    """Write a command."""
    written = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n" % len(written) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in written])


class Incomplete(Exception):  # noqa: N818 - no error: more is to come
    """A reply has not come whole yet."""


class ReplyReader:
    """Reads replies from what comes, in whatever pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Take more bytes, and return the replies that are whole by now.

        Raises:
            EngineError: this is not a reply: whatever is at the other end does not speak Redis's protocol.
        """
        self._buffer += data
        while self._buffer:
            self._at = 0
            try:
                reply = self._read()
            except Incomplete:
                return
            del self._buffer[: self._at]
            yield reply

    def _read(self) -> Reply:
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode(errors="replace")
        if kind == b"-":
            return Refusal(rest.decode(errors="replace"))
        try:
            number = int(rest)
        except ValueError:
            number, kind = 0, b"?"
        if kind == b":":
            return number
        if kind == b"$":
            return None if number < 0 else self._bytes(number)
        if kind == b"*":
            return None if number < 0 else [self._read() for _ in range(number)]
        raise EngineError(f"the engine answers with {bytes(line[:40])!r}, which is not Redis's protocol")

    def _line(self) -> bytes:
        end = self._buffer.find(b"\r\n", self._at)
        if end < 0:
            raise Incomplete
        line = bytes(self._buffer[self._at : end])
        self._at = end + 2
        return line

    def _bytes(self, length: int) -> bytes:
        end = self._at + length
        if len(self._buffer) < end + 2:
            raise Incomplete
        value = bytes(self._buffer[self._at : end])
        self._at = end + 2
        return value
