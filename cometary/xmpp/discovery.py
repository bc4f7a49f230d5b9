"""Service discovery (XEP-0030): what a component is, can do, and has.

What it has is listed in pages (`paging`): there may be thousands of nodes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from cometary.errors import StanzaError
from cometary.xmpp.names import DISCO_INFO, DISCO_ITEMS, RSM
from cometary.xmpp.paging import AROUND, page_of, wanted_in
from cometary.xmpp.xml import make

if TYPE_CHECKING:
    from cometary.xmpp.component import Component
    from cometary.xmpp.stanzas import Stanza


@dataclass(frozen=True, slots=True)
class Identity:
    """What something is.

    Attributes:
        category: such as `pubsub`.
        type: such as `service` or `leaf`.
        name: what people are shown; None for nothing.
    """

    category: str
    type: str
    name: str | None = None


@dataclass(slots=True)
class Info:
    """What is known of a component, or of a node of it.

    Attributes:
        identities: what it is.
        features: namespaces, and the like.
        forms: more, as data forms (XEP-0128).
    """

    identities: list[Identity] = field(default_factory=list[Identity])
    features: set[str] = field(default_factory=set[str])
    forms: list[Element] = field(default_factory=list[Element])


@dataclass(frozen=True, slots=True)
class DiscoItem:
    """Something that a component has.

    Attributes:
        jid: its address.
        node: its node there; None if it is not a node.
        name: what people are shown; None for nothing.
    """

    jid: str
    node: str | None = None
    name: str | None = None


AsksInfo = Callable[[str, str, str], Awaitable[Info | None]]
"""Called with who asks, whom, and the node, empty for none; returns None if it knows of no such node."""

AsksItems = Callable[[str, str, str], Awaitable[Sequence[DiscoItem] | None]]
"""The same."""


class Discovery:
    """What a component says when it is asked.

    Args:
        name: what people are shown.

    Attributes:
        features: those of the component itself.
        info: asked, one after the other, for more, and about nodes.
        items: asked for what it has.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.features = {DISCO_INFO, DISCO_ITEMS, RSM}
        self._most = 0
        self.info: list[AsksInfo] = []
        self.items: list[AsksItems] = []

    def join(self, component: Component) -> None:
        """Answer for a component."""
        self._most = component.most_stanza - AROUND
        component.on_iq("get", f"{{{DISCO_INFO}}}query", self._answer_info)
        component.on_iq("get", f"{{{DISCO_ITEMS}}}query", self._answer_items)

    async def _answer_info(self, stanza: Stanza) -> Element:
        node = _node_of(stanza)
        known = [await ask(stanza.sender, stanza.recipient, node) for ask in self.info]
        found = [info for info in known if info is not None]
        if node and not found:
            raise StanzaError("item-not-found", "there is no such node")
        identities = [identity for info in found for identity in info.identities]
        features = set[str]().union(*[info.features for info in found])
        if not node:
            features |= self.features
            identities = identities or [Identity("component", "generic", self._name)]
        answer = make(DISCO_INFO, "query", {"node": node or None})
        for one in identities:
            answer.append(
                make(DISCO_INFO, "identity", {"category": one.category, "type": one.type, "name": one.name})
            )
        answer.extend(make(DISCO_INFO, "feature", {"var": feature}) for feature in sorted(features))
        answer.extend(form for info in found for form in info.forms)
        return answer

    async def _answer_items(self, stanza: Stanza) -> Element:
        node = _node_of(stanza)
        known = [await ask(stanza.sender, stanza.recipient, node) for ask in self.items]
        found = [items for items in known if items is not None]
        if node and not found:
            raise StanzaError("item-not-found", "there is no such node")
        every = [item for items in found for item in items]
        page = page_of(every, wanted_in(stanza.payload), _key_of, _written, self._most)
        return make(
            DISCO_ITEMS,
            "query",
            {"node": node or None},
            *page.members,
            *([] if page.tells is None else [page.tells]),
        )


def _key_of(item: DiscoItem) -> str:
    return item.jid if item.node is None else item.node


def _written(item: DiscoItem) -> Element:
    return make(DISCO_ITEMS, "item", {"jid": item.jid, "node": item.node, "name": item.name})


def _node_of(stanza: Stanza) -> str:
    return "" if stanza.payload is None else stanza.payload.get("node", "")
