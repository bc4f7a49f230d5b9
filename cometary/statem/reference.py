"""References to actors that run machines: they are called by their machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cometary.actors import ActorRef
from cometary.escapes import class_name

if TYPE_CHECKING:
    from cometary.actors import Actor

A = TypeVar("A", bound="Actor")


class MachineRef(ActorRef[A]):
    """The reference to a `MachineActor`.

    Attributes:
        machine: the name of the machine's class; empty until there is one.
        alone: whether that says it all: the actor's own class is just `MachineActor`.
    """

    __slots__ = ("alone", "machine")

    machine: str
    alone: bool

    @property
    def label(self) -> str:
        """What logs and reports call it: `DoorLock`, or `Door[DoorLock]` for a class `Door` of the program's own."""
        own = class_name(self.actor_class)
        if not self.machine:
            return own
        return self.machine if self.alone else f"{own}[{self.machine}]"

    @property
    def qualified_label(self) -> str:
        """See `ActorRef.qualified_label`."""
        return self.label
