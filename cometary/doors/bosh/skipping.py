"""Finding where an element ends, without reading it. No socket, no clock.

Its input is well-formed, since the sender has parsed it. So only marks count: the beginnings and ends of tags, the
quotes within them, and CDATA sections.
"""

from __future__ import annotations

import re
from typing import Final

_marks: Final = re.compile(rb"""<!\[CDATA\[|\]\]>|</|/>|[<>"']""").finditer
_begun_mark: Final = re.compile(rb"(?:<(?:!.{0,7})?|\]{1,2}|(?<!<)/)\Z", re.DOTALL).search

_TEXT: Final = b""
_START: Final = b"<"
_END: Final = b"</"
_SECTION: Final = b"<![CDATA["
_QUOTES: Final = (b"'", b'"')


class Skipper:
    """Passes over the rest of an element within a root, whose bytes come in any pieces.

    Args:
        depth: how many elements are open where that begins: 1, if it is the element's own tag.
    """

    __slots__ = ("_carried", "_depth", "_within")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._within = _TEXT
        self._carried = b""  # of a mark that may go on

    def feed(self, data: bytes) -> bytes | None:
        """Take some bytes; returns those behind the element, None if it has not ended."""
        data = self._carried + data
        begun = _begun_mark(data)
        stop = len(data) if begun is None else begun.start()
        for mark in _marks(data, 0, stop):
            if self._ends_with(mark[0]):
                return data[mark.end() :]
        self._carried = data[stop:]
        return None

    def _ends_with(self, mark: bytes) -> bool:
        """Return whether the element ends with a mark."""
        within = self._within
        if within == _TEXT:
            if mark in {_START, _END, _SECTION}:
                self._within = mark
        elif within == _START:
            return self._ends_in_start_tag(mark)
        elif within == _END:
            if mark == b">":
                self._within = _TEXT
                self._depth -= 1
                return self._depth == 1
        elif within == _SECTION:
            if mark == b"]]>":
                self._within = _TEXT
        elif mark == within:
            self._within = _START
        return False

    def _ends_in_start_tag(self, mark: bytes) -> bool:
        if mark in _QUOTES:
            self._within = mark
        elif mark == b"/>":
            self._within = _TEXT
            return self._depth == 1
        elif mark == b">":
            self._within = _TEXT
            self._depth += 1
        return False
