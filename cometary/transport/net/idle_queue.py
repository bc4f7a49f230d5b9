"""Deadlines of what is idle again and again, for a moment each time: beginning and ending that is an assignment.

A kept connection is idle between a response and the next request, which nearly always comes long before it is closed
for that.

1.  A channel that is idle has a time until which it may be (`Channel.idle_until`), and one that is busy has none (0).
    Moving that touches nothing else.
2.  It is in the queue once, under the second of some time until which it may have been idle, never later than the
    present one. When that second comes it is looked at: if it is busy it leaves the queue, until it is idle again; if
    it may be idle for longer, it is looked at then.
3.  A channel that is closed would stay in it for a while, so whatever closes it takes it out (`remove`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.transport.net.channel import Channel
from cometary.transport.net.deadlines import DeadlineQueue

if TYPE_CHECKING:
    from collections.abc import Callable


class IdleQueue(DeadlineQueue[Channel]):
    """Channels that expire when they have been idle for a constant time.

    Args:
        duration: Seconds from `add` to expiry.
        on_first: As in `DeadlineQueue`.
    """

    __slots__ = ("_count", "_seconds")

    def __init__(self, duration: float, on_first: Callable[[float], float]) -> None:
        super().__init__(duration, on_first)
        self._seconds: dict[int, dict[Channel, None]] = {}
        self._count: int = 0

    def __len__(self) -> int:
        return self._count

    @property
    def first(self) -> float | None:
        """When the first member is to be looked at; None if the queue is empty."""
        return float(min(self._seconds)) if self._seconds else None

    def add(self, member: Channel, now: float) -> None:
        """Let `member` be idle from `now` on; see `DeadlineQueue.add`."""
        if not self._count:
            now = self._on_first(now)
        member.idle_until = until = now + self.duration
        if not member.idle_second:
            self._enter(member, int(until))

    def discard(self, member: Channel) -> None:
        """Take note that `member` is busy."""
        member.idle_until = 0.0

    def remove(self, member: Channel) -> None:
        """Take `member` out for good, if it is in (rule 3)."""
        member.idle_until = 0.0
        members = self._seconds.get(member.idle_second)
        if members is not None and member in members:  # else it is in no queue, or in another
            del members[member]
            self._count -= 1
            if not members:
                del self._seconds[member.idle_second]
            member.idle_second = 0

    def expired(self, now: float) -> list[Channel]:
        """Take out the members whose time is up at `now`; oldest first."""
        late: list[Channel] = []
        for second in sorted([second for second in self._seconds if second <= now]):
            for member in self._seconds.pop(second):
                member.idle_second = 0
                self._count -= 1
                until = member.idle_until
                if until > now:
                    self._enter(member, max(int(until), int(now) + 1))
                elif until:
                    late.append(member)
        late.sort(key=idle_until)
        return late

    def _enter(self, member: Channel, second: int) -> None:
        member.idle_second = second = max(second, 1)  # 0 is for none
        self._count += 1
        members = self._seconds.get(second)
        if members is None:
            self._seconds[second] = {member: None}
        else:
            members[member] = None


def idle_until(channel: Channel) -> float:
    """Return until when a channel may be idle."""
    return channel.idle_until
