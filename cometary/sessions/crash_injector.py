"""Crashes session actors, one after another in random order, so that a server's users see how it copes.

1.  A round takes every session that was there when it began, once, in random order.
2.  A round takes at least the period over which the supervisor counts crashes. So no session is crashed more than
    twice in one period, which it survives with a crash of its own to spare.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import trio

from cometary.errors import SabotageError
from cometary.sessions.supervisor import PERIOD

if TYPE_CHECKING:
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.manager import SessionManager


class CrashInjector:
    """Crashes actors for a test.

    Args:
        manager: knows the sessions.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._round: list[SessionKeeper] = []
        self._next_round = 0.0

    def crash(self, count: int) -> int:
        """Crash up to `count` session actors; on the loop, outside of any actor.

        Returns:
            How many were crashed: fewer when there are not as many sessions whose turn it is.
        """
        return sum(self._crash_one() for _ in range(count))

    def _crash_one(self) -> bool:
        if not self._round:
            self._begin_round()
        while self._round:
            keeper = self._round.pop()
            if keeper.ended is None:
                keeper.ref.actor_inbox.fail(SabotageError("crashed on request"), None)
                return True
        return False

    def _begin_round(self) -> None:
        now = trio.current_time()
        if now >= self._next_round:
            self._next_round = now + PERIOD
            self._round = list(self._manager.directory)
            random.shuffle(self._round)
