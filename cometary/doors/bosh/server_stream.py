"""The stream of an XMPP server (RFC 6120, section 4), to whomever: a client, or a component. No socket, no clock.

1.  A stream has stanzas, and elements of its own. Each is passed on with its namespace declared, since without that
    another one is meant wherever it is put next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.doors.bosh.elements import Element, Splitter, inserted, written
from cometary.doors.bosh.names import STREAMS
from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_STANZA: Final = 1 << 20

STREAM: Final = f"{STREAMS} stream"
ERROR: Final = f"{STREAMS} error"
CLOSING: Final = b"</stream:stream>"


class ServerStreamReader:
    """Reads what an XMPP server sends.

    Args:
        namespace: the default one of the stream, that of its stanzas.
        deepest: how many elements may be within each other.
    """

    def __init__(self, namespace: str, deepest: int) -> None:
        self._namespace = namespace
        self._deepest = deepest
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
        """Be done with reading, whatever may come; see `Splitter.close`."""
        self._splitter.close()

    def feed(self, data: bytes) -> list[Element]:
        """Take some bytes; returns the elements that have become whole, with their namespaces.

        Raises:
            ProtocolError: it is not XMPP; the server's fault.
        """
        found = self._splitter.feed(data)
        if self._splitter.root not in {"", STREAM}:
            raise ProtocolError("bad-request", "this is not a stream of XMPP")
        return [self._qualified(element) for element in found]

    def _qualified(self, element: Element) -> Element:
        """Return an element that declares its namespace, if that is the stream's default."""
        if None in element.prefixes or not element.name.startswith(f"{self._namespace} "):
            return element
        return element._replace(source=inserted(element.source, (("xmlns", self._namespace),)))


def opening_of(namespace: str, attributes: Iterable[tuple[str, str]]) -> bytes:
    """Return what opens a stream to a server, with that default namespace and these attributes."""
    return b"<?xml version='1.0'?><stream:stream xmlns='%b' xmlns:stream='%b'%b>" % (
        namespace.encode(),
        STREAMS.encode(),
        written(attributes),
    )
