"""Stanzas: what a stream consists of, and how they are answered. No socket, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from cometary.errors import STANZA_CONDITIONS, StanzaError
from cometary.xmpp.names import COMPONENT, PUBSUB_ERRORS, STANZA_ERRORS
from cometary.xmpp.xml import make, split_name

KINDS: Final = frozenset(("iq", "message", "presence"))


@dataclass(frozen=True, slots=True)
class Stanza:
    """One stanza.

    Attributes:
        element: all of it.
    """

    element: Element

    @property
    def kind(self) -> str:
        """`iq`, `message` or `presence`."""
        return split_name(self.element.tag)[1]

    @property
    def type(self) -> str:
        """Its type; empty if it has none."""
        return self.element.get("type", "")

    @property
    def id(self) -> str:
        """Its id; empty if it has none."""
        return self.element.get("id", "")

    @property
    def sender(self) -> str:
        """The address of its sender."""
        return self.element.get("from", "")

    @property
    def recipient(self) -> str:
        """The address that it is sent to."""
        return self.element.get("to", "")

    @property
    def payload(self) -> Element | None:
        """What an `iq` asks for: the first element in it; None if there is none."""
        return next(iter(self.element), None)

    @property
    def body(self) -> str | None:
        """The text of a message; None if it has none."""
        return self.element.findtext(f"{{{COMPONENT}}}body")

    def answer(self, payload: Element | None = None) -> Element:
        """Return the result that answers an `iq`."""
        result = self._back("result")
        if payload is not None:
            result.append(payload)
        return result

    def refusal(self, error: StanzaError) -> Element:
        """Return the error that answers it."""
        refusal = self._back("error")
        refusal.append(error_element(error))
        return refusal

    def error(self) -> StanzaError:
        """Return what an error says.

        It is `undefined-condition` if the condition is not a known one.
        """
        found = self.element.find(f"{{{COMPONENT}}}error")
        names = [] if found is None else [split_name(child.tag) for child in found]
        conditions = [name for space, name in names if space == STANZA_ERRORS and name in STANZA_CONDITIONS]
        specific = [name for space, name in names if space == PUBSUB_ERRORS]
        text = "" if found is None else found.findtext(f"{{{STANZA_ERRORS}}}text", "")
        condition = conditions[0] if conditions else "undefined-condition"
        return StanzaError(condition, text, pubsub=specific[0] if specific else None)

    def _back(self, kind: str) -> Element:
        return make(
            COMPONENT,
            self.kind,
            {"type": kind, "id": self.id or None, "from": self.recipient, "to": self.sender},
        )


class Reply(NamedTuple):
    """What answers a request, where something else has to follow the answer.

    Attributes:
        payload: what the answer consists of; None if there is nothing to say but that it is done.
        afterwards: called when the answer has been sent off.
    """

    payload: Element | None
    afterwards: Callable[[], object]


def error_element(error: StanzaError) -> Element:
    """Return an error as it is in a stanza (RFC 6120, section 8.3; XEP-0060, section 10)."""
    element = make(COMPONENT, "error", {"type": error.type}, make(STANZA_ERRORS, error.condition))
    if error.text:
        element.append(make(STANZA_ERRORS, "text", text=error.text))
    if error.pubsub is not None:
        element.append(make(PUBSUB_ERRORS, error.pubsub, {"feature": error.feature}))
    return element
