"""The sessions that have ended, as operators may see them: why they ended, how they were then, and their last steps.

1.  The latest are remembered, as many as the operator says (`ended-sessions`); the oldest is forgotten for each
    further one.
2.  An entry is small, however much the session had: it has the first `SHOWN` of its paths and of its undelivered
    packets, only paths and sizes of the latter; and both ends of a long user name. Once complete it is packed: a busy
    server has a few tens of thousands of them in an hour.
3.  What is searched stands beside each entry, so a search unpacks nothing.
4.  An entry is made when the session ends, and completed when it has signed off: only then is it known what was
    undelivered. None of this slows a packet on its way. The last steps are there if an operator looked at the session
    while it lived (`cometary.sessions.recordings`).
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cometary.sessions.application import Paths
from cometary.sessions.brief import packet_in_brief, session_in_brief
from cometary.sessions.journal import reason_of, shown_user
from cometary.sessions.recordings import Recordings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cometary.packets.packet import Packet
    from cometary.sessions.keeper import SessionKeeper

MOST: Final = 10_000
SHOWN: Final = 20

SLICE: Final = 2_000
"""Entries that are looked at in one go: less than a millisecond."""

pack: Final = msgspec.msgpack.Encoder().encode
unpack: Final = msgspec.msgpack.Decoder().decode


class Entry:
    """What is remembered of one session.

    Args:
        described: all of it, as plain data.

    Attributes:
        reason: why it has ended.
        searched: its name, its user and its paths, as text without capitals; a line each.
    """

    __slots__ = ("_described", "reason", "searched")

    def __init__(self, described: dict[str, Any]) -> None:
        self._described: dict[str, Any] | bytes = described
        self.reason: str = described["reason"]
        members = (described["name"], str(described["user"]), *described["paths"])
        self.searched = "\n".join(members).casefold()

    @property
    def described(self) -> dict[str, Any]:
        """All of it."""
        described = self._described
        return unpack(described) if isinstance(described, bytes) else described

    def complete(self, **members: object) -> None:
        """Take what was still to come."""
        described = {**self.described, **members}
        try:
            self._described = pack(described)
        except (TypeError, ValueError, OverflowError):
            self._described = described  # it has a user whose name is no Unicode, or a number beyond 64 bits


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
        self._by_name: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def latest(self, first: int, most: int) -> list[str]:
        """Return the names of `most` of them, the latest first, without the `first` latest ones."""
        return [*islice(reversed(self._by_name), first, first + most)]

    def search(self, text: str, reason: str = "") -> Iterator[list[str]]:
        """Yield the names of those that fit, the latest first, bit by bit: those among the next `SLICE`.

        Args:
            text: what is in their name, their user or one of their paths; capitals make no difference.
            reason: why they have ended; any reason if it is empty.
        """
        wanted = text.casefold()
        rest = iter([*reversed(self._by_name.items())])
        while part := [*islice(rest, SLICE)]:
            yield [
                name
                for name, entry in part
                if wanted in entry.searched and (not reason or entry.reason == reason)
            ]

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the one with this public name; None if it is no longer known, or never was."""
        entry = self._by_name.get(name)
        return None if entry is None else entry.described

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
        described = {
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
        self._by_name[keeper.name] = Entry(described)
        self._forget()

    def settle(self, keeper: SessionKeeper, undelivered: Sequence[Packet]) -> None:
        """Take note of what a session that has ended did not deliver."""
        known = self._by_name.get(keeper.name)
        if known is not None:
            packets = [packet_in_brief(packet) for packet in undelivered[:SHOWN]]
            known.complete(undelivered=len(undelivered), undelivered_packets=packets)

    def _forget(self) -> None:
        while len(self._by_name) > self._most:
            del self._by_name[next(iter(self._by_name))]
