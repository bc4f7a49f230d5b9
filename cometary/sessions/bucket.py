"""A token bucket: so many a second on average, and so many at once.

1.  The bucket holds `burst` tokens at most, is full at first, and gains `rate` a second.
2.  A caller that wants more tokens than the bucket has waits, and nothing is taken. One that wants more than a full
    bucket holds gets it from a full one, which then owes the rest: so a large request is late, but never impossible.

Pure: the time comes in, in seconds of any clock.
"""

from __future__ import annotations


class Bucket:
    """The tokens of one session or one address.

    Args:
        burst: tokens of a full bucket.
        now: the time.
    """

    __slots__ = ("_at", "_tokens")

    def __init__(self, burst: float, now: float) -> None:
        self._tokens = burst
        self._at = now

    def level(self, rate: float, burst: float, now: float) -> float:
        """Return how many tokens there are."""
        self._tokens = min(burst, self._tokens + (now - self._at) * rate)
        self._at = now
        return self._tokens

    @property
    def tokens(self) -> float:
        """How many there were when it was last looked at."""
        return self._tokens

    def wait(self, count: float, rate: float, burst: float, now: float) -> float:
        """Return after how many seconds `count` tokens may be taken; 0 if that is now."""
        tokens = self._tokens + (now - self._at) * rate
        self._tokens = tokens = tokens if tokens < burst else burst  # noqa: FURB136 - min() takes twice as long
        self._at = now
        return 0.0 if tokens >= count or tokens >= burst else (min(count, burst) - tokens) / rate

    def take(self, count: float) -> None:
        """Take tokens, after `wait` has said that they may be taken."""
        self._tokens -= count

    def full(self, rate: float, burst: float, now: float) -> bool:
        """Whether nothing is remembered that a new bucket would not know."""
        return self._tokens + (now - self._at) * rate >= burst
