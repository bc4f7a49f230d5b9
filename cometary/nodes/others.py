"""The other nodes, as the control interface and the inspector of this one reach them (`Others`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.nodes.peers import Peers
    from cometary.transport.http.exchange import Exchange


class OthersOfNode:
    """All of them.

    Args:
        own: the name of this node.
        peers: the others.

    Attributes:
        own: the same.
    """

    def __init__(self, own: str, peers: Peers) -> None:
        self.own = own
        self._peers = peers

    def states(self) -> Sequence[tuple[str, str]]:
        """Return their names and states."""
        return sorted((peer.node, peer.state) for peer in self._peers)

    async def ask(self, node: str, question: bytes) -> bytes | None:
        """Return what a node says to a question; None if it is away, or says nothing."""
        peer = self._peers.named(node)
        return None if peer is None or peer.gone else await peer.questions.ask(question)

    def forward(self, node: str, exchange: Exchange) -> None:
        """Have a node answer a call of the control interface; see `Others.forward`."""
        peer = self._peers.named(node)
        if peer is None:
            raise ProtocolError("not-found", "There is no node of this name.")
        if peer.gone or not peer.is_dialed:
            raise ProtocolError("shutting-down", "This node cannot be reached at the moment.", retry_after=1)
        peer.forwarding.forward(exchange)
