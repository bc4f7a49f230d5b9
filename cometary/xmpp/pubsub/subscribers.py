"""Who subscribes to which nodes, within bounds. No socket, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import StanzaError
from cometary.xmpp.addresses import account_of

if TYPE_CHECKING:
    from cometary.xmpp.pubsub.values import Subscription


class Subscribers:
    """Subscriptions by node and address.

    Args:
        most: the most subscriptions.
        most_of_one: the most subscriptions of one account.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._nodes: dict[str, dict[str, Subscription]] = {}
        self._accounts: dict[str, dict[tuple[str, str], Subscription]] = {}  # the same, by account
        self._count = 0

    def __len__(self) -> int:
        """Return how many subscriptions there are."""
        return self._count

    @property
    def nodes(self) -> list[str]:
        """The nodes that somebody subscribes to."""
        return list(self._nodes)

    def add(self, subscription: Subscription) -> None:
        """Take a subscription, in the place of the one that the address has to the node.

        Raises:
            StanzaError: there are too many; the subscriber's fault, or nobody's.
        """
        node, jid = subscription.node, subscription.subscriber
        account = account_of(jid)
        own = self._accounts.get(account, {})
        if (node, jid) not in own:
            self._check_room(len(own))
            self._count += 1
            self._accounts[account] = own
        own[node, jid] = self._nodes.setdefault(node, {})[jid] = subscription

    def _check_room(self, own: int) -> None:
        if own >= self._most_of_one:
            text = f"an account has {self._most_of_one} subscriptions at most"
            raise StanzaError("policy-violation", text, pubsub="too-many-subscriptions")
        if self._count >= self._most:
            raise StanzaError("resource-constraint", "there are too many subscriptions")

    def remove(self, node: str, jid: str) -> bool:
        """Forget a subscription; returns whether there was one."""
        there = self._nodes.get(node, {})
        if there.pop(jid, None) is None:
            return False
        account = account_of(jid)
        own = self._accounts[account]
        del own[node, jid]
        self._count -= 1
        if not own:
            del self._accounts[account]
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
        return list(self._accounts.get(account_of(account), {}).values())
