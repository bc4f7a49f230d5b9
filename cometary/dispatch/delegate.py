"""A delegate: any object of the application's that is told of every update, in an actor of its own.

What it raises crashes that actor, which is started again; neither updates nor other delegates notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from cometary.actors import Actor
from cometary.packets.packet import Packet
from cometary.packets.patterns import ANY_TAIL

if TYPE_CHECKING:
    from cometary.dispatch.hub import Hub

EVERYTHING: Final = ANY_TAIL


class Told(Protocol):
    """Anything that can be told of updates; what Roots called a Thestral."""

    def update(self, sender: Any, path: str, message: Any, /) -> object:
        """Take an update."""
        ...


class Delegate(Actor):
    """Tells one of them.

    Args:
        told: it.
        hub: passes on updates.
    """

    def __init__(self, told: Told, hub: Hub) -> None:
        super().__init__()
        self._told = told
        hub.listen(self.actor_ref, EVERYTHING)

    def on_receive(self, message: Any) -> None:
        """Pass on an update."""
        if isinstance(message, Packet):
            self._told.update(message.sender, message.path, message.message)
