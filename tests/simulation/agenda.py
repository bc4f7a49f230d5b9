"""What happens when, in virtual time: calls that are due, in the order in which they are.

1.  Times are rounded up to a `TICK`, a power of two, so that no clock can round them differently.
2.  What is due at the same time is called in the order in which it was entered.
3.  Between two ticks every Trio task, and so the whole server, runs as long as it has anything to do.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import Any, Final

import trio

TICK: Final = 1 / 8
"""Seconds."""


class Agenda:
    """Calls that are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._sleep = trio.CancelScope()
        self._next = math.inf

    def now(self) -> float:
        """Return the time."""
        return trio.current_time()

    def after(self, seconds: float, call: Callable[..., object], *args: Any) -> None:
        """Have `call(*args)` called so many seconds from now, at the next tick at the earliest."""
        self.at(self.now() + seconds, call, *args)

    def at(self, time: float, call: Callable[..., object], *args: Any) -> None:
        """Have it called at a time, but at the next tick at the earliest."""
        due = max(math.ceil(time / TICK), math.floor(self.now() / TICK) + 1) * TICK
        heapq.heappush(self._heap, (due, next(self._order), call, args))
        if due < self._next:
            self._next = self._sleep.deadline = due

    async def run(self) -> None:
        """Call what is due until cancelled."""
        heap = self._heap
        while True:
            self._next = heap[0][0] if heap else math.inf
            with trio.CancelScope(deadline=self._next) as self._sleep:
                await trio.sleep_forever()
            now = trio.current_time()
            while heap and heap[0][0] <= now:
                _, _, call, args = heapq.heappop(heap)
                call(*args)
