"""The sessions that have ended, as operators may see them: why, how they were then, and their last steps.

1.  The latest are remembered, as many as the operator says (`ended-sessions`); for one more, the oldest is forgotten.
2.  An entry is small, however much the session had: it has the first `SHOWN` of its paths and of its undelivered
    packets, of these only paths and sizes; and of a long user name, both ends.
3.  An entry is made when the session ends, and completed when it has signed off: only then is it known what was
    undelivered. None of this is on the way of a packet. The last steps are there if an operator looked at the session
    while it lived (`cometary.sessions.recordings`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from cometary.sessions.application import Paths
from cometary.sessions.brief import packet_in_brief, session_in_brief
from cometary.sessions.journal import reason_of, shown_user
from cometary.sessions.recordings import Recordings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cometary.packets.packet import Packet
    from cometary.sessions.keeper import SessionKeeper

MOST: Final = 1_000
SHOWN: Final = 20


class EndedSessions:
    """Takes note of the sessions that end.

    Args:
        most: how many are remembered; 0 for none.

    Attributes:
        recordings: the latest steps of those that operators look at while they live.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.recordings = Recordings()
        self._by_name: dict[str, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield them, the latest first."""
        return iter([*reversed(self._by_name.values())])

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the one with this public name; None if it is no longer known, or never was."""
        return self._by_name.get(name)

    def change(self, most: int) -> None:
        """Remember so many from now on."""
        self._most = most
        self._forget()

    def note(self, keeper: SessionKeeper, now: float, paths: Paths) -> None:
        """Take note that a session has ended.

        Args:
            keeper: the session.
            now: the time, in seconds of the clock that timed its opening.
            paths: what it was connected to.
        """
        steps = self.recordings.take(keeper)
        if not self._most:
            return
        self._by_name[keeper.name] = {
            **session_in_brief(keeper, now),
            "user": shown_user(keeper),
            "reason": reason_of(keeper),
            "ended": round(time.time(), 3),
            "last_state": keeper.machine.state.name,
            "received": keeper.received,
            "restarts": keeper.ref.actor_inbox.life,
            **Paths(paths.listed[:SHOWN], paths.total).shown(),
            "undelivered": None,
            "undelivered_packets": [],
            "steps": steps,
        }
        self._forget()

    def settle(self, keeper: SessionKeeper, undelivered: Sequence[Packet]) -> None:
        """Take note of what a session that has ended did not deliver."""
        known = self._by_name.get(keeper.name)
        if known is not None:
            known["undelivered"] = len(undelivered)
            known["undelivered_packets"] = [packet_in_brief(packet) for packet in undelivered[:SHOWN]]

    def _forget(self) -> None:
        while len(self._by_name) > self._most:
            del self._by_name[next(iter(self._by_name))]
