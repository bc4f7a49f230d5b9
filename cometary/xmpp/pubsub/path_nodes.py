"""Paths as nodes: what is published by XMPP is an update, and an update is published by XMPP.

1.  A node is called as its path is, and is there as soon as the pattern covers it: nobody has to create it.
2.  Whatever is published goes to the hub, as every update does, and what comes back from there is told to subscribers.
    So a page and an XMPP client hear the same in the same order, and nobody hears anything twice. What a client of XMPP
    has published comes back as it was: its id and its payload travel beside the message (`Published`).
3.  Subscriptions and items are in memory, within bounds. They outlive a crash, and not the server.
4.  The author of the rule decides who may do what. There is no default.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from cometary.actors import Actor, Bounded
from cometary.declarations import check_handler
from cometary.errors import MailboxFullError, ProtocolError, StanzaError, UsageError
from cometary.packets.packet import Packet
from cometary.packets.paths import check_path
from cometary.packets.patterns import Pattern
from cometary.supervision import ChildSpec
from cometary.xmpp.component import settled
from cometary.xmpp.pubsub.kept_items import KeptItems
from cometary.xmpp.pubsub.messages import message_of, payload_of
from cometary.xmpp.pubsub.request import PubSubRequest
from cometary.xmpp.pubsub.resource import NodeInfo, PubSubResource
from cometary.xmpp.pubsub.subscribers import Subscribers
from cometary.xmpp.pubsub.values import Item, Subscription

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.xmpp.pubsub.service import PubSubService

    Rule = Callable[[PubSubRequest], bool | Awaitable[bool]]

MOST_SUBSCRIPTIONS: Final = 10_000
MOST_OF_ONE: Final = 100
KEPT: Final = 10
KEPT_BYTES: Final = 16 << 20


class Published(NamedTuple):
    """Who has sent an update: somebody who has published an item."""

    nodes: PathNodes
    item: Item


class PathNodes(PubSubResource):
    """The paths of an application as the nodes of a pub/sub service.

    Args:
        app: the application.
        pattern: which paths, such as `polls/**`.
        allow: called with each `PubSubRequest`; returns whether that is allowed. It may be async. What it does not
            allow is `forbidden`.
        kept: how many items are kept of each node, for those who ask for them; a subscription begins with the latest.
            0: none.
        kept_bytes: the most bytes of all of these; the oldest make room.
        most_subscriptions: the most subscriptions.
        most_of_one: the most subscriptions of one account.

    Raises:
        PatternError: if that is not a pattern; the caller's fault.
        UsageError: if the rule cannot be called; the caller's fault.
    """

    features: ClassVar[tuple[str, ...]] = ("item-ids", "last-published", "persistent-items")

    def __init__(
        self,
        app: App,
        pattern: str,
        *,
        allow: Rule,
        kept: int = KEPT,
        kept_bytes: int = KEPT_BYTES,
        most_subscriptions: int = MOST_SUBSCRIPTIONS,
        most_of_one: int = MOST_OF_ONE,
    ) -> None:
        check_handler("PathNodes(allow=…)", allow, "request")
        self._pattern = Pattern.compile(pattern)
        self.pattern = pattern
        self.app = app
        self._allow = allow
        self._kept = KeptItems(kept, kept_bytes)
        self._subscribers = Subscribers(most_subscriptions, most_of_one)
        self._service: PubSubService | None = None

    def joined(self, service: PubSubService) -> None:
        """Hear updates for a service."""
        self._service = service
        self._kept.most = service.most_told
        service.run_too(ChildSpec(f"paths {self.pattern}", PathListener, (self,)))

    async def locate_resource(self, request: PubSubRequest) -> PubSubResource:
        """Let in what is allowed."""
        if request.node:
            self._check(request.node)
        if not await settled(self._allow(request)):
            raise StanzaError("forbidden")
        return self

    def heard(self, packet: Packet) -> None:
        """Tell subscribers of an update (rule 2)."""
        sender = packet.sender
        if isinstance(sender, Published) and sender.nodes is self:
            item = sender.item
        else:
            item = Item(new_id(), payload_of(packet.message))
        self._kept.add(packet.path, item)
        told = self._told(packet.path)
        if told and self._service is not None:
            self._service.notify_items(packet.path, told, [item])

    # -- what is asked for ----------------------------------------------------------------------

    def publish(self, request: PubSubRequest) -> list[str]:
        """Send updates: none of them, if any cannot be sent."""
        items = [Item(item.id or new_id(), item.payload) for item in request.items or (Item(),)]
        updates = [(message_of(item), Published(self, item)) for item in items]
        try:
            self.app.update_all(request.node, updates)
        except MailboxFullError:
            raise StanzaError("resource-constraint", "there are too many updates, try later") from None
        except UsageError as error:
            raise StanzaError("not-acceptable", str(error)) from None
        return [str(item.id) for item in items]

    def subscribe(self, request: PubSubRequest) -> Subscription:
        """Take a subscription."""
        if not request.node:
            raise StanzaError("bad-request", "it has to name a node", pubsub="nodeid-required")
        subscription = Subscription(request.node, str(request.subscriber))
        self._subscribers.add(subscription)
        return replace(subscription, last=tuple(self._kept.latest(request.node, 1)))

    def unsubscribe(self, request: PubSubRequest) -> None:
        """End one."""
        if not self._subscribers.remove(request.node, str(request.subscriber)):
            raise StanzaError("unexpected-request", "there is no such subscription", pubsub="not-subscribed")

    def subscriptions(self, request: PubSubRequest) -> list[Subscription]:
        """Return those of the sender."""
        own = self._subscribers.of(request.sender)
        return [one for one in own if request.node in {"", one.node}]

    def subscriptions_get(self, request: PubSubRequest) -> list[Subscription]:
        """Return those to a node."""
        return self._subscribers.to(request.node)

    def items(self, request: PubSubRequest) -> list[Item]:
        """Return what is kept."""
        if not request.item_ids:
            return self._kept.latest(request.node, request.max_items)
        found = [self._kept.get(request.node, each) for each in request.item_ids]
        return [item for item in found if item is not None]

    def retract(self, request: PubSubRequest) -> None:
        """Forget items. Pages are not told: what they have heard they have heard."""
        missing = [each for each in request.item_ids if self._kept.get(request.node, each) is None]
        if missing:
            raise StanzaError("item-not-found", "there is no such item")
        for each in request.item_ids:
            self._kept.remove(request.node, each)
        if self._service is not None and request.notify:
            self._service.notify_retract(request.node, self._told(request.node), request.item_ids)

    def purge(self, request: PubSubRequest) -> None:
        """Forget all items of a node."""
        self._kept.clear(request.node)
        if self._service is not None:
            self._service.notify_purge(request.node, self._told(request.node))

    def delete(self, request: PubSubRequest) -> None:
        """Forget all items of a node, and all subscriptions to it."""
        self._kept.clear(request.node)
        gone = self._subscribers.clear(request.node)
        if self._service is not None:
            self._service.notify_delete(request.node, gone)

    # -- what can be discovered -----------------------------------------------------------------

    def get_info(self, sender: str, service: str, node: str) -> NodeInfo | None:  # noqa: ARG002 - anybody may know
        """Return what is known of a path."""
        return NodeInfo() if node and self._is_one(node) else None

    def get_nodes(self, sender: str, service: str, node: str) -> list[str]:  # noqa: ARG002 - anybody may know
        """Return the paths of which something is kept, or which somebody hears."""
        return [] if node else sorted({*self._kept.nodes, *self._subscribers.nodes})

    def _told(self, node: str) -> list[str]:
        return [one.subscriber for one in self._subscribers.to(node)]

    def _is_one(self, node: str) -> bool:
        try:
            check_path(node, from_client=True)
        except ProtocolError:
            return False
        return self._pattern.matches(node)

    def _check(self, node: str) -> None:
        if not self._is_one(node):
            raise StanzaError("item-not-found", "there is no such node")


class PathListener(Actor):
    """Hears updates for the nodes of a service.

    Args:
        nodes: these.
    """

    mailbox = Bounded(10_000, "drop_oldest")

    def __init__(self, nodes: PathNodes) -> None:
        super().__init__()
        self._nodes = nodes

    def on_start(self) -> None:
        """Begin to hear."""
        self._nodes.app.listen(self.actor_ref, self._nodes.pattern)

    def on_receive(self, message: Any) -> None:
        """Pass on an update."""
        if isinstance(message, Packet):
            self._nodes.heard(message)


def new_id() -> str:
    """Return an id for an item that was published without one."""
    return secrets.token_hex(8)
