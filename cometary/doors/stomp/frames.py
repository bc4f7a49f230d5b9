"""STOMP's frames: bytes to frames, however they are split, and frames to bytes. No socket, no clock.

1.  A frame is a command, headers, an empty line, a body and NUL. Lines end in LF, in 1.2 also in CR LF. Between
    frames there may be ends of lines; each is a sign of life (`BEAT`).
2.  With `content-length` the body has so many bytes, which may include NUL; without, it goes up to the first NUL.
3.  If a header comes twice, the first counts.
4.  In 1.1 and 1.2 headers have escapes, in 1.2 one more; not in CONNECT and CONNECTED, which 1.0 has to understand.
    In 1.0 a space around a value is not part of it.
5.  Head and body are bounded. What breaks a rule is refused, and nothing after it can be read: there is no telling
    where a frame begins.
6.  The frames of one client nearly always have the head of the last one, byte for byte, which is not read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from cometary.errors import ProtocolError

VERSIONS: Final = ("1.2", "1.1", "1.0")
"""The versions that are spoken, the best one first."""

LONGEST_HEAD: Final = 16 << 10
MOST_HEADERS: Final = 100
"""The most headers of one frame."""

_UNESCAPED: Final = frozenset({"CONNECT", "STOMP", "CONNECTED"})
_ESCAPES: Final = {
    "1.0": {},
    "1.1": {"\\": "\\\\", "\n": "\\n", ":": "\\c"},
    "1.2": {"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"},
}
_ORIGINALS: Final = {
    version: {escape: original for original, escape in escapes.items()}
    for version, escapes in _ESCAPES.items()
}
_find_escapes: Final = re.compile(r"\\(?:.|\Z)", re.DOTALL).sub
_end_of_head: Final = re.compile(rb"\n\r?\n").search


class Head(NamedTuple):
    """The head of a frame, read.

    Attributes:
        written: as it came, with the empty line at its end.
        version: what was spoken then.
        command: such as `SEND`.
        headers: by their names; each frame gets a copy.
        length: what `content-length` says; None if there is none.
    """

    written: bytes
    version: str
    command: str
    headers: dict[str, str]
    length: int | None


class Frame(NamedTuple):
    """One frame.

    Attributes:
        command: such as `SEND`.
        headers: by their names.
        body: as it came.
    """

    command: str
    headers: dict[str, str]
    body: bytes = b""


def required(frame: Frame, name: str) -> str:
    """Return a header.

    Raises:
        ProtocolError: the frame does not have it; its sender's fault.
    """
    value = frame.headers.get(name)
    if value is None:
        raise bad(f"{frame.command} needs the header {name}.")
    return value


def bad(detail: str) -> ProtocolError:
    """Return the error for what makes no sense."""
    return ProtocolError("bad-request", detail)


BEAT: Final = Frame("", {})
"""What an end of a line between frames is read as."""


class FrameReader:
    """Makes frames of what comes.

    Args:
        longest: bytes of a body at most.

    Attributes:
        version: what is spoken; until it is agreed on, `1.0`, by which every CONNECT can be read.
    """

    def __init__(self, longest: int) -> None:
        self.version = VERSIONS[-1]
        self.longest = longest
        self._data = bytearray()
        self._looked = 0  # how far the search for the awaited end has gone
        self._head: Head | None = None
        self._last: Head | None = None  # rule 6

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._data += data

    def __len__(self) -> int:
        """How many bytes wait, for the rest of their frame or to be asked for."""
        return len(self._data)

    def next(self) -> Frame | None:
        """Return the next frame, or `BEAT`; None until more has come.

        Raises:
            ProtocolError: what came is not a frame, `bad-request`, or too long, `too-large`; the sender's fault.
        """
        if self._head is None:
            if not self._data:
                return None
            if (frame := self._next_alike()) is not None:
                return frame
            if self._data.startswith((b"\n", b"\r\n")):
                self._cut(1 if self._data.startswith(b"\n") else 2)
                return BEAT
            if not self._read_head():
                return None
        return self._read_body()

    def _next_alike(self) -> Frame | None:
        """Return the next frame if it has the head of the last one, without a length, and is all there (rule 6)."""
        last, data = self._last, self._data
        if last is None or last.length is not None or last.version != self.version:
            return None
        if not data.startswith(last.written):
            return None
        begin = len(last.written)
        end = data.find(b"\0", begin)
        if end < 0 or end - begin > self.longest:
            return None
        body = bytes(data[begin:end])
        self._cut(end + 1)
        return Frame(last.command, last.headers.copy(), body)

    # -- the head -----------------------------------------------------------------------------

    def _read_head(self) -> bool:
        found = _end_of_head(self._data, self._looked)
        end = len(self._data) if found is None else found.end()
        if end > LONGEST_HEAD:
            raise ProtocolError("too-large", f"The head of a frame has at most {LONGEST_HEAD} bytes.")
        if found is None:
            self._looked = max(0, len(self._data) - 2)
            return False
        written = bytes(self._data[:end])
        last = self._last
        if last is None or last.written != written or last.version != self.version:
            self._last = last = self._parsed(written, found.start())
        self._cut(end)
        self._head = last
        if last.length is not None and last.length > self.longest:
            raise self._too_long()
        return True

    def _parsed(self, written: bytes, end: int) -> Head:
        head = written[:end]
        try:
            command, *lines = head.decode().split("\n")
        except UnicodeDecodeError:
            raise bad("The head of a frame has to be UTF-8.") from None
        if "\0" in head.decode():
            raise bad("A frame has an empty line between its headers and its body.")
        if len(lines) > MOST_HEADERS:
            raise ProtocolError("too-large", f"A frame has at most {MOST_HEADERS} headers.")
        command = command.removesuffix("\r")
        version = VERSIONS[-1] if command in _UNESCAPED else self.version
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.removesuffix("\r").partition(":")
            if not colon:
                raise bad("A header has a name, a colon and a value.")
            headers.setdefault(unescape(name, version), unescape(value, version))
        if version == VERSIONS[-1] and "accept-version" not in headers:
            headers = {name.strip(" "): value.strip(" ") for name, value in headers.items()}
        if command not in _UNESCAPED and not command.isalpha():
            raise bad("What came is not a frame of STOMP.")
        return Head(written, self.version, command, headers, _length_in(headers))

    # -- the body -----------------------------------------------------------------------------

    def _read_body(self) -> Frame | None:
        head = self._head
        if head is None or (end := self._end_of_body(head.length)) is None:
            return None
        if self._data[end] != 0:
            raise ProtocolError(
                "bad-request", "There is no NUL where content-length says that the frame ends."
            )
        frame = Frame(head.command, head.headers.copy(), bytes(self._data[:end]))
        self._cut(end + 1)
        self._head = None
        return frame

    def _end_of_body(self, length: int | None) -> int | None:
        """Return where NUL is, or has to be; None if it has not come yet."""
        if length is not None:
            return length if len(self._data) > length else None
        end = self._data.find(b"\0", self._looked)
        self._looked = len(self._data)
        if (self._looked if end < 0 else end) > self.longest:
            raise self._too_long()
        return None if end < 0 else end

    def _too_long(self) -> ProtocolError:
        return ProtocolError("too-large", f"The body of a frame has at most {self.longest} bytes.")

    def _cut(self, count: int) -> None:
        del self._data[:count]
        self._looked = 0


def _length_in(headers: dict[str, str]) -> int | None:
    length = headers.get("content-length")
    if length is None:
        return None
    if not (length.isascii() and length.isdecimal() and len(length) <= len(str(2**63))):
        raise bad("content-length is a number of bytes.")
    return int(length)


def encode(command: str, headers: Iterable[tuple[str, str]], version: str, body: bytes = b"") -> bytes:
    """Return a frame as it travels; with `content-length` if it has a body.

    Headers of 1.0 have no escapes: what cannot be in a line is left out of them.
    """
    return head(command, headers, version) + tail((), body)


def head(command: str, headers: Iterable[tuple[str, str]], version: str) -> bytes:
    """Return the beginning of a frame: command and headers, of which more may follow."""
    if command in _UNESCAPED:
        version = VERSIONS[-1]
    lines = [command, *(f"{escape(name, version)}:{escape(value, version)}" for name, value in headers)]
    return "".join(f"{line}\n" for line in lines).encode(errors="replace")


def tail(headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Return the end of a frame: headers that need no escapes in any version, and the body."""
    lines = [f"{name}:{value}\n" for name, value in headers]
    if body:
        lines.append(f"content-length:{len(body)}\n")
    return "".join(lines).encode() + b"\n" + body + b"\0"


def escape(text: str, version: str) -> str:
    """Return a name or a value of a header as it travels."""
    escapes = _ESCAPES[version]
    if version == VERSIONS[-1]:
        return text.translate({ord(each): None for each in "\r\n\0"})
    return "".join(escapes.get(each, each) for each in text)


def unescape(text: str, version: str) -> str:
    """Return what `escape` was given.

    Raises:
        ProtocolError: there is no such escape; the sender's fault.
    """
    if "\\" not in text or version == VERSIONS[-1]:
        return text
    originals = _ORIGINALS[version]

    def original(match: re.Match[str]) -> str:
        found = originals.get(match[0])
        if found is None:
            raise bad("A header has an escape that this version does not have.")
        return found

    return _find_escapes(original, text)
