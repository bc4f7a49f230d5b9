"""What another node answers for this one: requests of that node's sessions that have come here.

1.  The exchange stays, and is answered with what the other node says. The request is kept until then.
2.  When the link breaks, requests wait for the next one, and are sent again: a session counts a request that comes
    twice once (by its `rid`). An answer that has begun is broken off, which its client sees.
3.  If the node has gone, they are answered `unknown-session`; or given back, as if the node had said that it does not
    have the session, if that can be elsewhere (`finding`). If it is not known whether the node has gone, they wait no
    longer than `PATIENCE` seconds, and are told to come back.
4.  Calls of back-ends have no number by which a repeat would be recognised: those that may have arrived are told to
    come back.
5.  No more than `MOST_WAITING` requests wait for a link: more are told to come back. So are all while it is full.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from cometary.nodes.forwarded_request import ForwardedRequest, come_back

if TYPE_CHECKING:
    from cometary.nodes.forwarded_request import GoOn
    from cometary.nodes.link import Link
    from cometary.nodes.messages import Aborted, Answered, Finished, Left, Moved, Piece, Streaming
    from cometary.transport.http.exchange import Exchange

PATIENCE: Final = 5.0
"""Seconds."""

MOST_WAITING: Final = 10_000


class Forwarding:
    """Has one other node answer requests.

    Args:
        comet: the path of the clients' endpoint; what comes at others are calls of back-ends.

    Attributes:
        link: leads there; None while there is no link.
        total: how many requests were forwarded.
    """

    def __init__(self, comet: str) -> None:
        self._comet = comet
        self._numbers = count(1)
        self._waiting: dict[int, ForwardedRequest] = {}
        self._leaves = False
        self.link: Link | None = None
        self.total = 0

    @property
    def waiting(self) -> int:
        """How many requests are not answered yet."""
        return len(self._waiting)

    def forward(self, exchange: Exchange, go_on: GoOn | None = None) -> None:
        """Have a request answered.

        Args:
            exchange: the request.
            go_on: takes it back if the session is not there, with what the other node says of that (see `Moved`); or
                with None if that node has gone (rule 3). None if the session cannot be anywhere else.
        """
        link = self.link
        if (link is None and len(self._waiting) >= MOST_WAITING) or (link is not None and link.full):
            exchange.refuse(come_back())
            return
        number = next(self._numbers)
        control = exchange.path != self._comet
        self._waiting[number] = request = ForwardedRequest(self, number, exchange, go_on, control=control)
        exchange.on_drop = request
        self.total += 1
        if self._leaves:
            self._waiting.pop(number).abort()
        elif link is not None:
            request.send(link)

    def leave(self) -> None:
        """Have all that wait for an answer ask another node, from now on: this one has stopped."""
        self._leaves = True
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            request.abort()

    def linked(self, link: Link) -> None:
        """There is a link: send what waits for it."""
        self.link = link
        for request in list(self._waiting.values()):
            request.send(link)

    def unlinked(self) -> None:
        """The link has ended (rules 2 and 4)."""
        self.link = None
        for request in list(self._waiting.values()):
            request.lost()

    def gone(self) -> None:
        """The node has gone (rule 3)."""
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            request.node_gone()

    def look(self, now: float) -> None:
        """Check which requests have waited long enough for a link (rule 3)."""
        if self.link is None:
            for request in list(self._waiting.values()):
                if now > request.since + PATIENCE:
                    request.refuse(come_back())

    def forget(self, number: int) -> ForwardedRequest | None:
        """Let go of a request; returns it."""
        return self._waiting.pop(number, None)

    # -- what the other node says

    def answered(self, answered: Answered) -> None:
        """Answer."""
        request = self._waiting.pop(answered.number, None)
        if request is not None:
            request.exchange.respond(answered.status, answered.body, answered.content_type, answered.headers)

    def left(self, left: Left) -> None:
        """Wait no longer: the client has gone."""
        self._waiting.pop(left.number, None)

    def moved(self, moved: Moved) -> None:
        """Give a request back: its session is not there."""
        request = self._waiting.pop(moved.number, None)
        if request is not None:
            request.give_back(moved.node)

    def begun(self, begun: Streaming) -> None:
        """Begin an answer that is written bit by bit."""
        request = self._waiting.get(begun.number)
        if request is not None:
            request.begin(begun)

    def piece(self, piece: Piece) -> None:
        """Write it."""
        request = self._waiting.get(piece.number)
        if request is not None:
            request.write(piece.data)

    def finished(self, finished: Finished) -> None:
        """End it."""
        request = self._waiting.pop(finished.number, None)
        if request is not None:
            request.finish(finished.data)

    def aborted(self, aborted: Aborted) -> None:
        """Break it off."""
        request = self._waiting.pop(aborted.number, None)
        if request is not None:
            request.abort()
