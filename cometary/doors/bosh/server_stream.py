"""The stream from an XMPP server (RFC 6120, section 4) to a client or a component. No socket, no clock.

1.  A stream has stanzas, and elements of its own. Each is passed on with its namespace declared: otherwise it would
    mean another one wherever it is put next.
2.  What takes too long to read (`elements`, rule 3) is passed over, and reading goes on behind it, with a parser that
    is given the beginning of the stream once more: what a stranger has sent one client, or one component, does not
    end the stream of all others. The reader is told of it by an element that is not whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cometary.doors.bosh.elements import Element, Splitter, inserted, written
from cometary.doors.bosh.names import STREAMS
from cometary.doors.bosh.skipping import Skipper
from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_STANZA: Final = 1 << 20

AT_ONCE: Final = 16 * 1024
"""Bytes that are read in one turn of the loop: 4096 empty elements."""

STREAM: Final = f"{STREAMS} stream"
ERROR: Final = f"{STREAMS} error"
CLOSING: Final = b"</stream:stream>"

_beginning: Final = re.compile(rb"""(?:[^<]*<\?[^>]*>)?[^<]*<(?:[^>"']|"[^"]*"|'[^']*')*>""").match


class ServerStreamReader:
    """Reads what an XMPP server sends.

    Args:
        namespace: the default one of the stream, that of its stanzas.
        deepest: how many elements may be nested.
    """

    def __init__(self, namespace: str, deepest: int) -> None:
        self._namespace = namespace
        self._deepest = deepest
        self._begin()

    def _begin(self) -> None:
        self._beginning = b""  # of the stream: all until it is open
        self._skipper: Skipper | None = None
        self._splitter = self._new_splitter()

    def _new_splitter(self) -> Splitter:
        return Splitter(LONGEST_STANZA, deepest=self._deepest)

    @property
    def opened(self) -> bool:
        """Whether the stream has begun."""
        return self._splitter.root != ""

    @property
    def closed(self) -> bool:
        """Whether the server has ended it."""
        return self._splitter.closed

    def close(self) -> None:
        """Stop reading, whatever may still come; see `Splitter.close`."""
        self._splitter.close()

    def feed(self, data: bytes) -> list[Element]:
        """Take some bytes; returns the elements that have become whole, with their namespaces.

        What is too much becomes an element that is not whole, without a name if not even that was read.

        Raises:
            ProtocolError: it is not XMPP; the server's fault.
        """
        was_open = self.opened
        if not was_open:
            self._beginning += data
        found = self._elements_of(data)
        if self.opened and not was_open:
            self._beginning = _root_of(self._beginning)
        if self._splitter.root not in {"", STREAM}:
            raise ProtocolError("bad-request", "this is not a stream of XMPP")
        return [self._qualified(element) for element in found]

    def _elements_of(self, data: bytes) -> list[Element]:
        found: list[Element] = []
        while data:
            if self._skipper is not None:
                data = self._skip(self._skipper, data)
                continue
            try:
                return found + self._splitter.feed(data)
            except ProtocolError:
                excess = self._splitter.excess
                if excess is None:
                    raise
                found += [*excess.whole, excess.element]
                self._skipper, data = Skipper(excess.depth), excess.unread
        return found

    def _skip(self, skipper: Skipper, data: bytes) -> bytes:
        """Return what is behind an element that was too much, and be ready to read that."""
        behind = skipper.feed(data)
        if behind is None:
            return b""
        self._skipper = None
        self._splitter.close()
        self._splitter = self._new_splitter()
        self._splitter.feed(_root_of(self._beginning))
        return behind

    def _qualified(self, element: Element) -> Element:
        """Return an element that declares its namespace, if that is the stream's default."""
        is_stanza = element.is_whole and element.name.startswith(f"{self._namespace} ")
        if None in element.prefixes or not is_stanza:
            return element
        return element._replace(source=inserted(element.source, (("xmlns", self._namespace),)))


def _root_of(beginning: bytes) -> bytes:
    """Return the part of a stream's beginning that opens it."""
    found = _beginning(beginning)
    return b"" if found is None else found[0]


def opening_of(namespace: str, attributes: Iterable[tuple[str, str]]) -> bytes:
    """Return what opens a stream to a server, with that default namespace and these attributes."""
    return b"<?xml version='1.0'?><stream:stream xmlns='%b' xmlns:stream='%b'%b>" % (
        namespace.encode(),
        STREAMS.encode(),
        written(attributes),
    )
