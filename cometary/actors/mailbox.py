"""A mailbox: what has been sent to an actor and not been handled yet.

Most mailboxes are empty most of the time, and there may be a hundred thousand, so an empty
one has nothing of its own: all share one empty tuple, which is in the processor's caches when
the next message comes. With that comes a list. A turn takes it whole and leaves the empty
tuple; only what is beyond the quota of a turn moves to a deque, so that a very full mailbox
costs no more for each message than a nearly empty one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from cometary.actors.statistics import MailboxStatistics


class Mailbox:
    """Messages in the order of arrival; Pykka's inbox, less the blocking."""

    # What is in the backlog is older than what is in the items. There is no empty backlog.
    __slots__ = ("_backlog", "_items")

    def __init__(self) -> None:
        self._items: list[object] | tuple[()] = ()
        self._backlog: deque[object] | None = None

    def add(self, item: object) -> None:
        """Let a message in, behind all others."""
        items = self._items
        if items:
            items.append(item)
        else:
            self._items = [item]

    def __len__(self) -> int:
        backlog = self._backlog
        return len(self._items) if backlog is None else len(backlog) + len(self._items)

    def empty(self) -> bool:
        """Whether there is nothing to handle (Pykka's inbox protocol)."""
        return not self._items and self._backlog is None

    def get(self) -> Any:
        """Take the oldest message (Pykka's inbox protocol).

        Raises:
            IndexError: if there is none; unlike Pykka's inbox this one never blocks.
        """
        if self._backlog is None and len(self._items) == 1:
            (item,), self._items = self._items, ()
            return item  # nearly always: not worth a deque
        return self.take(1)[0]

    def take(self, quota: int) -> Sequence[object]:
        """Take at most `quota` of the oldest messages; those left over can be `put_back`."""
        backlog = self._backlog
        if backlog is None:
            items, self._items = self._items, ()
            if len(items) <= quota:
                return items
            self._backlog = backlog = deque(items)
        taken = [backlog.popleft() for _ in range(min(quota, len(backlog)))]
        if not backlog:
            self._backlog = None
        return taken

    def put_back(self, untaken: Iterator[object]) -> None:
        """Put what `take` took and nobody handled in front again."""
        rest = list(untaken)
        if self._backlog is not None:
            self._backlog.extendleft(reversed(rest))
        elif rest:
            self._items = [*rest, *self._items]

    def drain(self) -> list[object]:
        """Take everything."""
        everything = [*(self._backlog or ()), *self._items]
        self._backlog = None
        self._items = ()
        return everything

    def statistics(self) -> MailboxStatistics:
        """Tell what has been counted: without a bound only the length, which costs nothing."""
        return MailboxStatistics(len(self))
