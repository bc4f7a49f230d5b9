"""Who has a session that can outlive its node: found out for each request for one that is not here.

    the request's session is …            then
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
    known to be at a node that is there   forward it there: the node that was found last, else the one of its birth
    anything else                         ask the engine who has it:
      a node that is there                forward it there, and remember that
      a node that is gone, or leaves      adopt the session, and answer here
      nobody                              `unknown-session`; while the engine is away: come back

1.  A request that was forwarded is never forwarded again by the node that gets it: that node says who has the session
    (`Moved`), and the one to which the client is connected forwards the request there. It does so `MOST_MOVES` times,
    and then tells the client to ask again. So there are no loops, whatever two nodes believe of each other.
2.  What was found is a hint, as the tag in an id is. The latest `MOST_KNOWN` are remembered.
3.  A node is gone when its lease has run out, or its address refuses connections, or it has said that it leaves. Should
    it be there all the same, the generation of the record keeps it from doing anything in the session's name.
4.  A node that is about to stop adopts nothing. A session of its own that its clients ask for is adopted by another
    node.
5.  A WebSocket is no request that could come back: its connection is passed on as a whole. So the engine is always
    asked first who has the session, and the node that gets the connection passes it on no further.
6.  Sessions that were opened at a node that has gone or stopped may be anywhere, whether it is back or not, and one
    that comes back does not take requests at once: so the engine is asked first, once for each session. If the engine
    does not know a session, the node itself is asked: the session may live there without being recorded.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cometary.nodes.answering import AnswerToNode
from cometary.nodes.forwarded_request import come_back
from cometary.sessions.ids import tag_of
from cometary.sessions.locator import Elsewhere, Gone, unknown_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.cluster.recording import Recording
    from cometary.errors import ProtocolError
    from cometary.nodes.peer import Peer
    from cometary.nodes.peers import Peers
    from cometary.sessions.directory import Directory
    from cometary.sessions.locator import Place
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.net.channel import Successor

MOST_MOVES: Final = 3
"""How often one request may be sent on because its session was not where it was thought to be."""

MOST_KNOWN: Final = 100_000
"""Sessions whose place is remembered, if they were not found at the node of their birth."""


class Finding:
    """Finds the present owners of sessions.

    Args:
        peers: all other nodes.
        directory: knows the sessions that are here.
        recording: asks the engine, and adopts.
        serve: answers a request here.
    """

    def __init__(
        self, peers: Peers, directory: Directory, recording: Recording, serve: Callable[[Exchange], None]
    ) -> None:
        self._peers = peers
        self._directory = directory
        self._recording = recording
        self.serve = serve
        self._known: dict[str, str] = {}
        self._nowhere: str | None = None
        recording.has_gone = self._has_gone
        recording.reaches = self._reaches
        recording.move = self.seek
        recording.pass_on_to = self._pass_on_to

    def _has_gone(self, node: str) -> bool:
        """Whether a node is known to have gone, or to be about to (rule 3)."""
        peer = self._peers.named(node)
        return peer is not None and (peer.gone or peer.leaving)

    def _reaches(self, node: str) -> bool:
        """Whether requests can be forwarded to a node."""
        peer = self._peers.named(node)
        return peer is not None and not peer.gone

    def _pass_on_to(self, node: str) -> Callable[..., Successor] | None:
        """Return what passes connections on to a node; None if it cannot be reached."""
        peer = self._peers.named(node)
        return None if peer is None or peer.gone else peer.pass_on

    def forward_of(self, sid: str) -> Callable[[Exchange], None] | None:
        """Return what has requests answered whose session does not live here; None if its end is known here."""
        place = self.find(sid)
        return place.forward if isinstance(place, Elsewhere) else None

    def find(self, sid: str) -> Place:
        """Say where a session is, or at least who finds out; see `Locator.find`."""
        place = self._directory.find(sid)
        if not isinstance(place, Gone) or place.reason is not None or sid == self._nowhere:
            return place
        peer = self._peer_of(sid)
        if peer is None:
            return Elsewhere("", None, partial(self.seek, sid))
        unsure = peer.scattered and sid not in self._known  # rule 6
        forward = partial(self.seek, sid) if unsure else partial(self._forward, sid, peer)
        return Elsewhere(peer.node, peer.pass_on, forward)

    def _peer_of(self, sid: str) -> Peer | None:
        """Return the node that has a session, as far as is known; None if the engine is to be asked."""
        node = self._known.get(sid)
        peer = self._peers.with_tag(tag_of(sid) or "") if node is None else self._peers.named(node)
        if peer is not None and not (peer.gone or peer.leaving):
            return peer
        self._known.pop(sid, None)
        return None

    def _forward(self, sid: str, peer: Peer, exchange: Exchange) -> None:
        if isinstance(exchange.carrier, AnswerToNode):  # rule 1
            self.seek(sid, exchange)
        else:
            self.forward(sid, peer, exchange, 0)

    def forward(self, sid: str, peer: Peer, exchange: Exchange, moves: int) -> None:
        """Forward a request, sent on this often so far, to the node that should have its session."""
        peer.forwarding.forward(exchange, partial(self._go_on, sid, peer, moves + 1))

    def _go_on(self, sid: str, peer: Peer, moves: int, exchange: Exchange, node: str | None) -> None:
        """Send on a request that came back.

        Args:
            sid: its session.
            peer: where it was.
            moves: how often it has been sent on, this time included.
            exchange: the request.
            node: who has the session, according to `peer`; "" if that is about to stop, and None if it has gone.
        """
        self._known.pop(sid, None)
        if node == "":
            peer.leaving = True
        if moves > MOST_MOVES:
            exchange.refuse(come_back())
        elif sid in self._directory.living:
            self.serve(exchange)
        elif node and self._reaches(node):
            self.moved(sid, node, exchange, moves)
        else:
            self.seek(sid, exchange, moves)

    def moved(self, sid: str, node: str, exchange: Exchange, moves: int) -> None:
        """Forward a request to the node that has its session, and remember that (rule 2)."""
        peer = self._peers.named(node)
        if peer is None or peer.gone:
            exchange.refuse(come_back())
            return
        if tag_of(sid) != peer.tag or peer.scattered:
            self._known.pop(sid, None)
            self._known[sid] = node
            if len(self._known) > MOST_KNOWN:
                del self._known[next(iter(self._known))]
        self.forward(sid, peer, exchange, moves)

    def seek(self, sid: str, exchange: Exchange, moves: int = 0) -> None:
        """Ask the engine who has the session of a request, and go on from there."""
        sought = Sought(self, sid, exchange, moves)
        if not self._recording.seek(sid, sought.here, sought.refuse, sought.elsewhere):
            sought.refuse(unknown_session())

    def not_recorded(self, sid: str, exchange: Exchange, moves: int) -> None:
        """Answer a request whose session the engine does not know: it may not be recorded (rule 6), or be nowhere."""
        peer = self._peers.with_tag(tag_of(sid) or "")
        there = peer is not None and peer.scattered and not (peer.gone or peer.leaving)
        if peer is None or not there or moves or isinstance(exchange.carrier, AnswerToNode):
            self.answer_unknown(sid, exchange)
        else:
            self.moved(sid, peer.node, exchange, moves)

    def answer_unknown(self, sid: str, exchange: Exchange) -> None:
        """Answer a request whose session nobody has; a browser's `EventSource` gets a new one instead."""
        if exchange.method != "GET":
            exchange.refuse(unknown_session())
            return
        self._nowhere = sid
        try:
            self.serve(exchange)
        finally:
            self._nowhere = None

    def another(self) -> Peer | None:
        """Return a node that may adopt what this one leaves behind; None if there is none (rule 4)."""
        able = [peer for peer in self._peers if not (peer.gone or peer.leaving) and peer.is_dialed]
        return able[0] if able else None


class Sought:
    """A request whose session is looked for (a `Holder`).

    Args:
        finding: looks for it.
        sid: its session.
        exchange: the request.
        moves: how often it has been sent on.
    """

    __slots__ = ("_body", "_exchange", "_finding", "_gone", "_headers", "_moves", "_sid")

    def __init__(self, finding: Finding, sid: str, exchange: Exchange, moves: int) -> None:
        self._finding = finding
        self._sid = sid
        self._exchange = exchange
        self._moves = moves
        self._headers, self._body = exchange.headers, exchange.body  # whoever has read it lets go of them
        self._gone = False
        exchange.on_drop = self

    def dropped(self) -> None:
        """Take note that its client has gone: nobody can be answered (`Holder`)."""
        self._gone = True
        self._exchange.leave_unanswered()

    def _taken(self) -> Exchange | None:
        """Return the request as it came, for others to answer; None if its client has gone."""
        if self._gone:
            return None
        exchange = self._exchange
        exchange.on_drop = None
        exchange.headers, exchange.body = self._headers, self._body
        return exchange

    def here(self) -> None:
        """Answer it here: the session has been adopted."""
        exchange = self._taken()
        if exchange is not None:
            self._finding.serve(exchange)

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        exchange = self._taken()
        if exchange is None:
            return
        if error.condition == "unknown-session":
            self._finding.not_recorded(self._sid, exchange, self._moves)
        else:
            exchange.refuse(error)

    def elsewhere(self, node: str) -> None:
        """Have the node that has the session answer, or, if it is "", any that can adopt it (rules 1 and 4)."""
        exchange = self._taken()
        if exchange is None:
            return
        if isinstance(exchange.carrier, AnswerToNode):
            exchange.carrier.moved(node)
        elif node:
            self._finding.moved(self._sid, node, exchange, self._moves)
        else:
            self._leave(exchange)

    def _leave(self, exchange: Exchange) -> None:
        peer = self._finding.another()
        if peer is None or self._moves:  # what came back from there is not sent there again
            exchange.refuse(come_back())
        else:
            peer.say_leaving()
            self._finding.forward(self._sid, peer, exchange, self._moves)
