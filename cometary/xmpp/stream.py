"""The stream between a component and its server (XEP-0114). No socket, no clock.

1.  Both open a stream; the component shows that it knows the secret (`handshake`), and the server says so too. Stanzas
    follow in both directions.
2.  The secret itself does not travel, but SHA-1 is what the protocol has, and nothing is encrypted: it is for one
    machine, or a network that is trusted.
"""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Final

from cometary.doors.bosh.elements import Splitter, inserted, written
from cometary.errors import ProtocolError
from cometary.xmpp.names import COMPONENT, STREAM_ERRORS, STREAMS
from cometary.xmpp.xml import parse, split_name

if TYPE_CHECKING:
    from cometary.doors.bosh.elements import Element

LONGEST_STANZA: Final = 1 << 20

DEEPEST_STANZA: Final = 1 << 20
"""Any depth: one deep stanza is refused by itself (`xml.parse`), and does not end the stream for all others."""

STREAM: Final = f"{STREAMS} stream"
ERROR: Final = f"{STREAMS} error"
HANDSHAKE: Final = f"{COMPONENT} handshake"
CLOSING: Final = b"</stream:stream>"


class ComponentReader:
    """Reads what the server sends."""

    def __init__(self) -> None:
        self._splitter = Splitter(LONGEST_STANZA, deepest=DEEPEST_STANZA)

    @property
    def id(self) -> str | None:
        """The id of the server's stream; None until it has begun."""
        splitter = self._splitter
        return splitter.attributes.get("id", "") if splitter.root else None

    @property
    def closed(self) -> bool:
        """Whether the server has ended its stream."""
        return self._splitter.closed

    def close(self) -> None:
        """Be done with reading; see `Splitter.close`."""
        self._splitter.close()

    def feed(self, data: bytes) -> list[Element]:
        """Take some bytes; returns the elements that have become whole, each with its namespace.

        Raises:
            ProtocolError: it is not XMPP; the server's fault.
        """
        found = self._splitter.feed(data)
        if self._splitter.root not in {"", STREAM}:
            raise ProtocolError("bad-request", "this is not a stream of XMPP")
        return [_qualified(element) for element in found]


def _qualified(element: Element) -> Element:
    """Return an element that declares its namespace, if that is the stream's default."""
    if None in element.prefixes or not element.name.startswith(f"{COMPONENT} "):
        return element
    return element._replace(source=inserted(element.source, (("xmlns", COMPONENT),)))


def opening(domain: str) -> bytes:
    """Return what opens the component's stream."""
    return b"<?xml version='1.0'?><stream:stream xmlns='%b' xmlns:stream='%b'%b>" % (
        COMPONENT.encode(),
        STREAMS.encode(),
        written([("to", domain)]),
    )


def handshake(stream_id: str, secret: str) -> bytes:
    """Return what shows the server that the component knows the secret."""
    digest = sha1((stream_id + secret).encode(), usedforsecurity=False).hexdigest()
    return f"<handshake>{digest}</handshake>".encode()


def reason_of(error: Element) -> str:
    """Return the condition of a stream's error, such as `conflict` or `not-authorized`, and what it says."""
    element = parse(error.source)
    names = [split_name(child.tag) for child in element]
    conditions = [name for space, name in names if space == STREAM_ERRORS and name != "text"]
    text = element.findtext(f"{{{STREAM_ERRORS}}}text")
    return ": ".join(filter(None, [*conditions[:1], text])) or "an error that it does not name"
