"""What is sent, as it is written and waits: no stanza is longer than the XMPP server takes. No socket, no clock.

A server ends the stream for a stanza that is too long, and nobody's stanza may end the stream of all. So those who have
asked for too much are refused, and what nobody has asked for is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element

from cometary.errors import StanzaError, UsageError
from cometary.log import get_logger
from cometary.xmpp.names import COMPONENT
from cometary.xmpp.stanzas import error_element
from cometary.xmpp.xml import make, split_name, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.xmpp.outbox import Outbox

MOST_STANZA: Final = (512 - 16) << 10
"""Bytes of one stanza. Prosody takes 512 KiB of a component; the room left is for what a server adds to it."""

LEAST_STANZA: Final = 10_000
"""Bytes that each server has to take (RFC 6120, section 13.12)."""

LONGEST_CHARACTER: Final = 6
"""Bytes that a character takes in an attribute at most: `&quot;`."""

logger = get_logger("cometary.xmpp")


class Sender:
    """Writes stanzas into an outbox.

    Args:
        domain: the sender of stanzas that do not name one.
        outbox: where they wait.
        most_stanza: the most bytes of one stanza.

    Raises:
        UsageError: that is less than each server takes; the caller's fault.
    """

    def __init__(self, domain: str, outbox: Outbox, most_stanza: int) -> None:
        if most_stanza < LEAST_STANZA:
            raise UsageError(f"most_stanza is a number of bytes, from {LEAST_STANZA}: each server takes that")
        self._domain, self._outbox, self._most = domain, outbox, most_stanza

    def send(self, element: Element) -> None:
        """Send a stanza; see `Component.send`."""
        stanza, is_iq = self._written(element), split_name(element.tag)[1] == "iq"
        if len(stanza) <= self._most:
            self._note(self._outbox.add(stanza, first=is_iq))
        elif not is_iq:
            self._drop(element, len(stanza))
        elif element.get("type") in {"get", "set"}:
            raise StanzaError("not-acceptable", f"{len(stanza)} bytes are more than an XMPP server takes")
        else:
            self._refuse(element, len(stanza))

    def send_to_each(self, element: Element, addresses: Sequence[str]) -> None:
        """Send the same to many; see `Component.send_to_each`."""
        stanza = self._written(element)
        size = len(stanza) + LONGEST_CHARACTER * max(map(len, addresses), default=0)
        if size > self._most:
            self._drop(element, size)
            return
        name = 1 + len(split_name(element.tag)[1])
        self._note(self._outbox.add_for_each(stanza, name, addresses))

    def _written(self, element: Element) -> bytes:
        if "from" not in element.attrib:
            element.set("from", self._domain)
        return write(element, COMPONENT)

    def _note(self, dropped: int) -> None:
        if dropped and self._outbox.dropped == dropped:
            text = "More waits to be sent to the XMPP server than there is room for: the oldest is dropped"
            logger.warning("xmpp stanzas dropped", text=text, domain=self._domain)

    def _drop(self, element: Element, size: int) -> None:
        text = f"{size} bytes are more than the XMPP server takes: the stanza is not sent"
        to = element.get("to", "")[:100]
        logger.warning("xmpp stanza too long", text=text, domain=self._domain, to=to)

    def _refuse(self, element: Element, size: int) -> None:
        """Tell whoever has asked that the answer is too long, unless that is, too: its id may be."""
        names = {name: element.get(name) for name in ("id", "from", "to")}
        error = error_element(StanzaError("not-acceptable", "the answer is longer than a stanza may be"))
        stanza = write(make(COMPONENT, "iq", {"type": "error", **names}, error), COMPONENT)
        if len(stanza) <= self._most:
            self._note(self._outbox.add(stanza, first=True))
        else:
            self._drop(element, size)
