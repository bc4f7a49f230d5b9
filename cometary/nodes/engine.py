"""The engine of a node, as its hub sees it: what is published here reaches the sessions of all nodes.

1.  What is published to a path without a history is routed here at once, and sent to the others that want it
    (`publications`, `interests`). The engine of the cluster is not asked for that.
2.  What is published to a path with one is numbered and kept by the engine of the cluster first (`histories`): one
    operation, however many hear it. Once the wait for that is over, no end of a node can lose the update.
3.  For an update with an idempotency key, the engine is asked who has the key (`once`), or this is done where the
    update is numbered. What is published to its path meanwhile waits behind it.
4.  While the engine is away, no more than `MOST_PENDING` updates wait for it: one more is refused
    (`MailboxFullError`). A caller that waits longer than `PATIENCE` is told to send the update again, under the same
    idempotency key: it may still be numbered. What the engine will never take does not wait: its caller is told.
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
from cometary.cluster.path_logs import Addition, Once
from cometary.dispatch.dispatcher import as_wished
from cometary.dispatch.engine import no_server
from cometary.dispatch.idempotency import SECONDS, identity_of, reused
from cometary.errors import CometaryError, EngineError, MailboxFullError, ProtocolError
from cometary.nodes.histories import NodeHistories
from cometary.nodes.interests import Interests, Telling
from cometary.nodes.members import NodeMembers
from cometary.nodes.messages import Passed, Unwants, Wants, encode
from cometary.nodes.once import KeyedUpdates
from cometary.nodes.path_order import Numbered
from cometary.nodes.wishes import Wishes
from cometary.packets.published import as_packet, as_published, encoded
from cometary.packets.receipts import Receipt
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.flow import MOST_PENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.actors import ActorRef
    from cometary.cluster.engine import Engine as Cluster
    from cometary.cluster.path_logs import Appended, LogShelf
    from cometary.dispatch.engine import Engine
    from cometary.nodes.link import Link
    from cometary.nodes.messages import State, Told
    from cometary.nodes.peer import Peer
    from cometary.nodes.publications import Others
    from cometary.packets.contract_table import Contracts
    from cometary.packets.packet import Packet
    from cometary.packets.published import Published
    from cometary.packets.receipts import ReceiptLog
    from cometary.sessions.flow import Flow

PATIENCE: Final = 10.0
"""Seconds."""

PAUSE: Final = 0.25
"""Seconds between two looks at what is due."""


class Unnumbered(NamedTuple):
    """An update that waits for the engine: for its number, or until it is known who has its key or one before it.

    Attributes:
        packet: the update.
        published: what is told of it; None if that is to be made.
        taken: told when it no longer waits.
        until: when the caller that waits is told to send it again, by the monotonic clock.
    """

    packet: Packet
    published: Published | None
    taken: Future[None]
    until: float


class NodesEngine:
    """The engine of a node; see `cometary.dispatch.engine`.

    Args:
        local: routes here what has no history.
        contracts: what becomes of packets where a session is too slow for them.
        flow: knows how much is still to be routed here.
        others: what is kept for each other node.
        cluster: keeps histories, and knows who is there.
        say: tells each other node something that is repeated on its next link.
        receipts: told of updates that nobody here hears.

    Attributes:
        gaps: tells the sessions here that hear a path that something is missing.
        settled: whether it is known what has become of all sessions of a node that has gone.
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
        self._thread = get_ident()
        self._token = trio.lowlevel.current_trio_token()
        self._dispatcher: ActorRef[Any] | None = None
        self._tokens = count()
        self._unnumbered: OrderedDict[int, Unnumbered] = OrderedDict()
        self._once = KeyedUpdates(cluster, self._publish_under)
        self._interests = Interests(others)
        self._telling: dict[str, Telling] = {}
        self._wishes = wishes = Wishes()
        self.gaps: Callable[[str], object] = _nobody
        self.settled: Callable[[str], bool] = _always
        self._histories = NodeHistories(contracts, cluster, wishes, self._route_kept, self._tell_gap)
        self.members = NodeMembers(say)
        self._unsettled = set[str]()
        self.history = self._histories.read
        self.keeps = self._histories.keeps

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Let `dispatcher` route from now on."""
        self._dispatcher = dispatcher
        self._local.attach(dispatcher)

    async def run(self) -> None:
        """Look after what is kept, and what is wanted, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._histories.run)
            while True:
                await trio.sleep(PAUSE)
                self._let_go_of_those_who_wait()
                self._end_orphans()
                self._forgo(self._wishes.take_lapsed(trio.current_time()))
                self._say_how_far()

    # -- what other nodes are told, and tell (`Watcher`)

    def linked(self, peer: Peer, link: Link) -> None:
        """Tell a node what is wanted here, and who is here."""
        if peer.outgoing.process != peer.incarnation:
            peer.outgoing.process = peer.incarnation
            peer.outgoing.begins = self._interests.number  # nothing before that was for this process
        telling = self._telling[peer.node] = self._telling.get(peer.node) or Telling(peer)
        telling.all_of_it(self._wishes, link)
        link.send(Passed(self._interests.number, 0, peer.knows_of))
        for payload in self.members.census():
            link.put(payload)

    def unheard(self, peer: Peer) -> None:
        """Send a node all that is published, until it can tell what it wants."""
        with self._others.lock:
            self._interests.hear_nothing_of(peer)
        self._others.go_on()
        self.members.orphaned.add(peer.node)  # until it says who is there, or its lease has run out

    def lost(self, peer: Peer) -> None:
        """Read what a node that has gone may not have told anybody of, and wait for its lease to run out."""
        self._telling.pop(peer.node, None)
        with self._others.lock:
            self._interests.forget(peer)
        self._histories.catch_up()
        self.members.orphaned.add(peer.node)

    def hear(self, peer: Peer, message: State) -> None:
        """Take note of who is at another node, and what is wanted there."""
        match message:
            case Wants():
                with self._others.lock:
                    self._interests.take(peer, message)
                self._others.go_on()
                peer.say(encode(Passed(self._interests.number, message.token, peer.knows_of)))
            case Unwants():
                with self._others.lock:
                    self._interests.forgo(peer, message.patterns)
            case Passed():
                peer.outgoing.heard_of = message.heard
                if peer.incoming is not None:
                    peer.incoming.note_passed(message.number)
                if peer.node in self._telling:
                    self._telling[peer.node].answered(message.token)
            case _:
                self.members.hear(peer.node, message)

    def _say_how_far(self) -> None:
        """Tell each other node how much was published here, and how much of what it published is known here."""
        for telling in self._telling.values():
            telling.how_far(self._interests.number)

    def _forgo(self, patterns: Sequence[str]) -> None:
        if patterns:
            self._histories.drop(patterns)
            for telling in self._telling.values():
                telling.forgo(patterns)

    def missed(self) -> None:
        """Read what was thrown away for this node, as far as it is kept."""
        self._histories.catch_up()

    def _end_orphans(self) -> None:
        gone = {node for node in self.members.orphaned if not self._cluster.alive(node)}
        for node in gone:
            self.members.end(node, settled=self.settled(node))
        if gone - self._unsettled:
            self._histories.catch_up()  # whether they have gone may be known much later
        self._unsettled = gone & self.members.orphaned

    # -- what is heard here

    def interest(self, pattern: str, *, wanted: bool) -> None:
        """Take note of what is heard here; see `Engine.interest`."""
        if self._wishes.note(pattern, trio.current_time(), wanted=wanted):
            for telling in self._telling.values():
                telling.want(pattern)
            self._histories.want(pattern)

    # -- what is published here

    def publish(self, packet: Packet) -> Future[None] | None:
        """Have a packet reach the sessions of all nodes; see `Engine.publish`."""
        shelf = self._histories.shelf_of(packet.path)
        if shelf is not None:
            published = as_published(packet)
            return self._have_numbered(shelf, packet, published, encoded(published))
        if isinstance(packet, TrackedPacket):
            encoded(as_published(packet))  # what cannot travel is refused before anything is sent
        with self._others.lock:
            self._check_room()
            waits = self._once.behind(packet)
            if waits is not None:
                return self._note_waiting(packet, waits)
            taken = self._local.publish(packet)
            self._interests.publish(packet)
        self._on_loop(self._others.go_on)
        return taken

    def publish_once(self, packet: Packet, key: str) -> Future[None]:
        """Publish it, unless a node has already published the same under this key; see `Engine.publish_once`."""
        published = as_published(packet)
        payload = encoded(published)
        shelf = self._histories.shelf_of(packet.path)
        if shelf is not None:
            once = Once(key, identity_of(packet)[0], SECONDS)
            return self._have_numbered(shelf, packet, published, payload, once)
        if self._dispatcher is None:
            raise no_server()
        with self._others.lock:
            self._check_room()
            self._once.check_room()
            taken, ask = self._once.publish(packet, key)
            self._note_waiting(packet, taken)
        self._on_loop(ask)
        return taken

    def _note_waiting(self, packet: Packet, taken: Future[None]) -> Future[None]:
        """Tell those who wait for an update when that takes too long (rule 4)."""
        token = next(self._tokens)
        self._unnumbered[token] = Unnumbered(packet, None, taken, monotonic() + PATIENCE)
        taken.add_done_callback(partial(self._waits_no_more, token))
        return taken

    def _waits_no_more(self, token: int) -> None:
        self._unnumbered.pop(token, None)

    def _publish_under(self, packet: Packet, named: str) -> None:
        """Publish what has its key, or has waited for one that had."""
        with self._others.lock:
            self._publish_here(packet, named)
            self._interests.publish(packet, None, ("", 0, 0, named))
        self._others.go_on()

    def _publish_here(self, packet: Packet, named: str) -> None:
        if not named or self._once.is_new(named):
            try:
                self._local.publish(packet)
            except BaseException:
                self._once.forget(named)
                raise

    def _check_room(self) -> None:
        if any(each.full for each in self._others.there()):
            raise MailboxFullError("far too much waits for another node")

    def _on_loop(self, call: Callable[[], object]) -> None:
        if get_ident() == self._thread:
            call()
        else:
            self._token.run_sync_soon(call)

    # -- what is numbered first (rule 2)

    def _have_numbered(
        self, shelf: LogShelf, packet: Packet, published: Published, payload: bytes, once: Once | None = None
    ) -> Future[None]:
        if self._dispatcher is None:
            raise no_server()
        with self._others.lock:
            self._check_room()
            if len(self._unnumbered) >= MOST_PENDING:
                raise MailboxFullError(f"{MOST_PENDING} updates wait for their numbers")
            token, taken = next(self._tokens), Future[None]()
            self._unnumbered[token] = Unnumbered(packet, published, taken, monotonic() + PATIENCE)
        new = Addition(packet.path, payload, packet.size, once)
        self._on_loop(partial(self._append, shelf, new, token))
        return taken

    def _append(self, shelf: LogShelf, new: Addition, token: int) -> None:
        try:
            self._cluster.append(shelf, new, partial(self._numbered, token))
        except Exception as error:  # noqa: BLE001 - whoever waits is told; from a thread, it would end the node
            self._unnumbered.pop(token).taken.offer(error=error)

    def _numbered(self, token: int, appended: Appended) -> None:
        packet, published, taken, _ = self._unnumbered.pop(token)
        if appended.outcome != "new":
            taken.offer(error=_problem_of(appended))
            return
        with self._others.lock:
            self._interests.publish(packet, published, (*appended[1:], ""))
        self._others.go_on()
        if not self._histories.take(packet.path, Numbered(*appended[1:], packet)):
            self._route_to_nobody(packet)
        taken.offer()

    def _route_to_nobody(self, packet: Packet) -> None:
        """Take note that nobody here hears an update: anyone who comes to hear it meanwhile reads it."""
        if isinstance(packet, TrackedPacket) and packet.receipt is not None and self._receipts is not None:
            self._receipts.add(Receipt(packet.receipt, "routed", packet.path, sessions=0))

    def _let_go_of_those_who_wait(self) -> None:
        with self._others.lock:
            waiting = [*self._unnumbered.values()]
        for unnumbered in waiting:
            if unnumbered.until > monotonic():
                break
            detail = (
                "the engine is away, and the update may still be sent: repeat it with its idempotency key"
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
            self._publish_here(packet, told.key)

    def _route_kept(self, packet: Packet) -> None:
        if self._dispatcher is not None:  # else nobody hears it yet
            self._dispatcher.tell(as_wished(packet, self._histories.record))

    def _tell_gap(self, path: str) -> None:
        self.gaps(path)


def _problem_of(appended: Appended) -> CometaryError | None:
    if appended.outcome == "refused":
        return EngineError("the engine refuses to keep the update; the log says why")
    return reused() if appended.outcome == "reused" else None


def _nobody(_: str) -> None:
    """Is told."""


def _always(_: str) -> bool:
    return True
