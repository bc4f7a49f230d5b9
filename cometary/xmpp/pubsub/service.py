"""A pub/sub service: what turns stanzas into calls of a resource, and tells subscribers (XEP-0060).

1.  A request is read, the resource that it is for is found, the method of its verb is called, and what that returns is
    the answer. The component deals with all errors.
2.  Senders subscribe and unsubscribe addresses of their own accounts only; anything else is refused here.
3.  Notifications are of the type `headline`: they are for those who are there, and are neither kept nor returned.
4.  A notification that is the same for many is written once (`Component.send_to_each`).
5.  What is too long for a stanza cannot be published (`payload-too-big`), since nobody could be notified of it, and
    those who ask for items get as many as one stanza holds. Nodes, subscriptions and affiliations are listed in pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element

from cometary.errors import StanzaError
from cometary.xmpp.addresses import own_address, same_account
from cometary.xmpp.component import settled
from cometary.xmpp.discovery import DiscoItem, Identity, Info
from cometary.xmpp.names import COMPONENT, HEADERS, PUBSUB, PUBSUB_EVENT, PUBSUB_META_DATA, PUBSUB_OWNER
from cometary.xmpp.paging import AROUND
from cometary.xmpp.pubsub.answers import answer
from cometary.xmpp.pubsub.forms import Field, field_for, typed, write_form
from cometary.xmpp.pubsub.request import PubSubRequest, read_request
from cometary.xmpp.stanzas import Reply
from cometary.xmpp.xml import make, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.supervision import ChildSpec
    from cometary.xmpp.component import Component
    from cometary.xmpp.pubsub.resource import NodeInfo, PubSubResource
    from cometary.xmpp.pubsub.values import Item, Subscription
    from cometary.xmpp.stanzas import Stanza

OF_ONESELF: Final = frozenset(("subscribe", "unsubscribe", "options_get", "options_set"))
"""What is asked for oneself alone (rule 2)."""

Notification = tuple[str, Sequence["Subscription"], Sequence["Item"]]
"""Who is told, because of which subscriptions, of which items."""


class PubSubService:
    """A service of a component.

    Args:
        resource: what it is about.
        hide_nodes: whether the list of nodes is kept from everybody.

    Attributes:
        resource: the same.
    """

    def __init__(self, resource: PubSubResource, *, hide_nodes: bool = False) -> None:
        self.resource = resource
        self._hides_nodes = hide_nodes
        self._component: Component | None = None

    def join(self, component: Component) -> None:
        """Answer for a component."""
        self._component = component
        for namespace in (PUBSUB, PUBSUB_OWNER):
            for kind in ("get", "set"):
                component.on_iq(kind, f"{{{namespace}}}pubsub", self._answer)
        component.discovery.info.append(self._info)
        component.discovery.items.append(self._items)
        self.resource.joined(self)

    def run_too(self, child: ChildSpec) -> None:
        """Run something beside the service; for resources, in their `joined`."""
        self._joined.run_too(child)

    # -- who subscribes is told -----------------------------------------------------------------

    def notify_publish(self, node: str, notifications: Iterable[Notification]) -> None:
        """Tell subscribers of items that were published to a node.

        Args:
            node: the node.
            notifications: for each subscriber its address, its subscriptions, and the items. If it subscribes to
                another node, a collection, the header `Collection` names that (XEP-0131).
        """
        alike: dict[tuple[tuple[int, ...], tuple[str, ...]], tuple[Sequence[Item], list[str]]] = {}
        for subscriber, subscriptions, items in notifications:
            collections = tuple([one.node for one in subscriptions if one.node != node])
            _, told = alike.setdefault((tuple(map(id, items)), collections), (items, []))
            told.append(subscriber)
        for (_, collections), (items, subscribers) in alike.items():
            self._notify(subscribers, _published(PUBSUB_EVENT, node, items), collections)

    def notify_items(self, node: str, subscribers: Iterable[str], items: Iterable[Item]) -> None:
        """Tell subscribers, all the same, of items that were published to the node that they subscribe to."""
        self._notify(subscribers, _published(PUBSUB_EVENT, node, items))

    def notify_retract(self, node: str, subscribers: Iterable[str], item_ids: Iterable[str]) -> None:
        """Tell subscribers that items were retracted."""
        retracted = [make(PUBSUB_EVENT, "retract", {"id": each}) for each in item_ids]
        self._notify(subscribers, make(PUBSUB_EVENT, "items", {"node": node}, *retracted))

    def notify_purge(self, node: str, subscribers: Iterable[str]) -> None:
        """Tell subscribers that all items of a node were taken back."""
        self._notify(subscribers, make(PUBSUB_EVENT, "purge", {"node": node}))

    def notify_delete(self, node: str, subscribers: Iterable[str], redirect_uri: str | None = None) -> None:
        """Tell subscribers that a node was deleted, and with `redirect_uri` where to go instead."""
        element = make(PUBSUB_EVENT, "delete", {"node": node})
        if redirect_uri is not None:
            element.append(make(PUBSUB_EVENT, "redirect", {"uri": redirect_uri}))
        self._notify(subscribers, element)

    def _notify(self, subscribers: Iterable[str], element: Element, collections: Sequence[str] = ()) -> None:
        event = make(PUBSUB_EVENT, "event", None, element)
        message = make(COMPONENT, "message", {"type": "headline"}, event)
        if collections:
            headers = [make(HEADERS, "header", {"name": "Collection"}, text=node) for node in collections]
            message.append(make(HEADERS, "headers", None, *headers))
        self._joined.send_to_each(message, list(subscribers))

    @property
    def most_told(self) -> int:
        """The most bytes of items, with their node, that a notification has room for."""
        return self._joined.most_stanza - AROUND

    # -- requests -------------------------------------------------------------------------------

    async def _answer(self, stanza: Stanza) -> Element | Reply | None:
        request = _for_oneself(read_request(stanza))
        self._check_size(request)
        resource: PubSubResource = await settled(self.resource.locate_resource(request))
        options = resource.get_configuration_options()
        returned = self._fitting(request, await self._call(resource, request, options))
        payload = answer(request, returned, options, self.most_told)
        if request.verb != "subscribe" or not returned.last:
            return payload
        # The subscriber has to know of the subscription before what it brings.
        told = (returned.subscriber, [returned], returned.last)
        return Reply(payload, lambda: self.notify_publish(returned.node, [told]))

    def _check_size(self, request: PubSubRequest) -> None:
        """Look whether what is published can be told (rule 5), if not at once then one item after the other."""
        if request.verb != "publish":
            return
        size = len(write(_published(PUBSUB_EVENT, request.node, request.items)))
        if size > self.most_told:
            text = f"{size} bytes are more than the {self.most_told} that a service announces at once"
            raise StanzaError("not-acceptable", text, pubsub="payload-too-big")

    def _fitting(self, request: PubSubRequest, returned: Any) -> Any:
        """Return what a method has returned; of items those that one stanza holds.

        These are the latest, or of those that were asked for by id the first.
        """
        if request.verb != "items":
            return returned
        left = self.most_told - len(write(_published(PUBSUB, request.node, ())))
        fitting: list[Item] = []
        by_id = bool(request.item_ids)
        every: list[Item] = list(returned) if by_id else list(returned)[::-1]
        for item in every:
            left -= len(write(item.element(PUBSUB), PUBSUB))
            if left < 0:
                break
            fitting.append(item)
        if every and not fitting:
            raise StanzaError("not-acceptable", "an item is longer than a stanza may be")
        return fitting if by_id else fitting[::-1]

    async def _call(
        self, resource: PubSubResource, request: PubSubRequest, options: Mapping[str, Field]
    ) -> Any:
        form = request.form
        method = getattr(resource, request.verb)
        if form is not None and form.type == "cancel":
            if request.verb in {"configure_set", "options_set"}:
                return None  # it is acknowledged, and that is all
            request = replace(request, form=None)
        if request.verb == "configure_set" and form is not None:
            return await settled(method(request, typed(form, options)))
        return await settled(method(request))

    # -- discovery ------------------------------------------------------------------------------

    async def _info(self, sender: str, recipient: str, node: str) -> Info | None:
        resource = self.resource
        known: NodeInfo | None = await settled(resource.get_info(sender, recipient, node))
        if not node:
            features = {PUBSUB, *[f"{PUBSUB}#{feature}" for feature in resource.supported()]}
            return Info([resource.identity], features)
        if known is None:
            return None
        forms = [_meta_data(known)] if known.meta_data else []
        return Info([Identity("pubsub", known.type)], {PUBSUB}, forms)

    async def _items(self, sender: str, recipient: str, node: str) -> Sequence[DiscoItem] | None:
        if self._hides_nodes:
            return ()
        resource = self.resource
        if node and await settled(resource.get_info(sender, recipient, node)) is None:
            return None
        nodes = await settled(resource.get_nodes(sender, recipient, node))
        return [DiscoItem(recipient, each) for each in nodes]

    @property
    def _joined(self) -> Component:
        if self._component is None:
            raise StanzaError("service-unavailable", "the service has no component")
        return self._component


def _published(namespace: str, node: str, items: Iterable[Item]) -> Element:
    return make(namespace, "items", {"node": node}, *[item.element(namespace) for item in items])


def _for_oneself(request: PubSubRequest) -> PubSubRequest:
    """Return a request that is allowed by rule 2, with the address as the server writes it: the same for all spellings.

    Raises:
        StanzaError: it is for somebody else; the sender's fault.
    """
    if request.verb not in OF_ONESELF:
        return request
    asked = request.subscriber or ""
    if not same_account(asked, request.sender):
        raise StanzaError("bad-request", "it is for somebody else's account", pubsub="invalid-jid")
    return replace(request, subscriber=own_address(request.sender, asked))


def _meta_data(known: NodeInfo) -> Element:
    fields = {name: field_for(value) for name, value in known.meta_data.items()}
    return write_form(PUBSUB_META_DATA, known.meta_data, fields, kind="result")
