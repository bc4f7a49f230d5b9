"""News by XMPP: a class whose methods are called is a pub/sub service.

XMPP_SECRET=secret cometary serve examples.xmpp_news:app
"""

import os
from collections import deque

from cometary import App
from cometary.errors import StanzaError
from cometary.xmpp import Component
from cometary.xmpp.pubsub import Item, PubSubRequest, PubSubResource, PubSubService, Subscription


class News(PubSubResource):
    """One node, `news`, that everybody may read and alice may write."""

    def __init__(self) -> None:
        self.entries: deque[Item] = deque(maxlen=20)
        self.readers: dict[str, Subscription] = {}

    def locate_resource(self, request: PubSubRequest) -> PubSubResource:
        """Look whether there is such a node."""
        if request.node != "news":
            raise StanzaError("item-not-found")
        return self

    def subscribe(self, request: PubSubRequest) -> Subscription:
        """Take a reader."""
        reader = str(request.subscriber)
        self.readers[reader] = Subscription(request.node, reader)
        return self.readers[reader]

    def unsubscribe(self, request: PubSubRequest) -> None:
        """Let one go."""
        self.readers.pop(str(request.subscriber), None)

    async def publish(self, request: PubSubRequest) -> list[str]:
        """Print what alice writes."""
        if not request.sender.startswith("alice@"):
            raise StanzaError("forbidden", "alice writes, and nobody else")
        new = [Item(item.id or f"entry-{len(self.entries)}", item.payload) for item in request.items]
        self.entries.extend(new)
        service.notify_publish("news", [(jid, [reader], new) for jid, reader in self.readers.items()])
        return [str(item.id) for item in new]

    def items(self, request: PubSubRequest) -> list[Item]:
        """Show the latest."""
        return list(self.entries)[-(request.max_items or len(self.entries)) :]


app = App()
service = PubSubService(News())
component = Component(
    os.environ.get("XMPP_DOMAIN", "news.localhost"),
    os.environ.get("XMPP_SECRET", "secret"),
    port=int(os.environ.get("XMPP_PORT", "5347")),
)
component.add(service)
app.child(component.child())
