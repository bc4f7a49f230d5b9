"""Whose request is answered next: no more in one turn of the loop than keeps all others waiting a few milliseconds.

Reading a body, and what follows from it, is what a stranger's bytes can make the loop do much of at once. So every
request passes through here first; that of a wire whose parser is its own has to as well.

1.  In one turn of the loop (`begin_turn`) bodies of `AT_ONCE` bytes in all are read as they come, which is every body
    of an ordinary server. Further ones wait, and turns of this queue are taken until none waits: meanwhile as many
    are read as they come between two of those.
2.  A turn reads bodies of `A_TURN` bytes in all, or a single longer one: no body waits for the rest of
    its length to be affordable. Then all of Trio's other tasks have theirs.
3.  All that waits progresses alike, as if a byte of each were read in rotation: a body is read when it would
    be finished that way (self-clocked fair queueing). So a short one never waits for the end of a long one that
    came before, and none starves.
4.  Requests of one connection are served in the order in which they came, and count together: a client that sends
    many at once waits for the last of them as if they were one body.
5.  What waits is limited to `ROOM` bytes, of which `LONG` bodies take three quarters at most; a further one is
    refused (`too-many-requests`). Bodies of up to `SHORT` bytes are not: there can only be so many for each
    connection.
6.  A wire that keeps what waits itself, one thing at a time for each connection, asks for its turn (`wait`). That is
    not limited here.
"""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import ProtocolError
from cometary.transport.codecs import negotiate
from cometary.transport.http.exchange import Answerer, ask
from cometary.transport.http.refusal_log import RefusalLog
from cometary.transport.http.service import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.exchange import Endpoint, Exchange

    Waiting = tuple[int, int, int, object, Callable[[], None]]
    """When it is finished, which one it is, its bytes, its connection, and what is to be done, which never raises."""

AT_ONCE: Final = 32 * 1024
A_TURN: Final = 16 * 1024
ROOM: Final = 64 * 1024 * 1024
LONG: Final = 16 * 1024
SHORT: Final = 1024
BARE: Final = 512
"""What a request without a body counts as: it is answered, too."""

RETRY_AFTER: Final = 1
"""Seconds after which a client whose body there was no room for is told to try again."""


class BodyQueue:
    """The bodies that wait to be read.

    Args:
        start_soon: runs an async function beside everything else.
        room: bytes that wait at most.

    Attributes:
        credit: bytes that may still be read at once.
        waiting: bytes that wait.
        last: the connections with bodies that wait, each with when its last one is finished (rule 3).
        refusals: logs those that are too long.
    """

    __slots__ = (
        "_count",
        "_queue",
        "_reached",
        "_room",
        "_start_soon",
        "_taking_turns",
        "credit",
        "last",
        "refusals",
        "waiting",
    )

    def __init__(self, start_soon: Callable[..., None], room: int = ROOM) -> None:
        self.refusals = RefusalLog()
        self.credit = AT_ONCE
        self.waiting = 0
        self.last: dict[object, int] = {}
        self._start_soon = start_soon
        self._room = room
        self._queue: list[Waiting] = []
        self._reached = 0
        self._count = 0
        self._taking_turns = False

    def begin_turn(self) -> None:
        """Take note that the loop is about to look at sockets."""
        if not self._queue:
            self.credit = AT_ONCE

    def metered(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint that calls `endpoint`, at once or in its turn."""
        return Metered(self, endpoint)

    def put(self, exchange: Exchange, endpoint: Endpoint) -> None:
        """Have `endpoint` answer `exchange` in its turn, or refuse it when there is no room."""
        size = len(exchange.body) or BARE
        if size > SHORT and self.waiting + size > (self._room if size <= LONG else self._room * 3 // 4):
            detail = "the server is behind with reading what it is sent"
            error = ProtocolError("too-many-requests", detail, retry_after=RETRY_AFTER)
            exchange.refuse(error, negotiate(exchange.headers.get(b"content-type", b"")))
            return
        self.wait(size, connection_of(exchange), partial(call, endpoint, exchange))

    def wait(self, size: int, connection: object, work: Callable[[], None]) -> None:
        """Have `work` done, which never raises, when `size` more bytes of `connection` have their turn."""
        finished = max(self._reached, self.last.get(connection, 0)) + size
        self.last[connection] = finished
        self._count += 1
        self.waiting += size
        heappush(self._queue, (finished, self._count, size, connection, work))
        if not self._taking_turns:
            self._taking_turns = True
            self._start_soon(self._take_turns)

    async def _take_turns(self) -> None:
        while self._queue:
            self.take_turn()
            await trio.lowlevel.checkpoint()
        self._reached = 0
        self._taking_turns = False

    def take_turn(self) -> None:
        """Read what has its turn now."""
        left = A_TURN
        while self._queue and (left == A_TURN or self._queue[0][2] <= left):
            finished, _, size, connection, work = heappop(self._queue)
            left -= size
            self.waiting -= size
            self._reached = finished
            if self.last[connection] == finished:
                del self.last[connection]
            work()
        self.credit = AT_ONCE


class Metered(Answerer):
    """An endpoint that has another one called at once, or in its turn.

    Args:
        queue: says which, and keeps what has to wait.
        endpoint: the other one.
    """

    __slots__ = ("_endpoint", "_queue")

    def __init__(self, queue: BodyQueue, endpoint: Endpoint) -> None:
        self._queue = queue
        self._endpoint = endpoint

    def answer(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later."""
        queue = self._queue
        size = len(exchange.body) or BARE
        if size <= queue.credit and not (queue.last and connection_of(exchange) in queue.last):
            queue.credit -= size
            ask(self._endpoint, exchange)
        else:
            queue.put(exchange, self._endpoint)


def connection_of(exchange: Exchange) -> object:
    """Return what the order of requests is kept for: the connection of one, or itself if it has none any more."""
    carrier = exchange.carrier
    return exchange if carrier is None else carrier
