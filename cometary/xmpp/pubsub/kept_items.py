"""The items that a service keeps of its nodes, within bounds. No socket, no clock.

Of each node the latest are kept, up to a number, and of all nodes together up to so many bytes, and of so many nodes:
the oldest make room (`drop_oldest`), whichever node they are of.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from cometary.xmpp.names import PUBSUB
from cometary.xmpp.xml import write

if TYPE_CHECKING:
    from cometary.xmpp.pubsub.values import Item

AROUND = 100
"""Bytes that an item takes beside what it consists of."""

MOST_NODES = 10_000
"""Nodes that can be discovered: to list that many takes the loop some milliseconds."""


class KeptItems:
    """Items by node and id, in the order in which they came.

    Args:
        each: the most items of one node that are kept; 0 for none.
        size: the most bytes of all items together.
        nodes: the most nodes with items.

    Attributes:
        most: the most bytes of an item that is kept; None for any number. A larger one takes the place of no other.
    """

    def __init__(self, each: int, size: int, nodes: int = MOST_NODES) -> None:
        self._each, self._most, self._most_nodes = each, size, nodes
        self._sizes: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._nodes: dict[str, OrderedDict[str, Item]] = {}
        self._size = 0
        self.most: int | None = None

    @property
    def nodes(self) -> list[str]:
        """The nodes that have items."""
        return list(self._nodes)

    def add(self, node: str, item: Item) -> None:
        """Keep an item, in the place of one with the same id."""
        id_ = str(item.id)
        self.remove(node, id_)
        if not self._each:
            return
        size = len(write(item.element(PUBSUB))) + AROUND
        if self.most is not None and size > self.most:
            return
        self._nodes.setdefault(node, OrderedDict())[id_] = item
        self._sizes[node, id_] = size
        self._size += size
        while len(self._nodes.get(node, ())) > self._each:
            self.remove(node, next(iter(self._nodes[node])))
        while self._size > self._most or len(self._nodes) > self._most_nodes:
            self.remove(*next(iter(self._sizes)))

    def remove(self, node: str, id_: str) -> bool:
        """Forget an item; returns whether there was one."""
        items = self._nodes.get(node)
        if items is None or id_ not in items:
            return False
        del items[id_]
        self._size -= self._sizes.pop((node, id_))
        if not items:
            del self._nodes[node]
        return True

    def clear(self, node: str) -> None:
        """Forget all items of a node."""
        for id_ in list(self._nodes.get(node, ())):
            self.remove(node, id_)

    def get(self, node: str, id_: str) -> Item | None:
        """Return one item; None if it is not kept."""
        items = self._nodes.get(node)
        return None if items is None else items.get(id_)

    def latest(self, node: str, most: int | None = None) -> list[Item]:
        """Return the latest items of a node, the oldest of them first."""
        items = self._nodes.get(node)
        latest = [] if items is None else list(items.values())
        return latest if most is None else latest[-most:]
