"""The corpus: small requests on file, most of them malformed, each with what it is to be answered.

A file is `corpus/INTERFACE/ANSWER/NAME.FORM`:

1.  INTERFACE is `comet` or `control`: which of the two listeners it goes to; or one of the other wires at the first.
2.  ANSWER is the condition that the server states, `ok`, or `closed` for a connection that is closed in silence;
    what is no condition of the comet protocol is named as `answers` has it.
3.  FORM is `http` for a whole request, `json` or `cbor` for the body of one. On the control
    interface a body's NAME begins with its call: `update-`.
4.  `SID` stands for a living session's id. It is as long as one, so that no length changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FILES: Final = Path(__file__).with_name("corpus")
SID: Final = b"SIDSIDSIDSIDSIDSIDSIDSID"
TYPES: Final = {"json": b"application/json", "cbor": b"application/cbor"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of the corpus.

    Attributes:
        name: the file, for reports.
        interface: `comet` or `control`, or another wire.
        answer: what it is answered, unless it is mutated.
        form: `http`, `json` or `cbor`.
        content: what the file holds; what is mutated.
    """

    name: str
    interface: str
    answer: str
    form: str
    content: bytes

    def request(self, content: bytes) -> bytes:
        """Return the bytes to send for `content`: itself, or a flawless request with it as the body."""
        if self.form == "http":
            return content
        path = b"/comet" if self.interface == "comet" else b"/" + self._call.encode()
        head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
        return (head + b"Connection: close\r\n\r\n%b") % (path, TYPES[self.form], len(content), content)

    @property
    def _call(self) -> str:
        return self.name.rpartition("/")[2].partition("-")[0]


@cache
def corpus() -> tuple[Entry, ...]:
    """Return all of it, in a fixed order."""
    return tuple(_read(file) for file in sorted(FILES.glob("*/*/*.*")))


def _read(file: Path) -> Entry:
    interface, answer, _ = file.relative_to(FILES).parts
    return Entry(
        file.relative_to(FILES).as_posix(),
        interface,
        answer,
        file.suffix.removeprefix("."),
        file.read_bytes(),
    )
