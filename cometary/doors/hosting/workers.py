"""Worker threads for blocking applications: so many at one time, and so many requests that wait for them.

1.  The loop hands a request over and goes on: however slow an application is, sessions do not wait for it.
2.  When all workers are busy and as many requests wait as may, a further one is answered 503 at once.
3.  A request whose client has gone before its turn is not worked on.
4.  A thread that computes lets the loop have the interpreter sooner than Python does by itself (`SWITCH`).
5.  When the server stops, nothing more is taken, and what is under way may end; a thread that does not is left behind.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import trio

from cometary.doors.hosting.response import TEXT, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.exchange import Exchange

BUSY: Final = b"The application is busy; ask again in a moment.\n"
STOPPING: Final = b"The server is stopping; ask again in a moment.\n"
SWITCH: Final = 0.0005
"""Seconds that a thread keeps the interpreter while others want it; Python's own are 0.005."""

RETRY: Final = ((b"Retry-After", b"1"),)


class Workers:
    """The workers of one application.

    Args:
        work: answers an exchange, in a thread.
        threads: how many there are.
        queue: how many requests wait for them at most.

    Attributes:
        busy: how many requests are worked on, and wait.
        refused: how many were refused since all workers were busy.
    """

    def __init__(self, work: Callable[[Exchange, Response], None], threads: int, queue: int) -> None:
        self._work = work
        self._threads = threads
        self._most = threads + queue
        self._send, self._receive = trio.open_memory_channel["Exchange"](self._most)
        self._idle = trio.Event()
        self._stopping = False
        self.busy = 0
        self.refused = 0

    def __call__(self, exchange: Exchange) -> None:
        """Have `exchange` answered by a worker, if there is room."""
        if self._stopping:
            exchange.respond(503, STOPPING, TEXT, RETRY)
        elif self.busy >= self._most:
            self.refused += 1
            exchange.respond(503, BUSY, TEXT, RETRY)
        else:
            self.busy += 1
            self._send.send_nowait(exchange)

    async def run(self) -> None:
        """Work until cancelled; for a child specification."""
        limiter, usual = trio.CapacityLimiter(self._threads), sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH, usual))
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(self._threads):
                    nursery.start_soon(self._go_on, limiter)
        finally:
            sys.setswitchinterval(usual)

    async def _go_on(self, limiter: trio.CapacityLimiter) -> None:
        while True:
            exchange = await self._receive.receive()
            try:
                if exchange.carrier is not None:
                    await trio.to_thread.run_sync(
                        self._work, exchange, Response(exchange), abandon_on_cancel=True, limiter=limiter
                    )
            finally:
                self.busy -= 1
                if not self.busy:
                    self._idle.set()

    async def aclose(self) -> None:
        """Take nothing more, and wait until all is done."""
        self._stopping = True
        if self.busy:
            self._idle = trio.Event()
            await self._idle.wait()
