"""`GET /receipts`: how a back-end learns what has become of its packets.

1.  It names the cursor that it got last, and gets the receipts after that, with the next cursor. Reading removes
    nothing, so after a lost answer it asks again with the same cursor.
2.  If there are none yet, the call is held for as many seconds as it says in `wait`.
3.  A cursor also names the server's life: one from an earlier life begins anew with the oldest receipt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl

import trio

from cometary.errors import ProtocolError
from cometary.transport.codecs import preferred

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.packets.receipts import Receipt, ReceiptLog
    from cometary.transport.http.exchange import Exchange

LONGEST_WAIT: Final = 60.0
"""Seconds that a call is held at most."""

MOST_IN_ANSWER: Final = 1_000
"""Receipts in one answer at most; those behind them come with the next call."""

MOST_HELD: Final = 100
"""Calls that are held at one time; further ones are refused if they would have to wait."""


class Query(NamedTuple):
    """What a call asks for."""

    after: int
    wait: float


class ReceiptsEndpoint:
    """Answers `GET /receipts`.

    Args:
        log: the receipts.
        start_soon: runs an async function beside everything else.
    """

    def __init__(self, log: ReceiptLog, start_soon: Callable[..., None]) -> None:
        self._log = log
        self._start_soon = start_soon
        self._held: set[trio.Event] = set()
        self._closed = False

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange` now or later.

        Raises:
            ProtocolError: `bad-request`, the caller's fault; `too-many-requests` if too many wait.
        """
        query = read_query(exchange.query, self._log.id)
        if query.after < self._log.last or not query.wait or self._closed:
            self._answer(exchange, query)
            return
        if len(self._held) >= MOST_HELD:
            raise ProtocolError("too-many-requests", "too many calls wait for receipts", retry_after=1)
        self._hold(exchange, query)

    def close(self) -> None:
        """Answer the calls that are held, and hold no more."""
        self._closed = True
        for event in self._held:
            event.set()

    def _hold(self, exchange: Exchange, query: Query) -> None:
        event = trio.Event()

        def wake(_receipt: Receipt) -> None:
            event.set()

        async def wait() -> None:
            with trio.move_on_after(query.wait):
                await event.wait()
            self._log.unsubscribe(wake)
            self._held.discard(event)
            self._answer(exchange, query)

        self._held.add(event)
        self._log.subscribe(wake)
        exchange.on_drop = event.set
        waiting: Callable[[], Awaitable[None]] = wait
        self._start_soon(waiting)

    def _answer(self, exchange: Exchange, query: Query) -> None:
        page = self._log.read(query.after, MOST_IN_ANSWER)
        answer = {
            "receipts": [receipt.as_dict() for receipt in page.receipts],
            "cursor": f"{self._log.id}-{page.last}",
            "missed": page.missed,
        }
        codec = preferred(exchange.headers.get(b"accept", b""))
        exchange.respond(200, codec.encode(answer), codec.content_type)


def read_query(query: bytes, log_id: str) -> Query:
    """Read and check what a call asks for; what else is in the query does not matter.

    Raises:
        ProtocolError: `bad-request`; the caller's fault.
    """
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return Query(_read_cursor(given.get("after", ""), log_id), _read_wait(given.get("wait", "0")))


def _read_cursor(cursor: str, log_id: str) -> int:
    if not cursor:
        return 0
    life, _, number = cursor.rpartition("-")
    if not (life and number.isascii() and number.isdecimal() and len(number) < LONGEST_NUMBER):
        raise ProtocolError("bad-request", "after= is not a cursor that this call gave.")
    return int(number) if life == log_id else 0


LONGEST_NUMBER: Final = 20
"""Digits."""


def _read_wait(wait: str) -> float:
    try:
        seconds = float(wait)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT:  # NaN is refused as well
        raise ProtocolError("bad-request", f"wait= is a number of seconds from 0 to {LONGEST_WAIT:g}.")
    return seconds
