"""The supervision tree line by line, for trees that are too large to be read whole.

1.  Lines come one by one, depth first. The reader may let others run in between: the children of a supervisor are those
    that it had when its own line was passed.
2.  A line costs next to nothing. Its details (`node`) are read off the actor only when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cometary.actors import ActorRef
from cometary.supervision.child import Child
from cometary.supervision.dynamic import DynamicSupervisor
from cometary.supervision.supervisor import Supervisor
from cometary.supervision.tree import TreeNode, node_of_child, node_of_dynamic_child, node_of_root


class Line(NamedTuple):
    """One place in the tree.

    Attributes:
        depth: how far it is below the root.
        holder: the supervisor that it is under; None for the root.
        item: the child, as its supervisor knows it.
    """

    depth: int
    holder: Supervisor | DynamicSupervisor | None
    item: Child | ActorRef[Any]

    @property
    def ref(self) -> ActorRef[Any] | None:
        """The actor; None if it does not exist yet."""
        return self.item.ref if isinstance(self.item, Child) else self.item

    @property
    def supervisor(self) -> Supervisor | DynamicSupervisor | None:
        """The supervisor at this place, if it is one and runs."""
        ref = self.ref
        actor = None if ref is None else ref.actor_inbox.actor
        return actor if isinstance(actor, Supervisor | DynamicSupervisor) else None

    @property
    def id(self) -> str:
        """What the tree calls it."""
        if isinstance(self.item, Child):
            return self.item.spec.id
        if isinstance(self.holder, DynamicSupervisor):
            return self.holder.children.shown_id_of(self.item)
        return self.item.qualified_label

    def node(self) -> TreeNode:
        """Return its details: how many children it has, but not the children."""
        if isinstance(self.item, Child):
            return node_of_child(self.item)
        if isinstance(self.holder, DynamicSupervisor):
            return node_of_dynamic_child(self.holder, self.item)
        return node_of_root(self.item)


def lines(root: ActorRef[Any], opens: Callable[[Line], bool]) -> Iterator[Line]:
    """Yield the lines of a tree.

    Args:
        root: its root.
        opens: whether what is below a supervisor is to be seen.
    """
    parent = root.actor_inbox.parent
    item = parent if isinstance(parent, Child) else root
    holder = parent if isinstance(parent, DynamicSupervisor) else None
    yield from _from(Line(0, holder, item), opens)


def _from(line: Line, opens: Callable[[Line], bool]) -> Iterator[Line]:
    yield line
    supervisor = line.supervisor
    if supervisor is None or not opens(line):
        return
    children: list[Any] = list(supervisor.children)
    for item in children:
        below = Line(line.depth + 1, supervisor, item)
        if below.supervisor is None:
            yield below
        else:
            yield from _from(below, opens)
