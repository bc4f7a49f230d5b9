"""Worker threads for blocking applications: a limited number, with a limited queue of requests waiting for them.

1.  The loop hands a request over and goes on: however slow an application is, sessions do not wait for it.
2.  A request whose client has gone before its turn is not worked on.
3.  A thread that computes lets the loop have the interpreter sooner than Python does by itself (`SWITCH`).
4.  A thread that does not end when the server stops is left behind.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import trio

from cometary.doors.hosting.host import Host
from cometary.doors.hosting.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.exchange import Exchange

SWITCH: Final = 0.0005
"""Seconds that a thread keeps the interpreter while others want it; Python's own are 0.005."""


class Workers(Host):
    """The workers of one application.

    Args:
        work: answers an exchange, in a thread.
        threads: how many there are.
        queue: how many requests wait for them at most.
    """

    def __init__(self, work: Callable[[Exchange, Response], None], threads: int, queue: int) -> None:
        super().__init__(threads + queue)
        self._work = work
        self._threads = threads

    async def run(self) -> None:
        """See `Host.run`."""
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
            exchange = await self.next_request()
            try:
                if exchange.carrier is not None:
                    await trio.to_thread.run_sync(
                        self._work, exchange, Response(exchange), abandon_on_cancel=True, limiter=limiter
                    )
            finally:
                self.done()
