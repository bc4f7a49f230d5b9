"""The answers that a client may not have received: they are sent again, byte for byte, when it repeats a request.

1.  Without acknowledgements these are the latest answers, as many as the client may have unanswered requests (XEP-0124,
    section 14.3).
2.  With acknowledgements (section 9) they are those that were not acknowledged, however many, up to `MOST_BYTES` in
    all, with the keys of their requests, which a client may make as long as a tag can be. Beyond that the client breaks
    the rules: it asks for more and more, and acknowledges nothing.
3.  A client gets an answer again only if it shows the key of the request.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Final, NamedTuple

MOST_BYTES: Final = 1 << 20
EACH: Final = 128
"""Bytes that each answer counts for, in addition to its own."""


class Answered(NamedTuple):
    """One answer.

    Attributes:
        body: what was said.
        key: the key of the request; None without one.
        time: when it was given, in seconds of the shell's clock.
    """

    body: bytes
    key: str | None
    time: float

    @property
    def size(self) -> int:
        """The bytes that it counts for."""
        return len(self.body) + getsizeof(self.key) + EACH


class Answers:
    """The answers of one session.

    Args:
        width: how many requests the client may have unanswered.
        acknowledged: whether the client acknowledges answers.

    Attributes:
        size: bytes that are kept.
        last: the id of the last request that was answered; 0 if none was.
    """

    __slots__ = ("_acknowledged", "_kept", "_width", "last", "size")

    def __init__(self, width: int, *, acknowledged: bool) -> None:
        self._width = width
        self._acknowledged = acknowledged
        self._kept: dict[int, Answered] = {}
        self.size = 0
        self.last = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def too_many(self) -> bool:
        """Whether the client breaks the rules (rule 2)."""
        return self.size > MOST_BYTES

    def add(self, rid: int, body: bytes, key: str | None, time: float) -> None:
        """Keep an answer."""
        self._kept[rid] = answered = Answered(body, key, time)
        self.size += answered.size
        self.last = rid
        if not self._acknowledged:
            while len(self._kept) > self._width:
                self._forget(next(iter(self._kept)))

    def answered(self, rid: int) -> None:
        """Take note that a request got an answer that is not kept."""
        self.last = rid

    def acknowledge(self, rid: int) -> None:
        """Drop the answers up to this request's."""
        if self._acknowledged:
            for known in [each for each in self._kept if each <= rid]:
                self._forget(known)

    def _forget(self, rid: int) -> None:
        self.size -= self._kept.pop(rid).size

    def find(self, rid: int, key: str | None) -> bytes | None:
        """Return the answer to a request, if it is kept and may be seen (rule 3)."""
        answered = self._kept.get(rid)
        return None if answered is None or answered.key != key else answered.body

    @property
    def oldest(self) -> tuple[int, float] | None:
        """The id of the first request whose answer is kept, and when it was given; None if none is kept."""
        for rid, answered in self._kept.items():
            return rid, answered.time
        return None

    def time_of(self, rid: int) -> float | None:
        """Return when a request was answered; None if that is not kept."""
        answered = self._kept.get(rid)
        return None if answered is None else answered.time
