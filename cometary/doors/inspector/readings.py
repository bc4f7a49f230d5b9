"""What all sessions have done since the last reading, read a slice at a time: how fast packets go, and whose."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import trio

if TYPE_CHECKING:
    from cometary.sessions import SessionKeeper, SessionManager

SLICE: Final = 500
"""Sessions: about a millisecond."""

BUSIEST: Final = 10
REST: Final = 20.0
"""After a reading comes a pause of at least so many times its duration, however many sessions there are."""


class Readings:
    """The latest reading, and what has changed since the one before.

    Args:
        manager: knows the sessions.

    Attributes:
        rates: packets a second, in and out, of each session that had any, by its name.
        shown: the sums, as pages see them.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._counts: dict[str, int] = {}
        self._read_at = 0.0
        self._next = 0.0
        self.rates: dict[str, float] = {}
        self.shown: dict[str, Any] = {}

    async def take(self) -> None:
        """Take another reading, unless it is too soon for that."""
        began = trio.current_time()
        if began < self._next:
            return
        before, seconds = self._counts, began - self._read_at
        counts: dict[str, int] = {}
        states: Counter[str] = Counter()
        wires: Counter[str] = Counter()
        queued = unhandled = 0
        keepers = iter(self._manager.directory)
        while part := list(islice(keepers, SLICE)):
            for keeper in part:
                counts[keeper.name] = packets_of(keeper)
                states[keeper.machine.state.name] += 1
                wires[keeper.wire] += 1
                queued += len(keeper.machine.outbox)
                unhandled += keeper.unhandled
            await trio.lowlevel.checkpoint()
        self._counts, self._read_at = counts, began
        self.rates = rates(before, counts, seconds) if before else {}
        self._next = began + REST * (trio.current_time() - began)
        self.shown = {
            "sessions": len(counts),
            "states": dict(states),
            "wires": dict(wires),
            "queued": queued,
            "unhandled": unhandled,
            "rate": round(sum(self.rates.values()), 1),
            "busiest": [
                {"name": name, "rate": round(rate, 1)}
                for name, rate in heapq.nlargest(BUSIEST, self.rates.items(), key=lambda item: item[1])
            ],
        }


def packets_of(keeper: SessionKeeper) -> int:
    """Return how many packets have come from the client of a session, and gone to it."""
    return keeper.received + keeper.machine.outbox.sent


def rates(before: dict[str, int], now: dict[str, int], seconds: float) -> dict[str, float]:
    """Return by how much the count of each name has grown a second, where it has."""
    if seconds <= 0:
        return {}
    return {
        name: (count - before[name]) / seconds
        for name, count in now.items()
        if name in before and count > before[name]
    }
