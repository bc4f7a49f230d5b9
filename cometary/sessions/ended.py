"""The sessions that have ended, as operators may see them: why, how they were then, and their last steps.

1.  The latest ones are kept, as many as the operator says (`ended-sessions`); for one more the oldest is forgotten.
2.  What is told of one is small, however much it had: of its paths and of the packets that it did not deliver the first
    `SHOWN`, of these no more than paths and sizes; of a long name of a user the ends.
3.  It is taken note of when the session ends, and again when it has signed off: only then it is known what was
    undelivered. Nothing of this is on the way of a packet. Its last steps are there if an operator had looked at it
    while it lived (`cometary.sessions.recordings`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from cometary.sessions.application import Paths
from cometary.sessions.brief import packet_in_brief
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
        most: how many are kept; 0 for none.

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
        """Return the one with this public name; None if it is not known any more, or never was."""
        return self._by_name.get(name)

    def change(self, most: int) -> None:
        """Keep so many from now on."""
        self._most = most
        self._forget()

    def note(self, keeper: SessionKeeper, now: float, paths: Paths) -> None:
        """Take note that a session has ended.

        Args:
            keeper: the session.
            now: the time, in seconds of the clock that its opening was told by.
            paths: what it was connected to.
        """
        steps = self.recordings.take(keeper)
        if not self._most:
            return
        self._by_name[keeper.name] = {
            **keeper.describe(now),
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
