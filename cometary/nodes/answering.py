"""What a node answers for another one: requests of its own sessions that have come there.

1.  The node that took the request has judged its host and its origin, and knows the client's address. Everything else
    is judged here: an exchange is made of it, whose wire (`Carrier`) is the link.
2.  The other end is told when a client has gone (`Dropped`), and when no answer will come (`Left`): so it keeps no
    request for ever.
3.  No more than `WINDOW` bytes of an answer that is written bit by bit are on their way to its client. More is not
    taken, as by a direct connection whose client is slow.
4.  When the link ends, the clients of all that came by it count as gone: requests that are held are held no longer.
5.  Before the other node ends it, since it stops, those are answered: no client is to lose one, or to have it held for
    longer in all than it was told, because it is held anew where it goes next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
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
from cometary.sessions import Request
from cometary.transport.http.exchange import Exchange

if TYPE_CHECKING:
    from collections import Counter

    from cometary.nodes.link import Link
    from cometary.transport.http.exchange import Headers
    from cometary.transport.http.service import Service
    from cometary.transport.http.stream import Stream

WINDOW: Final = 64 * 1024

LAST_WITHOUT_CHUNKS: Final = "1.0"
"""The version of HTTP in which answers are not chunked: how they are on their client's wire is not decided here."""


class Answering:
    """Answers what comes by one link.

    Args:
        link: the link, whose dialer asks.
        clients: answers requests of clients.
        control: answers calls of back-ends; None if there is nothing that does.
        refused: counts what is refused, by condition.

    Attributes:
        link: the same.
        refused: the same.
        under_way: the requests that are not answered yet, by their numbers.
    """

    def __init__(self, link: Link, clients: Service, control: Service | None, refused: Counter[str]) -> None:
        self.link = link
        self.refused = refused
        self.under_way: dict[int, AnswerToNode] = {}
        self._clients = clients
        self._control = control

    def answer(self, asked: Forwarded) -> None:
        """Answer a request, now or later."""
        exchange = Exchange(asked.method, asked.path, asked.query, asked.headers, body=asked.body)
        exchange.version = LAST_WITHOUT_CHUNKS
        self.under_way[asked.number] = wire = AnswerToNode(self, asked.number, exchange)
        exchange.arrive(wire, asked.peer)
        if not asked.control:
            self._clients.serve_forwarded(exchange)
        elif self._control is not None:
            self._control.serve_forwarded(exchange)
        else:
            exchange.refuse(ProtocolError("not-found", "that node has no control interface"))

    def drop(self, dropped: Dropped) -> None:
        """Take note that a client has gone (rule 2)."""
        wire = self.under_way.get(dropped.number)
        if wire is not None:
            wire.exchange.let_go()
            if wire.exchange.carrier is None and self.under_way.pop(dropped.number, None) is not None:
                self.link.send(Left(dropped.number))

    def grant(self, granted: Granted) -> None:
        """Take note that a client has taken some of its answer."""
        wire = self.under_way.get(granted.number)
        if wire is not None:
            wire.grant(granted.count)

    def hurry(self) -> None:
        """Have all answered that is only held (rule 5)."""
        for wire in [*self.under_way.values()]:
            held = wire.exchange.on_drop
            if isinstance(held, Request):
                held.hurry()

    def close(self) -> None:
        """Take note that the link has ended (rule 4)."""
        under_way, self.under_way = self.under_way, {}
        for wire in under_way.values():
            wire.exchange.drop()


class AnswerToNode:
    """The wire of one request (`Carrier`): its answer goes back by the link.

    Args:
        answering: whose request it is.
        number: that of the request.
        exchange: the request.
    """

    __slots__ = ("_answering", "_number", "_on_its_way", "exchange")

    def __init__(self, answering: Answering, number: int, exchange: Exchange) -> None:
        self._answering = answering
        self._number = number
        self._on_its_way = 0
        self.exchange = exchange

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        """Send the answer."""
        del exchange  # the number stands for it
        if self._answering.under_way.pop(self._number, None) is not None:
            self._answering.link.send(Answered(self._number, status, body, content_type, headers))

    def moved(self, node: str) -> None:
        """Give the request back: its session is not here; see `Moved`."""
        if self._answering.under_way.pop(self._number, None) is not None:
            self._answering.link.send(Moved(self._number, node))

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        """Send the head of an answer that is written bit by bit."""
        del exchange
        self._answering.link.send(Streaming(self._number, status, content_type, headers))
        return b""

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        """Send what is pending; returns whether more is taken (rule 3)."""
        del exchange
        data, stream.pending = stream.pending, b""
        if data:
            self._on_its_way += len(data)
            self._answering.link.send(Piece(self._number, data))
        return self._on_its_way < WINDOW

    def grant(self, count: int) -> None:
        """Take note that so much has arrived."""
        self._on_its_way -= count
        stream = self.exchange.streaming
        if stream is not None and stream.full and self._on_its_way < WINDOW:
            stream.go_on()

    def conclude(self, exchange: Exchange) -> None:
        """Send the end of it."""
        if self._answering.under_way.pop(self._number, None) is not None:
            self._answering.link.send(Finished(self._number, exchange.response or b""))

    def note_refusal(self, condition: str) -> None:
        """Count what is refused."""
        self._answering.refused[condition] += 1

    def close(self) -> None:
        """Have the client see that its answer has broken off."""
        if self._answering.under_way.pop(self._number, None) is not None:
            self._answering.link.send(Aborted(self._number))
        self.exchange.drop()
