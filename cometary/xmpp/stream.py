"""The stream between a component and its server (XEP-0114). No socket, no clock.

1.  Both open a stream; the component shows that it knows the secret (`handshake`), and the server says so too. Stanzas
    follow in both directions.
2.  The secret itself does not travel, but SHA-1 is what the protocol has, and nothing is encrypted: it is for one
    machine, or a network that is trusted.
"""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Final

from cometary.doors.bosh.server_stream import ServerStreamReader, opening_of
from cometary.xmpp.names import COMPONENT, STREAM_ERRORS
from cometary.xmpp.xml import parse, split_name

if TYPE_CHECKING:
    from cometary.doors.bosh.elements import Element

DEEPEST_STANZA: Final = 1 << 20
"""Any depth: one deep stanza is refused by itself (`xml.parse`), and does not end the stream for all others."""

HANDSHAKE: Final = f"{COMPONENT} handshake"


class ComponentReader(ServerStreamReader):
    """Reads what the server sends a component."""

    def __init__(self) -> None:
        super().__init__(COMPONENT, DEEPEST_STANZA)

    @property
    def id(self) -> str | None:
        """The id of the server's stream; None until it has begun."""
        return self._splitter.attributes.get("id", "") if self.opened else None


def opening(domain: str) -> bytes:
    """Return what opens the component's stream."""
    return opening_of(COMPONENT, [("to", domain)])


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
