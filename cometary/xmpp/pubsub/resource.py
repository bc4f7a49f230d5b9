"""The resource: pub/sub as code. The author of a service writes the methods that it is to have.

    class Headlines(PubSubResource):
        async def items(self, request):
            return [Item(entry.id, entry.as_xml()) for entry in await latest(request.node)]

1.  Each verb of XEP-0060 is a method, which may be `def` or `async def`. Those that a class does not have answer
    `feature-not-implemented`, and say which feature is missing.
2.  A method refuses by a `StanzaError`; whatever else it raises is logged, and answered by `internal-server-error`.
3.  What a class has is what can be discovered: see `PubSubResource.features`.

Source: Wokkel, `wokkel.pubsub.PubSubResource`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from cometary.errors import StanzaError
from cometary.xmpp.discovery import Identity
from cometary.xmpp.pubsub.forms import Field, Value

if TYPE_CHECKING:
    from cometary.xmpp.pubsub.request import PubSubRequest
    from cometary.xmpp.pubsub.service import PubSubService

FEATURES: Final[Mapping[str, str]] = {
    "publish": "publish",
    "subscribe": "subscribe",
    "unsubscribe": "subscribe",
    "options_get": "subscription-options",
    "options_set": "subscription-options",
    "subscriptions": "retrieve-subscriptions",
    "affiliations": "retrieve-affiliations",
    "create": "create-nodes",
    "default": "retrieve-default",
    "configure_get": "config-node",
    "configure_set": "config-node",
    "items": "retrieve-items",
    "retract": "retract-items",
    "purge": "purge-nodes",
    "delete": "delete-nodes",
    "affiliations_get": "modify-affiliations",
    "affiliations_set": "modify-affiliations",
    "subscriptions_get": "manage-subscriptions",
    "subscriptions_set": "manage-subscriptions",
}
"""Of each verb, the feature that whoever has it supports."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What can be discovered of a node.

    Attributes:
        type: `leaf` or `collection`.
        meta_data: more, by the names of the fields of XEP-0060, such as `pubsub#title`.
    """

    type: str = "leaf"
    meta_data: Mapping[str, Value] = field(default_factory=dict[str, Value])


class PubSubResource:
    """What a pub/sub service is about. Here are the verbs for which a class has no method of its own.

    Attributes:
        features: those that it has beside the ones of its verbs (`FEATURES`), without the namespace.
        identity: what it is.
    """

    features: ClassVar[tuple[str, ...]] = ()
    identity: ClassVar[Identity] = Identity("pubsub", "service", "Cometary")

    @classmethod
    def supported(cls) -> frozenset[str]:
        """Return the features of the verbs that the class has."""
        has = [verb for verb in FEATURES if getattr(cls, verb) is not getattr(PubSubResource, verb)]
        return frozenset([*[FEATURES[verb] for verb in has], *cls.features])

    def joined(self, service: PubSubService) -> None:
        """Take note of the service that it belongs to: once, before the service runs."""

    def locate_resource(self, request: PubSubRequest) -> Any:
        """Return the resource that a request is for, such as another one for some nodes; by default itself."""
        return self

    def get_info(self, sender: str, service: str, node: str) -> Any:
        """Return the `NodeInfo` of a node, None if there is none; for those who want to discover it."""
        return None

    def get_nodes(self, sender: str, service: str, node: str) -> Any:
        """Return the names of the nodes below `node`, which is empty for the root."""
        return ()

    def get_configuration_options(self) -> Mapping[str, Field]:
        """Return the options that nodes have, by name, such as `pubsub#title`."""
        return {}

    # -- subscribers ----------------------------------------------------------------------------

    def subscribe(self, request: PubSubRequest) -> Any:
        """Subscribe `request.subscriber` to a node; returns the `Subscription`."""
        _unsupported("subscribe")

    def unsubscribe(self, request: PubSubRequest) -> Any:
        """End a subscription."""
        _unsupported("unsubscribe")

    def options_get(self, request: PubSubRequest) -> Any:
        """Return the options of a subscription, by name."""
        _unsupported("options_get")

    def options_set(self, request: PubSubRequest) -> Any:
        """Set the options of a subscription: `request.form`."""
        _unsupported("options_set")

    def subscriptions(self, request: PubSubRequest) -> Any:
        """Return the `Subscription`s of the sender: to one node, or to all if `request.node` is empty."""
        _unsupported("subscriptions")

    def affiliations(self, request: PubSubRequest) -> Any:
        """Return what the sender is to nodes: `owner`, `publisher` and so on, by node."""
        _unsupported("affiliations")

    def items(self, request: PubSubRequest) -> Any:
        """Return `Item`s of a node: those of `item_ids` if there are any, else the latest, `max_items` at most."""
        _unsupported("items")

    # -- publishers -----------------------------------------------------------------------------

    def publish(self, request: PubSubRequest) -> Any:
        """Publish `request.items`; returns their ids, or None if the sender is not told."""
        _unsupported("publish")

    def retract(self, request: PubSubRequest) -> Any:
        """Take back the items that `request.item_ids` names."""
        _unsupported("retract")

    # -- owners ---------------------------------------------------------------------------------

    def create(self, request: PubSubRequest) -> Any:
        """Create a node; returns its name. If `request.node` is empty, the service makes one up."""
        _unsupported("create")

    def default(self, request: PubSubRequest) -> Any:
        """Return the options that a new node of `request.node_type` has, by name."""
        _unsupported("default")

    def configure_get(self, request: PubSubRequest) -> Any:
        """Return the options of a node, by name."""
        _unsupported("configure_get")

    def configure_set(self, request: PubSubRequest, options: Mapping[str, Value]) -> Any:
        """Set options of a node: those of them that `get_configuration_options` knows, as their types want them."""
        _unsupported("configure_set")

    def purge(self, request: PubSubRequest) -> Any:
        """Take back all items of a node."""
        _unsupported("purge")

    def delete(self, request: PubSubRequest) -> Any:
        """Delete a node."""
        _unsupported("delete")

    def affiliations_get(self, request: PubSubRequest) -> Any:
        """Return what people are to a node, by address."""
        _unsupported("affiliations_get")

    def affiliations_set(self, request: PubSubRequest) -> Any:
        """Change what people are to a node: `request.affiliations`."""
        _unsupported("affiliations_set")

    def subscriptions_get(self, request: PubSubRequest) -> Any:
        """Return the `Subscription`s of everybody to a node."""
        _unsupported("subscriptions_get")

    def subscriptions_set(self, request: PubSubRequest) -> Any:
        """Change the subscriptions to a node: `request.subscriptions`."""
        _unsupported("subscriptions_set")


def _unsupported(verb: str) -> NoReturn:
    raise unsupported(FEATURES[verb])


def unsupported(feature: str) -> StanzaError:
    """Return the error that says that a feature of XEP-0060 is not supported."""
    return StanzaError("feature-not-implemented", pubsub="unsupported", feature=feature)
