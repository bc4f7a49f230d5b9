"""What is due after a while on very many connections: a ping, a pong, the end of a patience.

1.  Everything that waits for the same thing waits equally long, so it is due in the order in which it was asked for
    (`cometary.transport.net.deadlines`). Connections by polling have no channel that stays, so there is one such
    clock for a whole wire.
2.  One task looks, as long as anything waits at all: when the first of all is due, but no sooner than `PAUSE` seconds
    after it last looked.
3.  What one of them raises is logged, and does not trouble the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from cometary.log import get_logger
from cometary.transport.net.deadlines import DeadlineQueue, Deadlines

Due = Callable[[], None]
"""What is called when the time has come."""

PAUSE: Final = 0.001
"""Seconds."""

logger = get_logger("cometary.transport")


class Alarms:
    """Calls what is due.

    Args:
        start_soon: runs an async function beside everything else.
    """

    def __init__(self, start_soon: Callable[..., None]) -> None:
        self._start_soon = start_soon
        self._deadlines: Deadlines[Due] = Deadlines(self._wake)
        self._looks = False
        self._first: trio.Event | None = None  # what says that there is a new first one

    def after(self, name: str, seconds: float) -> DeadlineQueue[Due]:
        """Return where what waits for that, for so many seconds, is to be put."""
        return self._deadlines.named(name, seconds)

    def _wake(self, _: float) -> float:
        if not self._looks:
            self._looks = True
            self._start_soon(self._look)
        elif self._first is not None:
            self._first.set()
        return trio.current_time()

    async def _look(self) -> None:
        while firsts := [queue.first for queue in self._deadlines.queues if queue.first is not None]:
            self._first = trio.Event()
            with trio.move_on_at(max(min(firsts), trio.current_time() + PAUSE)):
                await self._first.wait()
            self._first = None
            now = trio.current_time()
            for queue in self._deadlines.queues:
                for due in queue.expired(now):
                    self._call(due)
        self._looks = False

    def _call(self, due: Due) -> None:
        try:
            due()
        except Exception:
            logger.exception("connection failed", text="what was due on a connection failed")
