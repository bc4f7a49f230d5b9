"""What somebody asks of a pub/sub service, read from a stanza (XEP-0060). No socket, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from xml.etree.ElementTree import Element

from cometary.errors import StanzaError
from cometary.xmpp.names import PUBSUB, PUBSUB_OWNER
from cometary.xmpp.paging import SET, Wanted, read_set
from cometary.xmpp.pubsub.forms import Form, read_form
from cometary.xmpp.pubsub.values import AFFILIATIONS, STATES, Item
from cometary.xmpp.stanzas import Stanza
from cometary.xmpp.xml import split_name

NODE_CONFIG: Final = f"{PUBSUB}#node_config"
SUBSCRIBE_OPTIONS: Final = f"{PUBSUB}#subscribe_options"


@dataclass(frozen=True, slots=True)
class PubSubRequest:
    """One request; what its verb does not need is None, or empty.

    Attributes:
        verb: what is asked for: the name of a method of `PubSubResource`.
        sender: who asks.
        recipient: whom.
        node: the node; empty for the root of the service, and for one that is to be given a name.
        items: what is published.
        item_ids: which items are asked for, or retracted.
        max_items: how many items are asked for at most.
        form: the options that came along.
        subscriber: who a subscription is for.
        subscription_id: which of several it is.
        affiliations: by address, the affiliations that people are to have with the node.
        subscriptions: by address, the states that subscriptions are to have.
        notify: whether subscribers are to be told that items are retracted.
        node_type: `leaf` or `collection`, of `default`.
        page: which part of the answer is asked for, where that may be long; the service sees to it.
    """

    verb: str
    sender: str
    recipient: str
    node: str = ""
    items: tuple[Item, ...] = ()
    item_ids: tuple[str, ...] = ()
    max_items: int | None = None
    form: Form | None = None
    subscriber: str | None = None
    subscription_id: str | None = None
    affiliations: Mapping[str, str] = field(default_factory=dict[str, str])
    subscriptions: Mapping[str, str] = field(default_factory=dict[str, str])
    notify: bool = False
    node_type: str = "leaf"
    page: Wanted | None = None


VERBS: Final[Mapping[tuple[str, str, str], str]] = {
    ("set", PUBSUB, "publish"): "publish",
    ("set", PUBSUB, "subscribe"): "subscribe",
    ("set", PUBSUB, "unsubscribe"): "unsubscribe",
    ("get", PUBSUB, "options"): "options_get",
    ("set", PUBSUB, "options"): "options_set",
    ("get", PUBSUB, "subscriptions"): "subscriptions",
    ("get", PUBSUB, "affiliations"): "affiliations",
    ("set", PUBSUB, "create"): "create",
    ("get", PUBSUB_OWNER, "default"): "default",
    ("get", PUBSUB_OWNER, "configure"): "configure_get",
    ("set", PUBSUB_OWNER, "configure"): "configure_set",
    ("get", PUBSUB, "items"): "items",
    ("set", PUBSUB, "retract"): "retract",
    ("set", PUBSUB_OWNER, "purge"): "purge",
    ("set", PUBSUB_OWNER, "delete"): "delete",
    ("get", PUBSUB_OWNER, "affiliations"): "affiliations_get",
    ("set", PUBSUB_OWNER, "affiliations"): "affiliations_set",
    ("get", PUBSUB_OWNER, "subscriptions"): "subscriptions_get",
    ("set", PUBSUB_OWNER, "subscriptions"): "subscriptions_set",
}
"""The verb of each element, by the type of the request and the namespace."""

BESIDE: Final = {"subscribe": "options", "create": "configure"}
"""What may stand beside the element of a verb."""

BY_THE_PAGE: Final = frozenset(("subscriptions", "affiliations", "subscriptions_get", "affiliations_get"))
"""Verbs of which a part of the answer may be asked for (XEP-0059)."""

_Reader = Callable[[PubSubRequest, Element], PubSubRequest]


def read_request(stanza: Stanza) -> PubSubRequest:
    """Return what somebody asks for.

    Raises:
        StanzaError: `bad-request`: it is malformed; `feature-not-implemented`: it is unknown. The
            sender's fault.
    """
    pubsub = stanza.payload
    if pubsub is None or not len(pubsub):
        raise StanzaError("bad-request", "it does not say what is asked for")
    namespace = split_name(pubsub.tag)[0]
    element, *others = pubsub
    verb = VERBS.get((stanza.type, namespace, split_name(element.tag)[1]))
    if verb is None or split_name(element.tag)[0] != namespace:
        raise StanzaError("feature-not-implemented", "there is no such request")
    request = PubSubRequest(verb, stanza.sender, stanza.recipient, element.get("node", ""))
    if verb not in WITHOUT_NODE and not request.node:
        raise StanzaError("bad-request", "it has to name a node", pubsub="nodeid-required")
    for read in READERS.get(verb, ()):
        request = read(request, element)
    return _with_others(request, others, namespace)


def _with_others(request: PubSubRequest, others: list[Element], namespace: str) -> PubSubRequest:
    for other in others:
        if other.tag == SET and request.verb in BY_THE_PAGE:
            request = replace(request, page=read_set(other))
            continue
        if other.tag != f"{{{namespace}}}{BESIDE.get(request.verb)}":
            raise StanzaError("feature-not-implemented", "one request asks for one thing")
        form_type = SUBSCRIBE_OPTIONS if request.verb == "subscribe" else NODE_CONFIG
        request = replace(request, form=read_form(other, form_type))
    return request


def _items(request: PubSubRequest, element: Element) -> PubSubRequest:
    items: list[Item] = []
    for each in _those(element, "item"):
        if len(each) > 1:
            text = "an item has one element in it at most"
            raise StanzaError("bad-request", text, pubsub="invalid-payload")
        items.append(Item(each.get("id"), next(iter(each), None)))
    return replace(request, items=tuple(items))


def _item_ids(request: PubSubRequest, element: Element) -> PubSubRequest:
    ids = [each.get("id") for each in _those(element, "item")]
    if not all(ids):
        raise StanzaError("bad-request", "each item has an id", pubsub="item-required")
    return replace(request, item_ids=tuple(filter(None, ids)))


def _some_item(request: PubSubRequest, element: Element) -> PubSubRequest:
    if not request.item_ids:
        raise StanzaError("bad-request", "it has to name an item", pubsub="item-required")
    return replace(request, notify=element.get("notify") in {"1", "true"})


def _max_items(request: PubSubRequest, element: Element) -> PubSubRequest:
    said = element.get("max_items")
    if said is None:
        return request
    if not (said.isascii() and said.isdigit() and 0 < len(said) < _DIGITS and int(said)):
        raise StanzaError("bad-request", "max_items is a whole number from 1")
    return replace(request, max_items=int(said))


_DIGITS: Final = 10


def _subscriber(request: PubSubRequest, element: Element) -> PubSubRequest:
    jid = element.get("jid")
    if not jid:
        raise StanzaError("bad-request", "it has to say for whom", pubsub="jid-required")
    return replace(request, subscriber=jid, subscription_id=element.get("subid"))


def _node_config(request: PubSubRequest, element: Element) -> PubSubRequest:
    return replace(request, form=_needed(read_form(element, NODE_CONFIG)))


def _subscribe_options(request: PubSubRequest, element: Element) -> PubSubRequest:
    return replace(request, form=_needed(read_form(element, SUBSCRIBE_OPTIONS)))


def _needed(form: Form | None) -> Form:
    if form is None:
        raise StanzaError("bad-request", "there has to be a form")
    return form


def _node_type(request: PubSubRequest, element: Element) -> PubSubRequest:
    form = read_form(element, NODE_CONFIG)
    said = () if form is None else form.fields.get("pubsub#node_type", ())
    kind = said[0] if said else "leaf"
    if kind not in {"leaf", "collection"}:
        raise StanzaError("not-acceptable", "a node is a leaf or a collection")
    return replace(request, node_type=kind)


def _affiliations(request: PubSubRequest, element: Element) -> PubSubRequest:
    changes = _changes(element, "affiliation", AFFILIATIONS)
    return replace(request, affiliations=changes)


def _subscriptions(request: PubSubRequest, element: Element) -> PubSubRequest:
    changes = _changes(element, "subscription", STATES)
    return replace(request, subscriptions=changes)


def _changes(element: Element, name: str, allowed: tuple[str, ...]) -> dict[str, str]:
    changes: dict[str, str] = {}
    for each in _those(element, name):
        jid, said = each.get("jid"), each.get(name)
        if not jid or said not in allowed:
            raise StanzaError("bad-request", f"each has a jid, and as its {name} one of {', '.join(allowed)}")
        if jid in changes:
            raise StanzaError("bad-request", "each jid may appear only once")
        changes[jid] = said
    return changes


def _those(element: Element, name: str) -> list[Element]:
    """Return the elements in another one, all of which have to have a name."""
    if any(split_name(each.tag)[1] != name for each in element):
        raise StanzaError("bad-request", f"it may contain only elements {name}")
    return list(element)


READERS: Final[Mapping[str, tuple[_Reader, ...]]] = {
    "publish": (_items,),
    "subscribe": (_subscriber,),
    "unsubscribe": (_subscriber,),
    "options_get": (_subscriber,),
    "options_set": (_subscriber, _subscribe_options),
    "default": (_node_type,),
    "configure_set": (_node_config,),
    "items": (_item_ids, _max_items),
    "retract": (_item_ids, _some_item),
    "affiliations_set": (_affiliations,),
    "subscriptions_set": (_subscriptions,),
}
"""What else is read of each verb, in order."""

WITHOUT_NODE: Final = frozenset(
    (
        "subscribe",
        "unsubscribe",
        "options_get",
        "options_set",
        "subscriptions",
        "affiliations",
        "create",
        "default",
    )
)
"""Those that may be about the root of the service, or about all nodes."""
