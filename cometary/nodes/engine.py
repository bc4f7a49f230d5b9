"""The engine of a node, as its hub sees it: what is published here reaches the sessions of all nodes.

1.  What is published to a path without a history is routed here at once, and sent to the others (`publications`). For
    that the engine of the cluster is asked nothing.
2.  What is published to a path with one is numbered and kept by the engine of the cluster first (`histories`): one
    operation, however many hear it. Whoever waits for it has waited until no end of a node can lose it.
3.  While the engine is away, no more than `MOST_PENDING` wait for their numbers: one more is refused
    (`MailboxFullError`). Who waits longer than `PATIENCE` is told to send it again, under the same idempotency key: it
    may still be numbered.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from itertools import count
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import trio

from cometary.actors import Future
from cometary.cluster.path_logs import Addition
from cometary.dispatch.dispatcher import as_wished
from cometary.dispatch.engine import no_server
from cometary.errors import MailboxFullError, ProtocolError
from cometary.nodes.histories import NodeHistories
from cometary.nodes.members import NodeMembers
from cometary.nodes.messages import Told, encode
from cometary.nodes.path_order import Numbered
from cometary.nodes.wishes import Wishes
from cometary.packets.published import as_packet, as_published, encoded
from cometary.packets.receipts import Receipt
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.flow import MOST_PENDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors import ActorRef
    from cometary.cluster.engine import Engine as Cluster
    from cometary.cluster.path_logs import Appended, LogShelf
    from cometary.dispatch.engine import Engine
    from cometary.nodes.link import Link
    from cometary.nodes.messages import State
    from cometary.nodes.peer import Peer
    from cometary.nodes.publications import Others
    from cometary.packets.contract_table import Contracts
    from cometary.packets.packet import Packet
    from cometary.packets.published import Published
    from cometary.packets.receipts import ReceiptLog
    from cometary.sessions.flow import Flow

PATIENCE: Final = 10.0
"""Seconds."""


class Unnumbered(NamedTuple):
    """An update that waits for its number.

    Attributes:
        packet: the update.
        published: what is told of it.
        taken: told when it has it.
        until: when whoever waits is told to send it again, by the monotonic clock.
    """

    packet: Packet
    published: Published
    taken: Future[None]
    until: float


class NodesEngine:
    """It; see `cometary.dispatch.engine`.

    Args:
        local: routes here what has no history.
        contracts: what becomes of packets where a session is too slow for them.
        flow: knows how much is still to be routed here.
        others: what is kept for each other node.
        cluster: keeps histories, and knows who is there.
        say: tells each other node something that it is told again by its next link.
        receipts: told of updates that nobody here hears.

    Attributes:
        gaps: tells the sessions here that hear a path that something is missing.
    """

    def __init__(
        self,
        local: Engine,
        contracts: Contracts,
        flow: Flow,
        others: Others,
        cluster: Cluster,
        *,
        say: Callable[[bytes], object] = lambda _: None,
        receipts: ReceiptLog | None = None,
    ) -> None:
        self._local = local
        self._contracts = contracts
        self._flow = flow
        self._others = others
        self._cluster = cluster
        self._receipts = receipts
        self._number = 0
        self._thread = get_ident()
        self._token = trio.lowlevel.current_trio_token()
        self._dispatcher: ActorRef[Any] | None = None
        self._tokens = count()
        self._unnumbered: OrderedDict[int, Unnumbered] = OrderedDict()
        self._wishes = wishes = Wishes()
        self.gaps: Callable[[str], object] = _nobody
        self._histories = NodeHistories(contracts, cluster, wishes, self._route_kept, self._tell_gap)
        self.members = NodeMembers(say)
        self.history = self._histories.read

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Let `dispatcher` route from now on."""
        self._dispatcher = dispatcher
        self._local.attach(dispatcher)

    async def run(self) -> None:
        """Look after what is kept, and what is wanted, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._histories.run)
            while True:
                await trio.sleep(1)
                self._let_go_of_those_who_wait()
                self._end_orphans()
                if self._wishes.take_lapsed(trio.current_time()):
                    self._histories.drop()

    # -- what other nodes are told, and tell (`Watcher`)

    def linked(self, peer: Peer, link: Link) -> None:  # noqa: ARG002 - all are told the same
        """Tell a node who is here."""
        for payload in self.members.census():
            link.put(payload)

    def lost(self, peer: Peer) -> None:
        """Read what a node that has gone may have told nobody of, and wait for its lease to run out."""
        self._histories.catch_up()
        self.members.orphaned.add(peer.node)

    def hear(self, peer: Peer, message: State) -> None:
        """Take note of who is at another node."""
        self.members.hear(peer.node, message)

    def missed(self) -> None:
        """Read what was thrown away for this node, as far as it is kept."""
        self._histories.catch_up()

    def _end_orphans(self) -> None:
        for node in [node for node in self.members.orphaned if not self._cluster.alive(node)]:
            self.members.end(node)

    # -- what is heard here

    def interest(self, pattern: str, *, wanted: bool) -> None:
        """Take note of what is heard here; see `Engine.interest`."""
        if self._wishes.note(pattern, trio.current_time(), wanted=wanted):
            self._histories.want(pattern)

    # -- what is published here

    def publish(self, packet: Packet) -> Future[None] | None:
        """Have a packet reach the sessions of all nodes; see `Engine.publish`."""
        published = as_published(packet)
        payload = encoded(published)  # what cannot travel is refused before anything is sent
        shelf = self._histories.shelf_of(packet.path)
        if shelf is not None:
            return self._have_numbered(shelf, packet, published, payload)
        with self._others.lock:
            self._check_room()
            taken = self._local.publish(packet)
            self._tell(published)
        self._on_loop(self._others.go_on)
        return taken

    def _check_room(self) -> None:
        if any(each.full for each in self._others.there()):
            raise MailboxFullError("far too much waits for another node")

    def _tell(self, published: Published, epoch: str = "", offset: int = 0, before: int = 0) -> None:
        """Have the others told; the lock is held."""
        self._number += 1
        payload = encode(Told(self._number, published, epoch, offset, before))
        for each in self._others.there():
            each.add(self._number, payload)
        for each in self._others.away():
            each.skip(self._number)
        self._others.number = self._number

    def _on_loop(self, call: Callable[[], object]) -> None:
        if get_ident() == self._thread:
            call()
        else:
            self._token.run_sync_soon(call)

    # -- what is numbered first (rule 2)

    def _have_numbered(
        self, shelf: LogShelf, packet: Packet, published: Published, payload: bytes
    ) -> Future[None]:
        if self._dispatcher is None:
            raise no_server()
        with self._others.lock:
            self._check_room()
            if len(self._unnumbered) >= MOST_PENDING:
                raise MailboxFullError(f"{MOST_PENDING} updates wait for their numbers")
            token, taken = next(self._tokens), Future[None]()
            self._unnumbered[token] = Unnumbered(packet, published, taken, monotonic() + PATIENCE)
        new = Addition(packet.path, payload, packet.size)
        self._on_loop(partial(self._cluster.append, shelf, new, partial(self._numbered, token)))
        return taken

    def _numbered(self, token: int, appended: Appended) -> None:
        packet, published, taken, _ = self._unnumbered.pop(token)
        with self._others.lock:
            self._tell(published, appended.epoch, appended.number, appended.before)
        self._others.go_on()
        if not self._histories.take(packet.path, Numbered(*appended[1:], packet)):
            self._route_to_nobody(packet)
        taken.offer()

    def _route_to_nobody(self, packet: Packet) -> None:
        """Take note that nobody here hears an update: who comes to hear it meanwhile reads it."""
        if isinstance(packet, TrackedPacket) and packet.receipt is not None and self._receipts is not None:
            self._receipts.add(Receipt(packet.receipt, "routed", packet.path, sessions=0))

    def _let_go_of_those_who_wait(self) -> None:
        with self._others.lock:
            waiting = [*self._unnumbered.values()]
        for unnumbered in waiting:
            if unnumbered.until > monotonic():
                break
            detail = (
                "the engine is away, and the update may still be sent: repeat it, under its idempotency key"
            )
            unnumbered.taken.offer(error=ProtocolError("shutting-down", detail, retry_after=1))

    # -- what another node has published

    def route(self, told: Told, until: float) -> None:
        """Route what another node has published.

        Args:
            told: the packet.
            until: until when sessions that are behind are waited for, by Trio's clock.

        Raises:
            MailboxFullError: it is to be tried again.
        """
        packet = as_packet(told.published, self._contracts)
        if trio.current_time() < until:
            self._flow.check()
        if told.epoch:
            self._histories.take(packet.path, Numbered(told.epoch, told.offset, told.before, packet))
        else:
            self._local.publish(packet)

    def _route_kept(self, packet: Packet) -> None:
        if self._dispatcher is not None:  # else nobody hears it yet
            self._dispatcher.tell(as_wished(packet, self._histories.record))

    def _tell_gap(self, path: str) -> None:
        self.gaps(path)


def _nobody(_: str) -> None:
    """Is told."""
