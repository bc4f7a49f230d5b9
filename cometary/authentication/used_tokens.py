"""Tokens that are good once: which have been used, until they would have expired anyway.

1.  A token is known by its `jti`, of which a digest is kept: what is remembered of one is small, however long that is.
2.  It is remembered until its expiry, for from then on it is refused whoever brings it.
3.  At most `MOST` are remembered. Beyond that nobody else is let in until some have expired: to forget one early would
    make it good again.
4.  With each new one at most two that have expired are forgotten, so that none takes long.

Pure: time comes in as an argument.
"""

from __future__ import annotations

from hashlib import blake2b
from heapq import heappop, heappush
from typing import Final

from cometary.errors import ProtocolError

MOST: Final = 1_000_000

RETRY_AFTER: Final = 1
"""Seconds after which a client that there was no room for is told to try again."""


class UsedTokens:
    """Those of one server.

    Args:
        most: how many are remembered.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: set[bytes] = set()
        self._ends: list[tuple[float, bytes]] = []

    def take(self, jti: str, until: float, now: float) -> bool:
        """Take note that a token is used; returns False if it was before.

        Args:
            jti: what tells it from all others.
            until: when it expires, on the same clock as `now`.
            now: the time.

        Raises:
            ProtocolError: `too-many-sessions`: as many are remembered as may be; nobody's fault, try later.
        """
        for _ in range(2):
            if self._ends and self._ends[0][0] <= now:
                self._known.discard(heappop(self._ends)[1])
        digest = blake2b(jti.encode(errors="surrogatepass"), digest_size=16).digest()
        if digest in self._known:
            return False
        if len(self._known) >= self._most:
            detail = "too many tokens have been used that have not expired yet"
            raise ProtocolError("too-many-sessions", detail, retry_after=RETRY_AFTER)
        self._known.add(digest)
        heappush(self._ends, (until, digest))
        return True
