"""Which sessions exist, and which did a moment ago.

A client that comes back to a session that has ended is told why, for a while; after that its
session is simply unknown. Pure: time comes in from outside.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cometary.sessions.locator import Gone, Here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.locator import Place

NEVER: Final = Gone(None)
"""Where there is no session, and none is remembered."""


class Directory:
    """Sessions by their secret id.

    Args:
        remember: seconds for which the end of a session is remembered.
        max_remembered: how many ends are remembered at most; beyond it the oldest are forgotten.
        now: reads the clock, in seconds; without it ends are only forgotten when others are added.

    Attributes:
        living: the sessions that have not ended, by their ids; to be changed here only.
    """

    def __init__(
        self, remember: float, max_remembered: int = 100_000, now: Callable[[], float] | None = None
    ) -> None:
        self._now = now
        self._remember = remember
        self._max_remembered = max_remembered
        self.living: dict[str, SessionKeeper] = {}
        self._ended: OrderedDict[str, tuple[Gone, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.living)

    def __iter__(self) -> Iterator[SessionKeeper]:
        return iter(list(self.living.values()))

    def add(self, keeper: SessionKeeper) -> None:
        """Enter a new session."""
        self.living[keeper.sid] = keeper

    def remove(self, keeper: SessionKeeper) -> None:
        """Take out a session that goes on elsewhere; nobody who looks for it here finds it any longer."""
        del self.living[keeper.sid]

    def find(self, sid: str) -> Place:
        """Say where the session with the id `sid` is: here, or gone."""
        keeper = self.living.get(sid)
        if keeper is not None:
            return Here(keeper)
        if self._now is not None:
            self._forget(self._now())
        ended = self._ended.get(sid)
        return NEVER if ended is None else ended[0]

    def end(self, keeper: SessionKeeper, reason: str, now: float) -> None:
        """Take out a session that has ended, and remember why.

        Args:
            keeper: the session.
            reason: why it ended.
            now: the time, in seconds.
        """
        if self.living.pop(keeper.sid, None) is None:
            return
        binding = None if keeper.lease is None else keeper.lease.binding
        gone = Gone(reason, binding, keeper.retry_after, keeper.last_rid)
        self._ended[keeper.sid] = (gone, now + self._remember)
        self._forget(now)

    def _forget(self, now: float) -> None:
        # Every end is remembered equally long, so the order of entry is the order of expiry.
        while self._ended:
            sid, (_, until) = next(iter(self._ended.items()))
            if until > now and len(self._ended) <= self._max_remembered:
                return
            del self._ended[sid]
