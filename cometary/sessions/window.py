"""The window of request ids: which request is new, early, a retry, or out of the window.

1.  New requests are processed in the order of their ids, without gaps; `expected` is the next.
2.  An id that was processed before is a retry: its packets are not handed over again.
3.  An id above `expected`, but within the window, is early and waits for those before it.
4.  Anything else is out of the window.

Pure. Source: XEP-0124 section 14 (request ids), with BOSH's `requests` as the width.
"""

from __future__ import annotations

from typing import Generic, TypeVar

R = TypeVar("R")


class RequestWindow(Generic[R]):
    """Puts the requests of one client in order.

    Args:
        first_rid: the id of the request that opened the session.
        width: how many requests the client may have unanswered.
    """

    __slots__ = ("_early", "expected", "first_rid", "width")

    def __init__(self, first_rid: int, width: int) -> None:
        self.first_rid = first_rid
        self.width = width
        self.expected = first_rid + 1
        """The id of the next new request; whoever processes that request adds one."""
        self._early: dict[int, R] | None = None

    @property
    def last(self) -> int:
        """The id of the last request that was processed."""
        return self.expected - 1

    def seen(self, rid: int) -> bool:
        """Whether a request with the id `rid` has been processed: another is a retry."""
        return self.first_rid <= rid < self.expected

    def early(self, rid: int) -> bool:
        """Whether a request with the id `rid` may wait for those before it."""
        return self.expected < rid < self.expected + self.width

    def take_expected(self) -> R | None:
        """Take out the early request that is expected by now, if it is there."""
        return self._early.pop(self.expected, None) if self._early else None

    def keep(self, rid: int, request: R) -> R | None:
        """Let an early request wait; returns the one with the same id that waited before, if any."""
        if self._early is None:
            self._early = {}
        older = self._early.get(rid)
        self._early[rid] = request
        return older

    @property
    def has_early(self) -> bool:
        """Whether any request waits for one before it."""
        return bool(self._early)

    @property
    def early_count(self) -> int:
        """How many wait for one before them."""
        return len(self._early) if self._early else 0

    def forget(self, rid: int, request: R) -> None:
        """Let `request` not wait any more, if it does."""
        if self._early and self._early.get(rid) is request:
            del self._early[rid]

    def give_up(self) -> list[R]:
        """Take out all requests that wait, in the order of their ids."""
        early, self._early = self._early, None
        return [early[rid] for rid in sorted(early)] if early else []
