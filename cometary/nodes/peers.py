"""All other nodes, as one node knows them: whom the engine counts as there, and the links with them.

1.  Every node that the engine says is there is dialed, and so is every node that has dialed. That goes on until there
    is a link.
2.  A node whose lease has run out may only have lost its connection to the engine. It is taken for gone if there is
    no link to it, or if it does not answer on that link; it is forgotten `FORGOTTEN` seconds later.
3.  What comes before this node takes clients waits in the kernel: links are served when there is a home.
4.  A failure is logged, and ends nothing: the links are looked after as long as the node is there.
5.  A node that is dialed names the nodes that it is linked with. One that the engine knows nothing of is then dialed
    too, and for `NAMED` seconds is not taken for gone even if it cannot be reached: its clients are told to ask
    again.
6.  When this node has stopped, it tells all others that it leaves, and these answer what they hold for its clients,
    for `LAST_WORDS` seconds at most. Then there are no more links, and anyone still waiting for an answer over one has
    to ask another node: the connection is closed, and a proxy or a client understands that. A node that dials after
    that is hung up on before it has a link: it would lose the link at once, and dial again without a pause. Nor does
    this node look at who is there any longer.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import MailboxFullError, NodeRefusedError, UsageError
from cometary.log import get_logger
from cometary.nodes.dialing import Dialing
from cometary.nodes.handshake import Welcome
from cometary.nodes.link import Flushing
from cometary.nodes.peer import Peer
from cometary.nodes.publications import PAUSE, Others
from cometary.nodes.watcher import NOBODY
from cometary.sessions.ids import tag_of_node
from cometary.sessions.locator import unknown_session

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Iterator

    from cometary.cluster.engine import Engine as Cluster
    from cometary.nodes.accepted import Home
    from cometary.nodes.handshake import Hello, Identity, Proof
    from cometary.nodes.link import Link
    from cometary.nodes.messages import Told
    from cometary.nodes.watcher import Watcher
    from cometary.transport.http.exchange import Exchange

FORGOTTEN: Final = 600.0

LAST_WORDS: Final = 5.0
"""Seconds."""

ONCE_MORE: Final = 0.05
"""Seconds after which that is said again: a request may have been on its way, or waited for a handler."""

logger = get_logger("cometary.nodes")


class Peers:
    """All other nodes, and the links with them.

    Args:
        own: who this node is.
        cluster: knows who is there.
        comet: the path of the clients' endpoint.

    Attributes:
        dialing: makes links.
        others: what is published for all of them.
        route: routes here what another node has published; None until that is possible.
        watcher: who else has something to tell each node.
        complete: whether all that are there are linked with this one, or one of them cannot be.
    """

    def __init__(self, own: Identity, cluster: Cluster, comet: str) -> None:
        self._own = own
        self._tag = tag_of_node(own.node)
        self._cluster = cluster
        self._comet = comet
        self._flushing = Flushing()
        self._peers: dict[str, Peer] = {}
        self._by_tag: dict[str, Peer] = {}
        self._home: Home | None = None
        self._links: list[tuple[Link, socket.socket]] = []  # those that came before there was a home
        self._left = False
        self._behind = trio.Event()
        self._changed = trio.Event()
        self._all: tuple[Peer, ...] = ()  # replaced as a whole: whoever publishes walks it, in any thread
        self.others = Others(
            lambda: [each.outgoing for each in self._all if not each.gone],
            lambda: [each.outgoing for each in self._all if each.gone],
        )
        self.route: Callable[[Told, float], None] | None = None
        self.watcher: Watcher = NOBODY
        self.complete = trio.Event()
        self.dialing = Dialing(own, self)

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._peers.values())

    def with_tag(self, tag: str) -> Peer | None:
        """Return the node whose sessions' ids end so; None if no such node is known."""
        return self._by_tag.get(tag)

    def named(self, node: str) -> Peer | None:
        """Return the node of this name; None if no such node is known."""
        return self._peers.get(node)

    def serve(self, exchange: Exchange) -> None:
        """Answer here a request that was to be forwarded; never raises."""
        home = self._at_home()
        service = home.clients if exchange.path == self._comet else home.control
        if service is None:
            exchange.refuse(unknown_session())
        else:
            service.serve_forwarded(exchange)

    def meet(self, home: Home) -> None:
        """Serve all links, now that this node takes clients."""
        self._home = home
        self._flushing.attach(home.front_end)
        links, self._links = self._links, []
        for link, sock in links:
            self._serve(link, sock)

    def begin(self) -> None:
        """Dial every node that is there, and answer those that dial, now that this one has joined them."""
        self.dialing.begin()
        self._cluster.watch(self._may_have_gone)
        self._look_who_is_there()

    async def leave(self) -> None:
        """Have no more links (rule 6)."""
        self._left = True
        with trio.move_on_after(LAST_WORDS):
            while self._say_leaving():  # noqa: ASYNC110 - what waits may be on its way there
                await trio.sleep(ONCE_MORE)
        for peer in self._peers.values():
            peer.forwarding.leave()

    def _say_leaving(self) -> bool:
        """Tell all others; returns whether one of them has still to answer something."""
        peers = [*self._peers.values()]
        for peer in peers:
            peer.say_leaving(last=True)
        return any(peer.forwarding.waiting for peer in peers)

    @property
    def missing(self) -> list[Peer]:
        """Those that are there, and not linked with this one."""
        return [each for each in self._peers.values() if not (each.gone or each.is_linked)]

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
            with _logged("looking after the other nodes failed"):
                self._look_who_is_there()
            for peer in [*self._peers.values()]:
                with _logged(f"looking after node {peer.node} failed"):
                    self._look_at(peer, trio.current_time())

    def _look_at(self, peer: Peer, now: float) -> None:
        knows = not self._left and self._cluster.state == "up" and not self._cluster.alive(peer.node)
        if peer.refused and not peer.has_links:
            self.refused(peer)
        if knows and not peer.gone and peer.is_silent(now):
            self._has_gone(peer)
        elif knows and peer.gone and now > peer.gone_since + FORGOTTEN:
            del self._peers[peer.node], self._by_tag[peer.tag]
            self._all = (*self._peers.values(),)
        peer.look(now)

    def _look_who_is_there(self) -> None:
        """Dial every node that is there and has not been reached."""
        if self._left:
            return
        for node, address in self._cluster.addresses().items():
            if not address:
                continue  # no node: a server by itself, which only records its sessions there
            try:
                peer = self.peer(node)
            except NodeRefusedError as error:
                self.dialing.note(node, address, str(error), fault=True)
                continue
            peer.address = address
            if peer.gone:
                self.dialing.dial(peer)  # it may have come back
        for peer in self._peers.values():
            if not (peer.gone or peer.is_dialed):
                self.dialing.dial(peer)
        if not self.missing:
            self.complete.set()

    def note_change(self) -> None:
        """See soon who has to be dialed."""
        self._changed.set()

    def _may_have_gone(self, node: str) -> None:
        """The lease of a node has run out (rule 2)."""
        peer = self._peers.get(node)
        if peer is not None:
            self._look_at(peer, trio.current_time())

    def _has_gone(self, peer: Peer) -> None:
        text = f"node {peer.node} has gone: its lease has run out, and it does not answer"
        logger.warning("node gone", text=text, node=peer.node)
        peer.has_gone()

    def say(self, payload: bytes) -> None:
        """Tell each of them something that is repeated on its next link."""
        for peer in self._all:
            peer.say(payload)

    # -- what dialing tells

    def peer(self, node: str) -> Peer:
        """Return what is known of a node.

        Raises:
            NodeRefusedError: its name cannot be told from another one's; the operator's fault.
        """
        peer = self._peers.get(node)
        if peer is None:
            told = self.note_change
            peer = Peer(node, self._flushing, self.others, self._comet, told, watcher=lambda: self.watcher)
            other = self._by_tag.get(peer.tag)
            if peer.tag == self._tag or other is not None:
                same = self._own.node if other is None else other.node
                raise NodeRefusedError(f"the names {node!r} and {same!r} look the same in ids: change one")
            self._peers[node] = self._by_tag[peer.tag] = peer
            self._all = (*self._peers.values(),)
        return peer

    async def check(self, hello: Hello) -> None:
        """See whether a process is still the node whose name it has: it may have hung until another one took it.

        Raises:
            NodeRefusedError: another one is, according to the engine.
        """
        named = self._cluster.incarnation_of
        if named(hello.node) not in {"", hello.incarnation}:
            await self._cluster.look()  # it may be the new one, of which nothing was heard yet
            if named(hello.node) not in {"", hello.incarnation}:
                raise NodeRefusedError(f"another process is now the node {hello.node!r}")

    def dialed(self, peer: Peer, hello: Hello, proof: Proof, sock: socket.socket) -> None:
        """Take a link to a node, which names those that it is linked with."""
        self._serve(peer.dialed(hello.incarnation, proof.heard), sock)
        self._learn(proof.others)
        self._look_who_is_there()

    async def welcome(self, hello: Hello) -> Welcome:
        """Return what to tell a node that has dialed.

        Raises:
            NodeRefusedError: another process is that node by now, according to the engine.
            ConnectionAbortedError: this node has stopped (rule 6); nobody's fault.
        """
        if self._left:
            raise ConnectionAbortedError("this node has stopped")
        await self.check(hello)
        heard = self.peer(hello.node).incoming_of(hello.incarnation, self._route).heard
        linked = [each for each in self._peers.values() if each.is_dialed and each.node != hello.node]
        return Welcome(heard, tuple((each.node, each.address) for each in linked))

    def _learn(self, others: tuple[tuple[str, str], ...]) -> None:
        """Take note of nodes that another one is linked with: the engine need not know of them (rule 5)."""
        for node, address in others:
            try:
                peer = self.peer(node)
            except NodeRefusedError:
                continue  # this one, or one that looks the same
            if not peer.has_links:
                peer.named_at = trio.current_time()
                peer.address = peer.address or address
                peer.gone = False

    def accepted(self, hello: Hello, sock: socket.socket) -> None:
        """Take a link from a node."""
        peer = self.peer(hello.node)
        peer.address = hello.address
        self._serve(peer.accepted(hello.incarnation, self._at_home, self._route), sock)
        if not (peer.is_dialed or self._left):
            self.dialing.dial(peer)
        self._look_who_is_there()

    def refused(self, peer: Peer) -> None:
        """Take note that nobody listens where a node is (`cometary.nodes.peer`, rule 2)."""
        peer.refused = (
            peer.has_dialed
        )  # the other link of a process that has ended may be noticed after this one
        if not peer.gone and not peer.has_dialed:
            text = f"node {peer.node} has gone: nobody listens at {peer.address}"
            logger.warning("node gone", text=text, node=peer.node)
            peer.has_gone()

    def faulty(self) -> None:
        """Take note that this node cannot start: it waits for nobody."""
        self.complete.set()

    def _serve(self, link: Link, sock: socket.socket) -> None:
        if link.ended or self._left:
            link.close()
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
        if self.route is not None:
            try:
                self.route(told, until)
            except MailboxFullError:
                self._behind.set()
                raise

    async def _catch_up(self) -> None:
        """Route what could not be routed when it came."""
        while True:
            await self._behind.wait()
            await trio.sleep(PAUSE)
            self._behind = trio.Event()
            for peer in [*self._peers.values()]:
                if peer.incoming is not None:
                    with _logged(f"routing updates of node {peer.node} failed"):
                        peer.incoming.go_on()


@contextmanager
def _logged(text: str) -> Generator[None]:
    """Log what fails (rule 4)."""
    try:
        yield
    except Exception:
        logger.exception("nodes failed", text=text)
