"""The census: what all sessions are doing and have done, counted bit by bit.

A counter must never fall: Prometheus would think that the server was restarted. While the census goes on, sessions
end, and go over to the sums of the past. These are read first, so none is counted twice; a session that ends before
its turn is missing until the next census. `Rising` keeps a sum from falling because of that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.sessions.totals import Totals

SLICE: Final = 500
"""Sessions: about a millisecond."""


@dataclass(slots=True)
class Census:
    """What was counted.

    Attributes:
        totals: what has become of all packets.
        by_state: how many sessions are in which state, carried by which wire.
        queued: packets that clients have not acknowledged.
        queued_bytes: the bytes of these.
        longest: packets in the longest queue.
        unhandled: packets of clients that the application has not handled yet.
    """

    totals: Totals
    by_state: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    queued: int = 0
    queued_bytes: int = 0
    longest: int = 0
    unhandled: int = 0

    def count(self, keeper: SessionKeeper) -> None:
        """Count one session."""
        outbox = keeper.machine.outbox
        self.totals.add(outbox)
        self.totals.received += keeper.received
        if keeper.ended is not None:
            return
        length = len(outbox)
        self.by_state[keeper.machine.state.name, keeper.wire] += 1
        self.queued += length
        self.queued_bytes += outbox.size
        self.longest = max(self.longest, length)
        self.unhandled += keeper.unhandled


async def take_census(manager: SessionManager) -> Census:
    """Count all sessions; the loop is free after each slice."""
    census = Census(manager.past())
    keepers = iter(manager.unsettled())
    while part := list(islice(keepers, SLICE)):
        for keeper in part:
            if not keeper.settled:  # else it is, or will be, in the past
                census.count(keeper)
        await trio.lowlevel.checkpoint()
    return census


class Rising:
    """Keeps sums from falling."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def of(self, totals: Totals) -> dict[str, int]:
        """Return the sums, each at least as high as it was."""
        for name, value in asdict(totals).items():
            self._highest[name] = max(value, self._highest.get(name, 0))
        return dict(self._highest)
