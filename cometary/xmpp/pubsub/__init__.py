"""Publish-subscribe over XMPP (XEP-0060): a class whose methods are called becomes a service."""

from cometary.xmpp.pubsub.forms import Field, Form
from cometary.xmpp.pubsub.path_nodes import PathNodes
from cometary.xmpp.pubsub.request import PubSubRequest
from cometary.xmpp.pubsub.resource import NodeInfo, PubSubResource, unsupported
from cometary.xmpp.pubsub.service import PubSubService
from cometary.xmpp.pubsub.values import Item, Subscription

__all__ = [
    "Field",
    "Form",
    "Item",
    "NodeInfo",
    "PathNodes",
    "PubSubRequest",
    "PubSubResource",
    "PubSubService",
    "Subscription",
    "unsupported",
]
