"""A server that is one of several nodes: what it has of the others (`Colleagues`).

1.  The end of a session's id is the tag of the node that has it. What comes for another node's session is forwarded to
    that: single requests, so that a proxy may share its connections among clients, and whole connections once they are
    WebSockets. Who is there is told by the engine; where a session is, nobody has to be asked.
2.  A node takes clients when it has a link to each node that is there, and each of these has one to it: so no request
    comes for a session of a node that is not known, and nothing is published past it. A node that cannot be
    reached is waited for `BEGIN` seconds, and reported as missing.
3.  What is published here is routed here at once, and sent to the others (`publications`).
4.  A node that has a session and does not answer is not taken to be gone before its lease has run out, or its address
    refuses connections. Until then its clients are told to ask again.
5.  Sessions that can outlive their node may be elsewhere than their ids say: see `finding`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from cometary.errors import NodeNameError
from cometary.log import get_logger
from cometary.nodes.accepted import Home
from cometary.nodes.engine import NodesEngine
from cometary.nodes.finding import Finding
from cometary.nodes.forwarded_request import come_back
from cometary.nodes.others import OthersOfNode
from cometary.nodes.peers import Peers
from cometary.nodes.tunnels import hang_up
from cometary.server.colleagues import LocatorWithColleagues
from cometary.sessions.ids import new_sid, tag_of, tag_of_node
from cometary.sessions.locator import Elsewhere, Gone

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from cometary.cluster.engine import Engine as Cluster
    from cometary.cluster.recording import Recording
    from cometary.config.kinds import Address, UnixAddress
    from cometary.dispatch.engine import Engine
    from cometary.doors.control.door import ControlDoor
    from cometary.doors.door import Listener
    from cometary.doors.others import Others
    from cometary.nodes.handshake import Identity
    from cometary.packets.contract_table import Contracts
    from cometary.packets.receipts import ReceiptLog
    from cometary.server.front_end import FrontEnd
    from cometary.sessions.directory import Directory
    from cometary.sessions.flow import Flow
    from cometary.sessions.locator import Place
    from cometary.settings import Settings
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.http.limits import Limits
    from cometary.transport.http.service import Service

T = TypeVar("T")

BEGIN: Final = 5.0
"""Seconds."""

NAME_PAUSE: Final = 0.5
"""Seconds between two attempts to take over a name."""

logger = get_logger("cometary.nodes")


class Ousted:
    """Whether another node has the name of this one, which is then to stop: its sessions can no longer be found."""

    def __init__(self) -> None:
        self._event = trio.Event()
        self._error: NodeNameError | None = None

    def note(self, error: NodeNameError) -> None:
        """Take note of it."""
        self._error = error
        self._event.set()

    async def wait(self) -> NodeNameError:
        """Wait until that is so; returns what to say of it."""
        await self._event.wait()
        assert self._error is not None  # noqa: S101 - see `note`
        return self._error


class OtherNodes:
    """The other nodes (`Colleagues`).

    Args:
        settings: how this one is set up.
        own: who it is.
        cluster: knows who is there.

    Attributes:
        peers: all of them.
        others: the same, as operators reach them from this one.
        ousted: tells when another node has this one's name.
        finding: finds sessions that can outlive their node; None if none can.
    """

    def __init__(self, settings: Settings, own: Identity, cluster: Cluster) -> None:
        self._node = own.node
        self._tag = tag_of_node(self._node)
        self._lease = settings.lease
        self._cluster = cluster
        self._own = own
        self.peers = Peers(own, cluster, settings.comet)
        self.others: Others = OthersOfNode(self._node, self.peers)
        self.ousted = Ousted()
        cluster.watch_ousted(self.ousted.note)
        self._engine: NodesEngine | None = None
        self._receipts: ReceiptLog | None = None
        self._recording: Recording | None = None
        self.finding: Finding | None = None

    # -- what the server asks (`Colleagues`)

    place: tuple[int, int] | None = None
    """Nodes have no numbers."""

    def once(self, what: Sequence[T]) -> Sequence[T]:
        """Return all of it: what a node runs, it runs for its own sessions."""
        return what

    def new_sid(self) -> str:
        """Return an id for a session of this one."""
        return new_sid() + self._tag

    def engine(self, local: Engine, contracts: Contracts, flow: Flow) -> NodesEngine:
        """Return what passes on publications."""
        peers = self.peers
        self._engine = peers.watcher = engine = NodesEngine(
            local, contracts, flow, peers.others, self._cluster, say=peers.say, receipts=self._receipts
        )
        peers.route = engine.route
        return engine

    def locator(self, directory: Directory) -> LocatorWithColleagues:
        """Return what finds sessions."""
        return LocatorWithColleagues(directory, self.place_of)

    def note_recording(self, recording: Recording, directory: Directory) -> None:
        """Begin to find sessions that can outlive their node (rule 5)."""
        self._recording = recording
        assert self._engine is not None  # noqa: S101 - sessions are opened by a server that can publish
        self._engine.settled = recording.has_settled
        recording.keeps, recording.read_log = self._engine.keeps, self._engine.history
        self.finding = Finding(self.peers, directory, recording, self.peers.serve)

    def note_receipts(self, receipts: ReceiptLog) -> None:
        """Take note of them: each node gives those of its own sessions, of which there may be none."""
        self._receipts = receipts

    def spread(self, listener: Listener, limits: Limits) -> Listener:  # noqa: ARG002
        """Return the same: the proxy in front of the nodes shares out the clients."""
        return listener

    def seen_at(self, addresses: Mapping[str, Address | UnixAddress]) -> Mapping[str, Address | UnixAddress]:
        """Return the same."""
        return addresses

    def meet(
        self,
        front_end: FrontEnd,
        control: ControlDoor | None,
        clients: Service,
        gaps: Callable[[str | None], object],
    ) -> None:
        """Take note that the server takes clients."""
        engine = self._engine
        assert engine is not None  # noqa: S101 - a server has one before it has clients
        engine.gaps = gaps

        def missed(path: str | None) -> None:
            engine.missed()
            gaps(path)

        service, answer = (None, None) if control is None else (control.service, control.answer)
        self.peers.meet(Home(front_end, clients, service, missed, answer))
        if self._recording is not None:
            self._recording.take_back()

    async def join(self, cluster: Cluster | None) -> None:
        """Join the others (rule 2).

        Raises:
            EngineError: the engine cannot be used; the operator's fault, as all of these.
            NodeNameError: another node has this one's name.
            ConfigError: this node does not go together with another one.
        """
        assert cluster is self._cluster  # noqa: S101 - `serve` was given both
        await self._take_name(trio.current_time() + self._lease + 1)
        self.peers.begin()
        with trio.move_on_after(BEGIN):
            await self.peers.complete.wait()
        self.peers.dialing.check()
        for peer in self.peers.missing:
            text = f"node {peer.node} at {peer.address} is not linked with this one yet"
            logger.warning("node missing", text=text, node=peer.node, address=peer.address)

    @asynccontextmanager
    async def linked(self, sockets: Sequence[socket.socket]) -> AsyncGenerator[None]:
        """Keep the links with the others until the end of the block, and give the lease back then.

        Args:
            sockets: where the others dial this one.
        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self.peers.keep)
            nursery.start_soon(self.peers.dialing.take_callers, sockets)
            yield
            await self._cluster.leave()
            nursery.cancel_scope.cancel()

    async def leave(self) -> None:
        """Have what this one's clients wait for answered, stop dialing, and refuse those that dial."""
        await self.peers.leave()

    async def _take_name(self, until: float) -> None:
        """Take out the lease; a node that was killed has its name as long as its own lasts."""
        while True:
            try:
                return await self._cluster.join(self._own.address)
            except NodeNameError:
                if trio.current_time() + NAME_PAUSE > until:
                    raise
            await trio.sleep(NAME_PAUSE)

    # -- where sessions are

    def forward_of(self, sid: str) -> Callable[[Exchange], None] | None:
        """Return what forwards requests of a session; None if it is here, or nowhere."""
        if self.finding is not None:
            return self.finding.forward_of(sid)
        peer = self.peers.with_tag(tag_of(sid) or "")
        return None if peer is None or peer.gone else peer.forwarding.forward

    def place_of(self, sid: str) -> Place | None:
        """Return where a session is; None if it is here, or nowhere, which the directory knows."""
        if self.finding is not None:
            return self.finding.find(sid)
        tag = tag_of(sid)
        return None if tag is None or tag == self._tag else self._place_of_node(tag)

    def _place_of_node(self, tag: str) -> Place:
        """Return where the sessions of another node are."""
        peer = self.peers.with_tag(tag)
        if peer is not None and not peer.gone:
            return peer.place
        if peer is None and self._cluster.state != "up":
            return UNSURE  # a node may have come of which the engine has not told
        return Gone(None)

    # -- what operators see

    def listed(self) -> list[dict[str, Any]]:
        """Return all nodes as plain data, this one first."""
        own = {"node": self._node, "address": self._own.address, "state": "here"}
        return [own, *(peer.as_dict() for peer in self.peers)]

    def statistics(self) -> dict[str, int]:
        """Return what is counted."""
        peers = [*self.peers]
        return {
            "nodes_there": 1 + sum(not peer.gone for peer in peers),
            "nodes_links": sum(peer.is_dialed + peer.has_dialed for peer in peers),
            "nodes_forwarded": sum(peer.forwarding.total for peer in peers),
            "nodes_tunnelled": sum(peer.tunnelled for peer in peers),
            "nodes_waiting": sum(peer.forwarding.waiting for peer in peers),
        }


def _ask_again(exchange: Exchange) -> None:
    exchange.refuse(come_back())


UNSURE: Final = Elsewhere("", hang_up, _ask_again)
"""Where a session is of which nobody can know: the engine is away."""
