"""What a node has another one answer: requests of that one's sessions that have come here.

1.  The exchange stays, and is answered with what the other node says. The request is kept until then.
2.  When the link breaks, requests wait for the next one, and are sent again: to a session a request that comes twice is
    one (by its `rid`). An answer that has begun is broken off, which its client sees.
3.  If the node has gone, they are answered `unknown-session`; or given back, as if the node had said that it has not
    got the session, to whoever knows that this can be elsewhere (`finding`). If nobody knows, they wait no longer than
    `PATIENCE` seconds, and are told to come back.
4.  Calls of back-ends have no number by which a repeat is known: those that may have arrived are told to come back.
5.  No more than `MOST_WAITING` requests wait for a link: more are told to come back. So are all while it is full.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import ProtocolError
from cometary.nodes.answering import WINDOW
from cometary.nodes.messages import (
    Aborted,
    Answered,
    Dropped,
    Finished,
    Forwarded,
    Granted,
    Left,
    Moved,
    Piece,
    Streaming,
)
from cometary.sessions.locator import unknown_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.nodes.link import Link
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.http.stream import Stream

    GoOn = Callable[[Exchange, str | None], None]

PATIENCE: Final = 5.0
"""Seconds."""

MOST_WAITING: Final = 10_000


class Forwarding:
    """Has one other node answer requests.

    Args:
        comet: the path of the clients' endpoint; what comes at others are calls of back-ends.

    Attributes:
        link: leads there; None while there is none.
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
        """See who has waited long enough for a link (rule 3)."""
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


class ForwardedRequest:
    """One request (a `Holder`).

    Args:
        forwarding: whose it is.
        number: its number.
        exchange: the exchange.
        go_on: see `Forwarding.forward`.
        control: whether it is a call of the control interface.

    Attributes:
        exchange: the same.
        since: when it began to wait for a link.
    """

    __slots__ = (
        "_asked",
        "_behind",
        "_forwarding",
        "_go_on",
        "_owed",
        "_sent",
        "_stream",
        "exchange",
        "since",
    )

    def __init__(
        self,
        forwarding: Forwarding,
        number: int,
        exchange: Exchange,
        go_on: GoOn | None = None,
        *,
        control: bool,
    ) -> None:
        self._forwarding = forwarding
        self._go_on = go_on
        self._asked = Forwarded(  # now: whoever has read the request lets go of most of it
            number,
            control,
            exchange.method,
            exchange.path,
            exchange.query,
            dict(exchange.headers),
            exchange.body,
            exchange.peer,
        )
        self._sent = False
        self._stream: Stream | None = None
        self._behind = b""
        self._owed = 0
        self.exchange = exchange
        self.since = trio.current_time()

    def send(self, link: Link) -> None:
        """Send it to the other node."""
        self._sent = True
        link.send(self._asked)

    def dropped(self) -> None:
        """Take note that its client has gone: nobody can be answered (`Holder`)."""
        link = self._forwarding.link
        if link is not None and self._sent:
            link.send(Dropped(self._asked.number))
        else:
            self._forwarding.forget(self._asked.number)
            self.exchange.leave_unanswered()

    def lost(self) -> None:
        """Take note that the link has ended."""
        self.since = trio.current_time()
        gone = self.exchange.carrier is None or self.exchange.on_drop is None
        if self._stream is None and not gone and not self._asked.control:
            self._sent = False  # it is sent again
            return
        self._forwarding.forget(self._asked.number)
        if self._stream is not None:
            self._stream.abort()
        elif not gone:
            self.exchange.refuse(come_back())

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        self._forwarding.forget(self._asked.number)
        if self._stream is not None:
            self._stream.abort()
        else:
            self.exchange.refuse(error)

    def node_gone(self) -> None:
        """Take note that the node has gone (rule 3); what may have arrived there had no answer when the link ended."""
        if self._go_on is None or self._stream is not None:
            self.refuse(unknown_session())
        else:
            self.give_back(None)

    def give_back(self, node: str | None) -> None:
        """Let another node answer; see `Forwarding.forward`."""
        exchange, go_on = self.exchange, self._go_on
        if go_on is None or exchange.on_drop is None or exchange.carrier is None:  # or its client has gone
            exchange.refuse(come_back())
            return
        exchange.on_drop = None
        exchange.headers, exchange.body = self._asked.headers, self._asked.body
        go_on(exchange, node)

    # -- an answer that is written bit by bit

    def begin(self, begun: Streaming) -> None:
        """Begin."""
        self._stream = stream = self.exchange.stream(begun.status, begun.content_type, begun.headers)
        if not stream.finished:
            stream.on_writable = self._write_on

    def write(self, data: bytes) -> None:
        """Write a piece, or keep it: no more than the window is on its way."""
        stream = self._stream
        if stream is None or stream.finished:
            return
        self._owed += len(data)
        if stream.full:
            self._behind += data
        elif stream.write(data):
            self._grant()

    def _write_on(self) -> None:
        behind, self._behind = self._behind, b""
        if self._stream is not None and (not behind or self._stream.write(behind)):
            self._grant()

    def _grant(self) -> None:
        link = self._forwarding.link
        if link is not None and self._owed >= WINDOW // 4:
            link.send(Granted(self._asked.number, self._owed))
            self._owed = 0

    def finish(self, last: bytes) -> None:
        """End it."""
        if self._stream is not None:
            self._stream.finish(self._behind + last)

    def abort(self) -> None:
        """Break it off."""
        if self._stream is not None:
            self._stream.abort()
        elif self.exchange.carrier is not None:
            self.exchange.carrier.close()


def come_back() -> ProtocolError:
    """Return the error for who is to ask again: to its client it is a server that is about to go on."""
    detail = "the node of this session cannot be reached at the moment; ask again"
    return ProtocolError("shutting-down", detail, retry_after=1)
