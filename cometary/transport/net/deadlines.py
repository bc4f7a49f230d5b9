"""Deadlines for very many things of which few ever expire.

1. All members of one queue get the same time, so the order in which they are added is the order in
   which they expire, and a dictionary, which keeps that order, is the whole data structure: no heap,
   nothing to cancel lazily.
2. A queue is asked for by name and duration, and made on first use. A protocol that waits for different things, or
   for different lengths of time, has a queue for each, and shares none with another protocol.
3. Somebody looks for expired members now and then, as long as any queue has members: the first queue to get one says
   so (`on_first`).
4. A member that has expired is out of its queue. One that may take longer if it gets on (`gets_on`) is looked at
   then, and added anew.

Pure: the time comes in as an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T", bound="Hashable")


def gets_on(moved: int, periods: int, seconds: float, *, slowest: int, longest: float) -> bool:
    """Whether what has taken `periods` periods of `seconds` may have one more.

    Args:
        moved: Bytes that it got on by in the last of these.
        periods: How many there were.
        seconds: How long each was.
        slowest: Bytes a second that it has to get on by.
        longest: Seconds that it may take in all.
    """
    return moved >= slowest * seconds and (periods + 1) * seconds <= longest


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

    @property
    def first(self) -> float | None:
        """When the first member expires; None if there is none."""
        return next(iter(self._deadlines.values()), None)

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


class Deadlines(Generic[T]):
    """The queues of one switchboard.

    Args:
        on_first: As in `DeadlineQueue`.

    Attributes:
        queues: All of them, in the order in which they were first asked for.
    """

    __slots__ = ("_named", "_on_first", "queues")

    def __init__(self, on_first: Callable[[float], float]) -> None:
        self._on_first = on_first
        self._named: dict[tuple[str, float], DeadlineQueue[T]] = {}
        self.queues: list[DeadlineQueue[T]] = []

    def __bool__(self) -> bool:
        return any(self.queues)

    def named(self, name: str, seconds: float) -> DeadlineQueue[T]:
        """Return the queue of this name and duration."""
        queue = self._named.get((name, seconds))
        if queue is None:
            queue = self._named[name, seconds] = DeadlineQueue[T](seconds, self._on_first)
            self.queues.append(queue)
        return queue
