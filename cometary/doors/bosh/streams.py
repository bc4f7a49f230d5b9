"""The stream of an XMPP server, and what opens and ends ours (RFC 6120, section 4). No socket, no clock.

1.  A stream has stanzas, and elements of its own. Each is passed on with its namespace declared, since without that
    another one is meant within a `<body/>`.
2.  After SASL a stream begins anew on the same connection, and so does the reader.
"""

from __future__ import annotations

from typing import Final

from cometary.doors.bosh.elements import Element, Splitter, inserted, written
from cometary.doors.bosh.names import CLIENT, STREAMS, TLS
from cometary.errors import ProtocolError

LONGEST_STANZA: Final = 1 << 20

DEEPEST_STANZA: Final = 10_000
"""Elements within each other, more than anybody needs: what others have sent a client is not to end its session."""

STREAM: Final = f"{STREAMS} stream"
FEATURES: Final = f"{STREAMS} features"
ERROR: Final = f"{STREAMS} error"
CLOSING: Final = b"</stream:stream>"
START_TLS: Final = b"<starttls xmlns='%b'/>" % TLS.encode()
PROCEED: Final = f"{TLS} proceed"


class StreamReader:
    """Reads what an XMPP server sends.

    Attributes:
        closed: whether the server has ended its stream.
    """

    def __init__(self) -> None:
        self._splitter = Splitter(LONGEST_STANZA, deepest=DEEPEST_STANZA)

    @property
    def opened(self) -> bool:
        """Whether the stream has begun."""
        return self._splitter.root != ""

    @property
    def closed(self) -> bool:
        """Whether the server has ended it."""
        return self._splitter.closed

    def restart(self) -> None:
        """Expect another stream."""
        self.close()
        self._splitter = Splitter(LONGEST_STANZA, deepest=DEEPEST_STANZA)

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
        return [_qualified(element) for element in found]


def _qualified(element: Element) -> Element:
    """Return an element that declares its namespace if that is the stream's default, `jabber:client`."""
    if None in element.prefixes or not element.name.startswith(f"{CLIENT} "):
        return element
    return element._replace(source=inserted(element.source, (("xmlns", CLIENT),)))


def opening(host: str, language: str | None, version: str | None) -> bytes:
    """Return what opens a stream.

    Args:
        host: the domain that it is for.
        language: what the client says that it speaks; None if it does not.
        version: the version of XMPP that the client speaks; None for one before 1.0.
    """
    said = [("to", host)]
    if language is not None:
        said.append(("xml:lang", language))
    if version is not None:
        said.append(("version", version))
    return b"<?xml version='1.0'?><stream:stream xmlns='%b' xmlns:stream='%b'%b>" % (
        CLIENT.encode(),
        STREAMS.encode(),
        written(said),
    )
