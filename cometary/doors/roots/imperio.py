"""Imperio: messages as lines of text, `path; message`. No socket, no clock.

1.  A line is split at its first `;`, and one space after it is not part of the message. Lines without one have the
    message "". The original lost what came after a second `;`, and kept the space: `legacy`.
2.  What a line cannot hold is written as JSON.
"""

from __future__ import annotations

import sys
from typing import Any, Final, Protocol

import msgspec

from cometary.doors.roots.thestral import NO_ID
from cometary.errors import ProtocolError

SEPARATOR: Final = ";"
LONGEST: Final = 64 << 10
"""Bytes of a line."""


def split(line: str, *, legacy: bool) -> tuple[str, str]:
    """Return the path and the message of a line (rule 1)."""
    if legacy:
        path, _, rest = line.partition(SEPARATOR)
        return path, rest.partition(SEPARATOR)[0]
    path, _, message = line.partition(SEPARATOR)
    return path, message.removeprefix(" ")


class LineReader:
    """Makes lines of what comes, in whatever pieces."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._looked = 0

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._data += data

    def next(self) -> str | None:
        """Return the next line, without its end; None until there is one.

        Raises:
            ProtocolError: it is too long, or not UTF-8; the sender's fault.
        """
        end = self._data.find(b"\n", self._looked)
        if (len(self._data) if end < 0 else end) > LONGEST:
            raise ProtocolError("too-large", f"a line has at most {LONGEST} bytes")
        if end < 0:
            self._looked = len(self._data)
            return None
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        self._looked = 0
        try:
            return line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise ProtocolError("bad-request", "a line has to be UTF-8") from None


class Writable(Protocol):
    """What can be written to."""

    def write(self, text: str, /) -> object:
        """Write text."""
        ...


class Writer:
    """A Thestral that writes what it is told as lines, and flushes if possible.

    Args:
        file: where to.
    """

    def __init__(self, file: Writable) -> None:
        self.id = NO_ID
        self._write = file.write
        self._flush = getattr(file, "flush", None)

    def update(self, source: Any, path: str, data: Any) -> None:
        """Write a line."""
        del source
        self._write(f"{path}{SEPARATOR} {as_text(data)}\n")
        if self._flush is not None:
            self._flush()


class Logger(Writer):
    """One that writes to standard output, as a delegate of Dolores does."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)


def as_text(data: Any) -> str:
    """Return a message as the text of a line (rule 2)."""
    if isinstance(data, str) and "\n" not in data and "\r" not in data:
        return data
    return msgspec.json.encode(data).decode()
