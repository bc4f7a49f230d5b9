"""Pykka's proxy, to whichever incarnation of an actor lives.

1.  It holds the reference only. What attributes there are is looked up in the incarnation that lives, and
    remembered for as long as that does.
2.  While there is none, because the actor is just being restarted, its class says which methods there are. Anything
    else is taken for an attribute, and the next incarnation answers.
"""

from __future__ import annotations

from inspect import getattr_static
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
from pykka._introspection import AttrInfo, introspect_attrs
from pykka.messages import ProxyGetAttr

from cometary.actors.in_process import InProcess

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.ref import ActorRef

A = TypeVar("A", bound="Actor")

Path = tuple[str, ...]


class ActorProxy(InProcess, pykka.ActorProxy[A]):
    """Made by `ActorRef.proxy()`.

    Args:
        actor_ref: the actor.
        attr_path: the names of the attributes that lead from the actor to what this stands for.

    Raises:
        pykka.ActorDeadError: if the actor has ended for good.
    """

    actor_ref: ActorRef[A]  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleUnannotatedOverride]

    def __init__(self, *, actor_ref: ActorRef[A], attr_path: Path = ()) -> None:  # pyright: ignore[reportMissingSuperCall]
        if not actor_ref.is_alive():
            raise actor_ref.actor_inbox.not_found()
        self.actor_ref = actor_ref  # pyright: ignore[reportIncompatibleVariableOverride]
        self._attr_path = attr_path
        self._known_attrs: dict[Path, AttrInfo] = {}
        self._life = -1
        self._inner: dict[Path, Any] = {}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ActorProxy)
            and self.actor_ref is other.actor_ref  # pyright: ignore[reportUnknownMemberType]
            and self._attr_path == other._attr_path
        )

    def __hash__(self) -> int:
        return hash((self.actor_ref, self._attr_path))

    def __dir__(self) -> list[str]:
        self._look()
        return super().__dir__()

    def __getattr__(self, name: str) -> Any:
        path = (*self._attr_path, name)
        if path not in self._known_attrs or self._life != self.actor_ref.actor_inbox.life:
            self._look()
        found = self._known_attrs.get(path) or self._by_class(name)
        if found.callable:
            return self._remembered(path, pykka.CallableProxy)
        if found.traversable:
            return self._remembered(path, ActorProxy)
        return self.actor_ref.ask(ProxyGetAttr(attr_path=path), block=False)

    def _look(self) -> None:
        cell = self.actor_ref.actor_inbox
        known = {} if cell.actor is None else introspect_attrs(root=cell.actor, proxy=self)
        self._life, self._known_attrs = cell.life, known

    def _by_class(self, name: str) -> AttrInfo:
        if self.actor_ref.actor_inbox.actor is not None or name.startswith("_"):
            raise AttributeError(f"{self} has no attribute {name!r}")
        kept = None if self._attr_path else getattr_static(self.actor_ref.actor_class, name, None)
        return AttrInfo(callable=callable(kept), traversable=False)

    def _remembered(self, path: Path, kind: Any) -> Any:
        if path not in self._inner:
            self._inner[path] = kind(actor_ref=self.actor_ref, attr_path=path)
        return self._inner[path]
