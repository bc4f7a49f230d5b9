"""Who subscribes to which nodes, within bounds. No socket, no clock."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cometary.errors import StanzaError
from cometary.xmpp.addresses import account_of

if TYPE_CHECKING:
    from cometary.xmpp.pubsub.values import Subscription


class Subscribers:
    """Subscriptions by node and address.

    Args:
        most: how many there are at most.
        most_of_one: how many of one account.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._nodes: dict[str, dict[str, Subscription]] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return how many subscriptions there are."""
        return self._counts.total()

    @property
    def nodes(self) -> list[str]:
        """Those that somebody subscribes to."""
        return list(self._nodes)

    def add(self, subscription: Subscription) -> None:
        """Take a subscription, in the place of the one that the address has to the node.

        Raises:
            StanzaError: there are too many; the subscriber's fault, or nobody's.
        """
        node, jid = subscription.node, subscription.subscriber
        account = account_of(jid)
        if jid not in self._nodes.get(node, ()):
            if self._counts[account] >= self._most_of_one:
                text = f"an account has {self._most_of_one} subscriptions at most"
                raise StanzaError("policy-violation", text, pubsub="too-many-subscriptions")
            if len(self) >= self._most:
                raise StanzaError("resource-constraint", "there are too many subscriptions")
            self._counts[account] += 1
        self._nodes.setdefault(node, {})[jid] = subscription

    def remove(self, node: str, jid: str) -> bool:
        """Forget a subscription; returns whether there was one."""
        there = self._nodes.get(node, {})
        if there.pop(jid, None) is None:
            return False
        account = account_of(jid)
        self._counts[account] -= 1
        if not self._counts[account]:
            del self._counts[account]
        if not there:
            del self._nodes[node]
        return True

    def clear(self, node: str) -> list[str]:
        """Forget all subscriptions to a node; returns the addresses."""
        gone = list(self._nodes.get(node, ()))
        for jid in gone:
            self.remove(node, jid)
        return gone

    def to(self, node: str) -> list[Subscription]:
        """Return the subscriptions to a node."""
        return list(self._nodes.get(node, {}).values())

    def of(self, account: str) -> list[Subscription]:
        """Return the subscriptions of an account."""
        own = account_of(account)
        every = [one for there in self._nodes.values() for one in there.values()]
        return [one for one in every if account_of(one.subscriber) == own]
