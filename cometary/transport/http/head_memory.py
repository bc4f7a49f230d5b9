"""Heads of requests that were read before.

A client's polls have the same head each time: the same path, the same headers, and, while its
numbers have as many digits, the same length of body. What llhttp makes of a head depends on its
bytes alone, so when exactly these bytes have been through llhttp and all checks, what came of it
is remembered, and such a request costs one look-up. It stands apart from the parser, which llhttp calls back
and so stays Python, because this is compiled.

1.  A head is remembered only if its request was complete, in one piece and alone in what was
    read, with a body as long as its Content-Length says, or with none.
2.  A request is recalled only if it is all of that as well. Everything else is for the parser.
3.  Neither long heads nor many are kept: when there are `MOST`, all are forgotten. A connection
    keeps the one that it had last, and compares with that first: it is nearly always the same.
"""

from __future__ import annotations

from typing import Final

from cometary.transport.http.exchange import Exchange, Route

LONGEST: Final = 2048
"""Bytes of a head beyond which it is not remembered."""

MOST: Final = 8192
"""Heads that are remembered at most."""

END: Final = b"\r\n\r\n"

NOT_KEPT: Final = frozenset({b"upgrade", b"x-comet-session", b"last-event-id"})
"""Heads with any of these come but once: what follows may be in another protocol, or they are those of one session's
streams, whose secrets nobody needs to remember."""


class KnownHead:
    """A head, and what came of it: an exchange with a body."""

    __slots__ = ("_body_at", "_headers", "_method", "_path", "_query", "_route", "head", "request_bytes")

    def __init__(self, head: bytes, request_bytes: int, exchange: Exchange) -> None:
        self.head = head
        self.request_bytes = request_bytes
        self._body_at = len(head)
        self._method = exchange.method
        self._path = exchange.path
        self._query = exchange.query
        self._headers = exchange.headers
        self._route = Route()

    def exchange(self, data: bytes) -> Exchange:
        """The request that `data`, which has this head, is."""
        exchange = Exchange(self._method, self._path, self._query, self._headers, body=data[self._body_at :])
        exchange.route = self._route
        return exchange


class HeadMemory:
    """Remembers heads for all connections of one switchboard."""

    def __init__(self) -> None:
        self._known: dict[bytes, KnownHead] = {}

    def __len__(self) -> int:
        return len(self._known)

    def recall(self, data: bytes) -> KnownHead | None:
        """Return the head of `data`, which begins at a boundary, if it is known and that is one request."""
        known = self._known.get(data[: data.find(END) + len(END)])
        return known if known is not None and len(data) == known.request_bytes else None

    def learn(self, data: bytes, exchange: Exchange) -> None:
        """Remember the head of `data`, which the parser has made `exchange` of, if rule 1 allows it."""
        end = data.find(END) + len(END)
        length = len(data) - end
        if not NOT_KEPT.isdisjoint(exchange.headers):
            return
        if exchange.closing or exchange.fault is not None or end > LONGEST or length != len(exchange.body):
            return
        if b"expect" in exchange.headers or length != int(exchange.headers.get(b"content-length", b"0")):
            return
        if len(self._known) >= MOST:
            self._known.clear()
        head = data[:end]
        self._known[head] = KnownHead(head, len(data), exchange)
