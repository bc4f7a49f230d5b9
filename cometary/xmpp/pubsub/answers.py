"""What answers each verb of pub/sub, given what a resource has returned. No socket, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element

from cometary.xmpp.names import PUBSUB, PUBSUB_OWNER
from cometary.xmpp.pubsub.forms import Field, field_for, write_form
from cometary.xmpp.pubsub.request import NODE_CONFIG, SUBSCRIBE_OPTIONS
from cometary.xmpp.xml import make

if TYPE_CHECKING:
    from cometary.xmpp.pubsub.request import PubSubRequest

Writer = Callable[["PubSubRequest", Any, Mapping[str, Field]], Element | None]


def answer(request: PubSubRequest, returned: Any, options: Mapping[str, Field]) -> Element | None:
    """Return what answers a request; None for nothing but that it is done.

    Args:
        request: the request.
        returned: what the resource's method has returned.
        options: those that nodes have.
    """
    write = _WRITERS.get(request.verb)
    return None if write is None else write(request, returned, options)


def _published(request: PubSubRequest, ids: Any, _: object) -> Element | None:
    if not ids:
        return None
    items = [make(PUBSUB, "item", {"id": each}) for each in ids]
    return _in(PUBSUB, make(PUBSUB, "publish", {"node": request.node}, *items))


def _subscribed(_: object, subscription: Any, __: object) -> Element:
    element: Element = subscription.element()
    if subscription.state == "unconfigured":
        element.append(make(PUBSUB, "subscribe-options", None, make(PUBSUB, "required")))
    return _in(PUBSUB, element)


def _options(request: PubSubRequest, values: Any, options: Mapping[str, Field]) -> Element:
    form = write_form(SUBSCRIBE_OPTIONS, values, _known(values, options))
    attributes = {"node": request.node or None, "jid": request.subscriber, "subid": request.subscription_id}
    return _in(PUBSUB, make(PUBSUB, "options", attributes, form))


def _subscriptions(request: PubSubRequest, subscriptions: Any, _: object) -> Element:
    each = [subscription.element() for subscription in subscriptions]
    return _in(PUBSUB, make(PUBSUB, "subscriptions", {"node": request.node or None}, *each))


def _affiliations(request: PubSubRequest, affiliations: Any, _: object) -> Element:
    each = [
        make(PUBSUB, "affiliation", {"node": node, "affiliation": said})
        for node, said in affiliations.items()
    ]
    return _in(PUBSUB, make(PUBSUB, "affiliations", {"node": request.node or None}, *each))


def _items(request: PubSubRequest, items: Any, _: object) -> Element:
    each = [item.element(PUBSUB) for item in items]
    return _in(PUBSUB, make(PUBSUB, "items", {"node": request.node}, *each))


def _created(request: PubSubRequest, node: Any, _: object) -> Element | None:
    if not node or node == request.node:
        return None
    return _in(PUBSUB, make(PUBSUB, "create", {"node": node}))


def _default(_: object, values: Any, options: Mapping[str, Field]) -> Element:
    return _in(PUBSUB_OWNER, make(PUBSUB_OWNER, "default", None, write_form(NODE_CONFIG, values, options)))


def _configuration(request: PubSubRequest, values: Any, options: Mapping[str, Field]) -> Element:
    form = write_form(NODE_CONFIG, values, options)
    return _in(PUBSUB_OWNER, make(PUBSUB_OWNER, "configure", {"node": request.node}, form))


def _affiliates(request: PubSubRequest, affiliations: Any, _: object) -> Element:
    each = [
        make(PUBSUB_OWNER, "affiliation", {"jid": jid, "affiliation": said})
        for jid, said in affiliations.items()
    ]
    return _in(PUBSUB_OWNER, make(PUBSUB_OWNER, "affiliations", {"node": request.node}, *each))


def _subscribers(request: PubSubRequest, subscriptions: Any, _: object) -> Element:
    each = [
        make(
            PUBSUB_OWNER,
            "subscription",
            {"jid": each.subscriber, "subscription": each.state, "subid": each.id},
        )
        for each in subscriptions
    ]
    return _in(PUBSUB_OWNER, make(PUBSUB_OWNER, "subscriptions", {"node": request.node}, *each))


def _known(values: Mapping[str, Any], options: Mapping[str, Field]) -> Mapping[str, Field]:
    return {name: options.get(name) or field_for(value) for name, value in values.items()}


def _in(namespace: str, element: Element) -> Element:
    return make(namespace, "pubsub", None, element)


_WRITERS: Final[Mapping[str, Writer]] = {
    "publish": _published,
    "subscribe": _subscribed,
    "options_get": _options,
    "subscriptions": _subscriptions,
    "affiliations": _affiliations,
    "items": _items,
    "create": _created,
    "default": _default,
    "configure_get": _configuration,
    "affiliations_get": _affiliates,
    "subscriptions_get": _subscribers,
}
