"""A server that is one of several nodes: what it has of the others (`Colleagues`).

1.  The end of a session's id is the tag of the node that has it. What comes for another node's session is forwarded to
    that: single requests, so that a proxy may share its connections among clients, and whole connections once they are
    WebSockets. Who is there is told by the engine; where a session is, nobody has to be asked.
2.  A node takes clients when it has a link to each node that is there, and each of these has one to it: so no request
    comes for a session of a node that is not known, and nothing is published past it. A node that cannot be
    reached is waited for `BEGIN` seconds, and said to be missing.
3.  What is published here is routed here at once, and sent to the others (`publications`).
4.  A node that has a session and does not answer is not taken for gone before its lease has run out, or its address
    refuses connections. Until then its clients are told to ask again.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from cometary.errors import MailboxFullError, NodeNameError, NodeRefusedError, UsageError
from cometary.log import get_logger
from cometary.nodes.accepted import Home
from cometary.nodes.dialing import Dialing
from cometary.nodes.forwarding import come_back
from cometary.nodes.handshake import Hello, Identity
from cometary.nodes.link import Flushing
from cometary.nodes.peer import Peer
from cometary.nodes.publications import PAUSE, NodesEngine, Others
from cometary.nodes.tunnels import hang_up
from cometary.sessions.ids import new_sid, tag_of, tag_of_node
from cometary.sessions.locator import Elsewhere, Gone

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from cometary.cluster.engine import Engine as Cluster
    from cometary.config.kinds import Address, UnixAddress
    from cometary.dispatch.engine import Engine
    from cometary.doors.control.door import ControlDoor
    from cometary.doors.door import Listener
    from cometary.nodes.link import Link
    from cometary.nodes.messages import Told
    from cometary.packets.contract_table import Contracts
    from cometary.packets.receipts import ReceiptLog
    from cometary.server.front_end import FrontEnd
    from cometary.sessions.directory import Directory
    from cometary.sessions.flow import Flow
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.locator import Place
    from cometary.settings import Settings
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.http.service import Service

T = TypeVar("T")

BEGIN: Final = 5.0
"""Seconds."""

NAME_PAUSE: Final = 0.5
"""Seconds between two attempts to take over a name."""

logger = get_logger("cometary.nodes")


class Nodes:
    """The other nodes.

    Args:
        settings: how this one is set up; it has a name.
        address: where the others reach this one.
        cluster: knows who is there.
    """

    place: tuple[int, int] | None = None

    def __init__(self, settings: Settings, address: str, cluster: Cluster) -> None:
        assert settings.node is not None  # noqa: S101 - see `NodeSection.check`
        assert settings.node_secret is not None  # noqa: S101
        self._node = settings.node
        self._tag = tag_of_node(self._node)
        self._comet = settings.comet
        self._lease = settings.lease
        self._cluster = cluster
        self._own = Identity(self._node, secrets.token_hex(8), address, settings.node_secret.encode())
        self._flushing = Flushing()
        self._others = Others(lambda: [each.outgoing for each in self._peers.values() if not each.gone])
        self._peers: dict[str, Peer] = {}
        self._by_tag: dict[str, Peer] = {}
        self._home: Home | None = None
        self._links: list[tuple[Link, socket.socket]] = []  # those that came before there was a home
        self._engine: NodesEngine | None = None
        self._behind = trio.Event()
        self._changed = trio.Event()
        self._complete = trio.Event()
        self.dialing = Dialing(self._own, self)

    # -- what the server asks (`Colleagues`)

    def once(self, what: Sequence[T]) -> Sequence[T]:
        """Return all of it: what a node runs, it runs for its own sessions."""
        return what

    def new_sid(self) -> str:
        """Return an id for a session of this one."""
        return new_sid() + self._tag

    def engine(self, local: Engine, contracts: Contracts, flow: Flow) -> NodesEngine:
        """Return what passes on publications."""
        self._engine = NodesEngine(
            local,
            contracts,
            flow,
            self._others,
        )
        return self._engine

    def locator(self, directory: Directory) -> NodesLocator:
        """Return what finds sessions."""
        return NodesLocator(directory, self)

    def spread(self, listener: Listener) -> Listener:
        """Return the same: whoever stands in front of the nodes shares out who connects."""
        return listener

    def note_receipts(self, receipts: ReceiptLog) -> None:
        """Do nothing: a back-end asks the node that it has told to update."""

    def seen_at(self, addresses: Mapping[str, Address | UnixAddress]) -> Mapping[str, Address | UnixAddress]:
        """Return the same: each node has a control interface of its own."""
        return addresses

    def meet(self, front_end: FrontEnd, control: ControlDoor | None, clients: Service) -> None:
        """Take note that the server takes clients."""
        self._home = Home(front_end, clients, None if control is None else control.service)
        links, self._links = self._links, []
        for link, sock in links:
            self._serve(link, sock)

    # -- joining

    async def join(self, cluster: Cluster | None) -> None:
        """Join the others (rule 2).

        Raises:
            EngineError: the engine cannot be used; the operator's fault, as all of these.
            NodeNameError: another node has this one's name.
            ConfigError: this node does not go together with another one.
        """
        assert cluster is self._cluster  # noqa: S101
        with trio.move_on_after(
            self._lease + 1
        ) as patience:  # a node that was killed has its name for so long
            while True:
                try:
                    await self._cluster.join(self._own.address)
                    break
                except NodeNameError:
                    if trio.current_time() + NAME_PAUSE > patience.deadline:
                        raise
                await trio.sleep(NAME_PAUSE)
        self._cluster.watch(self._has_gone)
        self._look_who_is_there()
        with trio.move_on_after(BEGIN):
            await self._complete.wait()
        self.dialing.check()
        for peer in self._missing():
            text = f"node {peer.node} at {peer.address} is not linked with this one yet"
            logger.warning("node missing", text=text, node=peer.node, address=peer.address)

    def _missing(self) -> list[Peer]:
        return [
            each for each in self._peers.values() if not (each.gone or (each.is_dialed and each.has_dialed))
        ]

    async def keep(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the links, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._flushing.run)
            nursery.start_soon(self._keep_looking)
            nursery.start_soon(self._catch_up)
            self.dialing.start_soon = nursery.start_soon
            task_status.started()
            await trio.sleep_forever()

    async def _keep_looking(self) -> None:
        while True:
            with trio.move_on_after(1):
                await self._changed.wait()
                self._changed = trio.Event()
            self._look_who_is_there()
            now = trio.current_time()
            for peer in self._peers.values():
                if not peer.gone and not peer.has_links and self._cluster.state == "up":
                    self._see_whether_it_has_gone(peer)
                peer.look(now)

    def _see_whether_it_has_gone(self, peer: Peer) -> None:
        if not self._cluster.alive(peer.node):  # it has dialed, and ended before the engine told of it
            self._has_gone(peer.node)

    def _look_who_is_there(self) -> None:
        """Dial whoever is there, and has not been reached."""
        for node, address in self._cluster.addresses().items():
            try:
                peer = self.peer(node)
            except NodeRefusedError as error:
                self.dialing.note(node, address, str(error), fault=True)
                continue
            peer.address = address or peer.address
            if peer.gone:
                self.dialing.dial(peer)  # it may have come back
        for peer in self._peers.values():
            if not (peer.gone or peer.is_dialed):
                self.dialing.dial(peer)
        if not self._missing():
            self._complete.set()

    def _note_change(self) -> None:
        self._changed.set()

    def _has_gone(self, node: str) -> None:
        peer = self._peers.get(node)
        if peer is not None and not peer.gone:
            logger.warning("node gone", text=f"the lease of node {node} has run out", node=node)
            peer.has_gone()

    # -- what dialing tells

    def peer(self, node: str) -> Peer:
        """Return what is known of a node.

        Raises:
            NodeRefusedError: its name cannot be told from another one's; the operator's fault.
        """
        peer = self._peers.get(node)
        if peer is None:
            peer = Peer(node, self._flushing, self._others.lock, self._comet, self._note_change)
            other = self._by_tag.get(peer.tag)
            if peer.tag == self._tag or other is not None:
                same = self._node if other is None else other.node
                raise NodeRefusedError(f"the names {node!r} and {same!r} look the same in ids: change one")
            self._peers[node] = self._by_tag[peer.tag] = peer
        return peer

    def dialed(self, peer: Peer, heard: int | None, sock: socket.socket) -> None:
        """Take a link to a node."""
        self._serve(peer.dialed(heard), sock)
        self._look_who_is_there()

    def heard_of(self, hello: Hello) -> int | None:
        """Return the number of the last packet of a node that has come; None if none has."""
        return self.peer(hello.node).incoming_of(hello.incarnation, self._route).heard

    def accepted(self, hello: Hello, sock: socket.socket) -> None:
        """Take a link from a node."""
        peer = self.peer(hello.node)
        peer.address = hello.address
        self._serve(peer.accepted(hello.incarnation, self._at_home, self._route), sock)
        if not peer.is_dialed:
            self.dialing.dial(peer)
        self._look_who_is_there()

    def refused(self, peer: Peer) -> None:
        """Take note that nobody listens where a node is (rule 4)."""
        if not peer.gone and not peer.has_dialed:
            text = f"node {peer.node} has gone: nobody listens at {peer.address}"
            logger.warning("node gone", text=text, node=peer.node)
            peer.has_gone()

    def faulty(self) -> None:
        """Take note that this node cannot start: it waits for nobody."""
        self._complete.set()

    def _serve(self, link: Link, sock: socket.socket) -> None:
        if link.ended:
            sock.close()
        elif self._home is None:
            self._links.append((link, sock))
        elif not self._home.front_end.serve(sock, "", link.speak):
            link.close()

    def _at_home(self) -> Home:
        if self._home is None:
            raise UsageError("a link is served before its node is")
        return self._home

    def _route(self, told: Told, until: float) -> None:
        if self._engine is not None:
            try:
                self._engine.route(told, until)
            except MailboxFullError:
                self._behind.set()
                raise

    async def _catch_up(self) -> None:
        """Route what could not be routed when it came."""
        while True:
            await self._behind.wait()
            await trio.sleep(PAUSE)
            self._behind = trio.Event()
            for peer in self._peers.values():
                if peer.incoming is not None:
                    peer.incoming.go_on()

    # -- where sessions are

    def place_of(self, tag: str) -> Place | None:
        """Return where the sessions of a node are; None if they are here."""
        if tag == self._tag:
            return None
        peer = self._by_tag.get(tag)
        if peer is not None and not peer.gone:
            return peer.place
        if peer is None and self._cluster.state != "up":
            return UNSURE  # a node may have come of which the engine has not told
        return Gone(None)

    # -- what operators see

    def listed(self) -> list[dict[str, Any]]:
        """Return all nodes as plain data, this one first."""
        own = {"node": self._node, "address": self._own.address, "state": "here"}
        return [own, *(peer.as_dict() for peer in self._peers.values())]

    def statistics(self) -> dict[str, int]:
        """Return what is counted."""
        peers = self._peers.values()
        return {
            "nodes_there": 1 + sum(not peer.gone for peer in peers),
            "nodes_links": sum(peer.is_dialed + peer.has_dialed for peer in peers),
            "nodes_forwarded": sum(peer.forwarding.total for peer in peers),
            "nodes_tunnelled": sum(peer.tunnelled for peer in peers),
            "nodes_waiting": sum(peer.forwarding.waiting for peer in peers),
        }


def _ask_again(exchange: Exchange) -> None:
    exchange.refuse(come_back("that may have come meanwhile"))


UNSURE: Final = Elsewhere("", hang_up, _ask_again)
"""Where a session is of which nobody can know: the engine is away."""


class NodesLocator:
    """Finds sessions, here and at other nodes.

    Args:
        directory: knows those that are here.
        nodes: know the others.
    """

    def __init__(self, directory: Directory, nodes: Nodes) -> None:
        self._directory = directory
        self._nodes = nodes

    @property
    def living(self) -> dict[str, SessionKeeper]:
        """The sessions that live here."""
        return self._directory.living

    def find(self, sid: str) -> Place:
        """Say where a session is; see `Locator.find`."""
        tag = tag_of(sid)
        place = None if tag is None else self._nodes.place_of(tag)
        return self._directory.find(sid) if place is None else place
