"""What has something to tell every other node, beside requests and updates, and hears what they tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from cometary.nodes.link import Link
    from cometary.nodes.messages import State
    from cometary.nodes.peer import Peer


class Watcher(Protocol):
    """It."""

    def linked(self, peer: Peer, link: Link) -> None:
        """Take note that there is a new link to a node, which has heard nothing by it yet."""
        ...

    def unheard(self, peer: Peer) -> None:
        """Take note that a node can tell nothing: there is no link from it."""
        ...

    def lost(self, peer: Peer) -> None:
        """Take note that a node has gone, whichever process of its name that was."""
        ...

    def hear(self, peer: Peer, message: State) -> None:
        """Take what a node tells."""
        ...


class Nobody:
    """Nobody has (`Watcher`)."""

    def linked(self, peer: Peer, link: Link) -> None:
        """Tell nothing."""

    def unheard(self, peer: Peer) -> None:
        """Do nothing."""

    def lost(self, peer: Peer) -> None:
        """Do nothing."""

    def hear(self, peer: Peer, message: State) -> None:
        """Do nothing."""


NOBODY: Final = Nobody()
