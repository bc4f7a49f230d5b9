"""What the senders of stanzas that were never fetched are told (XEP-0206, section 8). No socket, no clock.

1.  A message is answered with `recipient-unavailable`, a request with `service-unavailable`: both as errors, as if
    from the client. So the sender knows, although the XMPP server considers the stanza delivered.
2.  Presence is dropped; so are answers, and stanzas without a sender.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cometary.doors.bosh.elements import Element, Splitter, written
from cometary.doors.bosh.names import CLIENT, STANZA_ERRORS

MESSAGE: Final = f"{CLIENT} message"
REQUEST: Final = f"{CLIENT} iq"

_start_tag: Final = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""").match


def bounces_of(stanzas: Iterable[bytes]) -> bytes:
    """Return what is to be sent to the XMPP server about stanzas that were not fetched."""
    return b"".join([bounce for stanza in stanzas if (bounce := bounce_of(_read(stanza)))])


def _read(stanza: bytes) -> Element:
    """Return a stanza without its content, which may be long, and which the error does not repeat."""
    found = _start_tag(stanza)
    tag = b"" if found is None else found[0].removesuffix(b">").removesuffix(b"/")
    (element,) = Splitter(len(tag) + 10).feed(b"<r>" + tag + b"/></r>", final=True)
    return element


def bounce_of(stanza: Element) -> bytes | None:
    """Return what is to be sent about one stanza; None for nothing."""
    said = stanza.attributes
    kind = said.get("type")
    if "from" not in said:
        return None
    if stanza.name == MESSAGE and kind != "error":
        return _error(b"message", said, "wait", "recipient-unavailable")
    if stanza.name == REQUEST and kind in {"get", "set"}:
        return _error(b"iq", said, "cancel", "service-unavailable")
    return None


def _error(name: bytes, said: dict[str, str], kind: str, condition: str) -> bytes:
    told = [
        ("type", "error"),
        ("to", said["from"]),
        *[("id", said[name]) for name in ("id",) if name in said],
    ]
    why = b"<error%b><%b xmlns='%b'/></error>" % (
        written([("type", kind)]),
        condition.encode(),
        STANZA_ERRORS.encode(),
    )
    return b"<%b%b>%b</%b>" % (name, written(told), why, name)
