"""What answers each verb of pub/sub, given what a resource has returned. No socket, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.etree.ElementTree import Element

from cometary.xmpp.names import PUBSUB, PUBSUB_OWNER
from cometary.xmpp.paging import page_of
from cometary.xmpp.pubsub.forms import Field, field_for, write_form
from cometary.xmpp.pubsub.request import NODE_CONFIG, SUBSCRIBE_OPTIONS
from cometary.xmpp.pubsub.values import Subscription
from cometary.xmpp.xml import make

if TYPE_CHECKING:
    from cometary.xmpp.pubsub.request import PubSubRequest

Writer = Callable[["PubSubRequest", Any, Mapping[str, Field]], Element | None]


def answer(request: PubSubRequest, returned: Any, options: Mapping[str, Field], room: int) -> Element | None:
    """Return what answers a request; None if it only says that it is done.

    Args:
        request: the request.
        returned: what the resource's method has returned.
        options: those that nodes have.
        room: how many bytes there are for what may be listed in pages.

    Raises:
        StanzaError: there is no such page; see `page_of`.
    """
    if request.verb in _LISTS:
        return _listed(request, _LISTS[request.verb], returned, room)
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


def _known(values: Mapping[str, Any], options: Mapping[str, Field]) -> Mapping[str, Field]:
    return {name: options.get(name) or field_for(value) for name, value in values.items()}


def _in(namespace: str, element: Element) -> Element:
    return make(namespace, "pubsub", None, element)


class _List(NamedTuple):
    """An answer with many members: how it is called, and what of it each of them is known by, and written as."""

    namespace: str
    name: str
    key: Callable[[Any], str]
    written: Callable[[Any], Element]


def _listed(request: PubSubRequest, kind: _List, returned: Any, room: int) -> Element:
    every: list[Any] = [*(returned.items() if isinstance(returned, Mapping) else returned)]
    page = page_of(every, request.page, kind.key, kind.written, room)
    listed = _in(
        kind.namespace, make(kind.namespace, kind.name, {"node": request.node or None}, *page.members)
    )
    if page.tells is not None:
        listed.append(page.tells)
    return listed


def _key_of(one: Subscription) -> str:
    return f"{one.node} {one.subscriber} {one.id or ''}"


def _subscriber(one: Subscription) -> Element:
    told = {"jid": one.subscriber, "subscription": one.state, "subid": one.id}
    return make(PUBSUB_OWNER, "subscription", told)


def _of_node(one: tuple[str, str]) -> Element:
    return make(PUBSUB, "affiliation", {"node": one[0], "affiliation": one[1]})


def _of_address(one: tuple[str, str]) -> Element:
    return make(PUBSUB_OWNER, "affiliation", {"jid": one[0], "affiliation": one[1]})


_LISTS: Final[Mapping[str, _List]] = {
    "subscriptions": _List(PUBSUB, "subscriptions", _key_of, Subscription.element),
    "affiliations": _List(PUBSUB, "affiliations", itemgetter(0), _of_node),
    "affiliations_get": _List(PUBSUB_OWNER, "affiliations", itemgetter(0), _of_address),
    "subscriptions_get": _List(PUBSUB_OWNER, "subscriptions", _key_of, _subscriber),
}

_WRITERS: Final[Mapping[str, Writer]] = {
    "publish": _published,
    "subscribe": _subscribed,
    "options_get": _options,
    "items": _items,
    "create": _created,
    "default": _default,
    "configure_get": _configuration,
}
