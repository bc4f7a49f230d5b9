"""The supervision tree as data: what runs under what, and how it is doing.

It is read off the actors where they are, without asking them, so that it can be had while a
supervisor is busy restarting its children.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cometary.actors import ActorRef
from cometary.actors.exits import Restart
from cometary.actors.names import Whom, names_shown
from cometary.actors.system import actor_meant
from cometary.supervision.child import Child, State, actor_name
from cometary.supervision.dynamic import DynamicSupervisor
from cometary.supervision.options import Kind
from cometary.supervision.supervisor import Supervisor

SHOWN = 100
"""How many children of one dynamic supervisor are shown, unless the caller wants more."""


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One place in the tree.

    Attributes:
        id: the child's id; for a child of a dynamic supervisor that has none, its
            `display_name` if its actor has that attribute, else its URN.
        kind: `worker` (an actor), `supervisor`, `task` (an async function) or `thread`.
        actor: name of its class or function.
        restart: `permanent`, `transient` or `temporary`.
        state: `starting`, `running`, `ended` (its supervisor is about to decide), `stopping`,
            `restarting` or `stopped`.
        restarts: how often it has been restarted.
        mailbox: messages that wait in its mailbox.
        count: how many children it has.
        children: the children; of a dynamic supervisor the oldest ones only.
        names: what it is registered as, as text; the first few.
        urn: its universally unique name; None if it never came to be.
    """

    id: str
    kind: Kind
    actor: str
    restart: Restart
    state: State
    restarts: int
    mailbox: int
    count: int = 0
    children: tuple[TreeNode, ...] = ()
    names: tuple[str, ...] = ()
    urn: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the node and all below it as a map, ready for JSON."""
        own = {name: getattr(self, name) for name in self.__slots__}
        return {**own, "children": [child.as_dict() for child in self.children]}


def tree(supervisor: Whom, *, shown: int = SHOWN) -> TreeNode:
    """Return the tree below a supervisor; on the loop's thread, without waiting.

    Args:
        supervisor: the supervisor, or any actor: a tree of one node. By its reference or its name.
        shown: how many children of each dynamic supervisor to go into.

    Raises:
        ActorEndedError: if nobody has the name.
    """
    ref = actor_meant(supervisor)
    parent = ref.actor_inbox.parent
    if isinstance(parent, Child):
        return node_of_child(parent, shown)
    if isinstance(parent, DynamicSupervisor):
        return node_of_dynamic_child(parent, ref, shown)
    return node_of_root(ref, shown)


def node_of_root(ref: ActorRef[Any], shown: int | None = None) -> TreeNode:
    """Return an actor that nobody supervises.

    Args:
        ref: the actor.
        shown: see `tree`; None to say only how many children there are.
    """
    cell = ref.actor_inbox
    kind: Kind = "supervisor" if isinstance(cell.actor, Supervisor | DynamicSupervisor) else "worker"
    state: State = "running" if ref.is_alive() else "stopped"
    name = ref.qualified_label
    count, children = _below(ref, shown)
    return TreeNode(
        name,
        kind,
        name,
        "temporary",
        state,
        0,
        len(cell),
        count,
        children,
        names_shown(ref),
        ref.actor_urn,
    )


def node_of_child(child: Child, shown: int | None = None) -> TreeNode:
    """Return the child of a supervisor; for `shown` see `node_of_root`."""
    spec, ref = child.spec, child.ref
    count, children = _below(ref, shown)
    return TreeNode(
        id=spec.id,
        kind=spec.kind,
        actor=actor_name(spec, ref),
        restart=spec.restart,
        state=child.state,
        restarts=child.restarts,
        mailbox=0 if ref is None else len(ref.actor_inbox),
        count=count,
        children=children,
        names=() if ref is None else names_shown(ref),
        urn=None if ref is None else ref.actor_urn,
    )


def node_of_dynamic_child(
    supervisor: DynamicSupervisor, ref: ActorRef[Any], shown: int | None = None
) -> TreeNode:
    """Return the child of a dynamic supervisor; for `shown` see `node_of_root`."""
    count, children = _below(ref, shown)
    return TreeNode(
        id=supervisor.children.shown_id_of(ref),
        kind=supervisor.children.kind_of(ref),
        actor=supervisor.children.name_of(ref),
        restart=supervisor.children.restart_of(ref),
        state=supervisor.children.state_of(ref),
        restarts=supervisor.children.restarts_of(ref),
        mailbox=len(ref.actor_inbox),
        count=count,
        children=children,
        names=names_shown(ref),
        urn=ref.actor_urn,
    )


def _below(ref: ActorRef[Any] | None, shown: int | None) -> tuple[int, tuple[TreeNode, ...]]:
    actor = None if ref is None else ref.actor_inbox.actor
    if shown is None:
        return len(actor.children) if isinstance(actor, Supervisor | DynamicSupervisor) else 0, ()
    if isinstance(actor, Supervisor):
        children = actor.children
        return len(children), tuple(node_of_child(child, shown) for child in children)
    if isinstance(actor, DynamicSupervisor):
        return len(actor.children), tuple(_shown(actor, shown))
    return 0, ()


def _shown(supervisor: DynamicSupervisor, shown: int) -> Iterator[TreeNode]:
    for ref in islice(supervisor.children, shown):
        yield node_of_dynamic_child(supervisor, ref, shown)
