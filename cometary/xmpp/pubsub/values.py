"""What pub/sub is about: items and subscriptions, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from cometary.xmpp.names import PUBSUB
from cometary.xmpp.pubsub.forms import Value
from cometary.xmpp.xml import make

STATES = ("none", "pending", "unconfigured", "subscribed")
AFFILIATIONS = ("owner", "publisher", "publish-only", "member", "none", "outcast")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a node.

    Attributes:
        id: its id; None if the publisher leaves that to the service.
        payload: what it consists of; None if it is empty.
        publisher: who has published it; None if nobody is told.
    """

    id: str | None = None
    payload: Element | None = None
    publisher: str | None = None

    def element(self, namespace: str) -> Element:
        """Return it as it is sent, in answers or in events."""
        element = make(namespace, "item", {"id": self.id, "publisher": self.publisher})
        if self.payload is not None:
            element.append(self.payload)
        return element


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription.

    Attributes:
        node: to which node; empty for the root of the service.
        subscriber: whose.
        state: `none`, `pending`, `unconfigured` or `subscribed`.
        id: its id, where one may have several; None for none.
        options: what is set of it.
        last: the items that it begins with: they are sent right behind the answer.
    """

    node: str
    subscriber: str
    state: str = "subscribed"
    id: str | None = None
    options: Mapping[str, Value] = field(default_factory=dict[str, Value])
    last: tuple[Item, ...] = ()

    def element(self, namespace: str = PUBSUB) -> Element:
        """Return it as it is sent."""
        return make(
            namespace,
            "subscription",
            {"node": self.node or None, "jid": self.subscriber, "subscription": self.state, "subid": self.id},
        )
