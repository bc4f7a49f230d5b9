"""Deadlines for very many things of which few ever expire.

All members of one queue get the same time, so the order in which they are added is the order in
which they expire, and a dictionary, which keeps that order, is the whole data structure: no heap,
nothing to cancel lazily. What may take longer if it gets on is looked at when it expires, and added
anew. Pure: the time comes in as an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from cometary.transport.http.limits import Limits

T = TypeVar("T", bound="Hashable")


def gets_on(moved: int, periods: int, seconds: float, limits: Limits) -> bool:
    """Whether what has taken `periods` periods of `seconds` may have one more.

    Args:
        moved: Bytes that it got on by in the last of these.
        periods: How many there were.
        seconds: How long each was.
        limits: The slowest and the longest that it may be.
    """
    return moved >= limits.bytes_per_second * seconds and (periods + 1) * seconds <= limits.longest_seconds


class DeadlineQueue(Generic[T]):
    """Members that expire a constant time after they were added.

    Args:
        duration: Seconds from `add` to expiry.
        on_first: Called when the queue was empty and gets a member, since from now on somebody
            must look for expired ones. Told the time that `add` was given; returns the right one.
    """

    __slots__ = ("_deadlines", "_on_first", "duration")

    def __init__(self, duration: float, on_first: Callable[[float], float]) -> None:
        self.duration = duration
        self._on_first = on_first
        self._deadlines: dict[T, float] = {}

    def __len__(self) -> int:
        return len(self._deadlines)

    def add(self, member: T, now: float) -> None:
        """Let `member`, not in the queue yet, expire `duration` seconds after `now`.

        `now` may be as old as the last look for expired members, but the first member's is not
        used: nobody has looked for a while.
        """
        if not self._deadlines:
            now = self._on_first(now)
        self._deadlines[member] = now + self.duration

    def discard(self, member: T) -> None:
        """Take `member` out, if it is in."""
        self._deadlines.pop(member, None)

    def expired(self, now: float) -> list[T]:
        """Take out the members whose time is up at `now`; oldest first."""
        late: list[T] = []
        for member, deadline in self._deadlines.items():
            if deadline > now:
                break
            late.append(member)
        for member in late:
            del self._deadlines[member]
        return late
