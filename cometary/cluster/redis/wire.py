"""Redis's protocol, version 2, as far as an engine needs it: commands as bytes, and replies from bytes.

Pure: no clock, no socket. Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from cometary.errors import EngineError

LASTING: Final = re.compile(r"CROSSSLOT |WRONGTYPE |ERR .* script: \w+, on @user_function:\d+")
"""Refusals that no other connection, and no patience, would change: that of keys, and that of a function that fails."""


class Refusal(NamedTuple):
    """A reply that says that a command was not done.

    Attributes:
        text: what it says; its first word is the kind.
    """

    text: str

    @property
    def lasts(self) -> bool:
        """Whether it is the command that is wrong, or what its keys hold, and not the state of the server."""
        return LASTING.match(self.text) is not None


Reply: TypeAlias = "int | bytes | str | Refusal | list[Reply] | None"
"""A number, a byte string, a word, nothing, a refusal, or a list of these."""


def command(*parts: bytes | str | int) -> bytes:
    """Write a command."""
    written = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n" % len(written) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in written])


class Incomplete(Exception):  # noqa: N818 - no error: more is to come
    """A part of a reply has not come whole yet."""


class UnfinishedList(NamedTuple):
    """A list that has not come in full.

    Attributes:
        items: what has.
        length: how many items it will have.
    """

    items: list[Reply]
    length: int


class ReplyReader:
    """Reads replies from what comes, in whatever pieces; each part of one is read once."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._unfinished: list[UnfinishedList] = []  # each within the one before

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Take more bytes, and return the replies that are whole by now.

        Raises:
            EngineError: this is not a reply: whatever is at the other end does not speak Redis's protocol.
        """
        self._buffer += data
        try:
            while self._at < len(self._buffer):
                yield from self._collect(self._part())
        except Incomplete:
            pass
        del self._buffer[: self._at]
        self._at = 0

    def _collect(self, part: Reply | UnfinishedList) -> Iterator[Reply]:
        """Put a part where it belongs; returns the reply if it is whole now."""
        while True:
            if isinstance(part, UnfinishedList):
                self._unfinished.append(part)
            elif self._unfinished:
                self._unfinished[-1].items.append(part)
            else:
                yield part
                return
            items, length = self._unfinished[-1]
            if len(items) < length:
                return
            self._unfinished.pop()
            part = items

    def _part(self) -> Reply | UnfinishedList:
        """Read a reply, or the head of one that is a list; what has not come whole is left."""
        end = self._buffer.find(b"\r\n", self._at)
        if end < 0:
            raise Incomplete
        line = bytes(self._buffer[self._at : end])
        kind, rest = line[:1], line[1:]
        if kind == b"$" and rest.isdigit():
            return self._bytes(end + 2, int(rest))
        self._at = end + 2
        if kind == b"+":
            return rest.decode(errors="replace")
        if kind == b"-":
            return Refusal(rest.decode(errors="replace"))
        return _number_or_head(line)

    def _bytes(self, begin: int, length: int) -> bytes:
        end = begin + length
        if len(self._buffer) < end + 2:
            raise Incomplete
        self._at = end + 2
        return bytes(self._buffer[begin:end])


def _number_or_head(line: bytes) -> Reply | UnfinishedList:
    kind, number = line[:1], 0
    try:
        number = int(line[1:])
    except ValueError:
        kind = b"?"
    if kind == b":":
        return number
    if kind in (b"$", b"*") and number < 0:
        return None
    if kind == b"*":
        return UnfinishedList([], number)
    raise EngineError(f"the engine answers with {line[:40]!r}, which is not Redis's protocol")
