"""The allowance of one session: how long others wait for its client, in all.

1.  A client that is waited for only a moment, `FREE` seconds, while it reads half a full queue, is no slow reader.
2.  Any wait beyond that is charged to those that are waited for at the time, in equal shares. So the charge is small
    where a flood is too much for all who hear it, and whole where one client holds up the others.
3.  A session has `ALLOWANCE` seconds of it, which come back slowly. A session that has none left is no longer waited
    for.

Pure: the time comes in, in seconds of any clock.
"""

from __future__ import annotations

from typing import Final

from cometary.sessions.bucket import Bucket

FREE: Final = 1.0
ALLOWANCE: Final = 20.0
"""Seconds."""

REFILL: Final = 0.1
"""Seconds that come back in a second."""


class Allowance:
    """What one session has left.

    Args:
        now: the time.
        left: seconds.
    """

    __slots__ = ("_bucket", "_since")

    def __init__(self, now: float, left: float = ALLOWANCE) -> None:
        self._bucket = Bucket(left, now)
        self._since = now

    @property
    def left(self) -> float:
        """Seconds that were left when it was last looked at."""
        return self._bucket.tokens

    def begin(self, now: float) -> float:
        """Begin to wait for the client; returns for how long, or 0 for not at all."""
        self._since = now
        left = self._bucket.level(REFILL, ALLOWANCE, now)
        return FREE + left if left > 0 else 0.0

    def end(self, now: float, waited_for: int) -> None:
        """Wait no longer; `waited_for` sessions were waited for, this one included."""
        self._bucket.take(max(0.0, now - self._since - FREE) / max(1, waited_for))
