"""The access log: one event for each answered request, if an operator asks for that.

1.  At most `PER_SECOND` are logged in a second; those beyond that are counted, and reported in one event with the
    first request of a later second. So a flood of requests does not become one of lines.
2.  Of what a client says, only the method and the path are logged, shortened; never the query, a header or a body,
    which hold tokens and the ids of sessions.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cometary.background_log import shortened
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

PER_SECOND: Final = 100
LONGEST: Final = 200
"""Characters of a path."""

logger = get_logger("cometary.access")


class AccessLog:
    """Logs the requests that one server has answered.

    Args:
        now: reads the clock, in seconds.
        addresses: whether it tells where they came from.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, *, addresses: bool = True) -> None:
        self._now = now
        self._addresses = addresses
        self._second = 0
        self._left = PER_SECOND
        self._left_out = 0

    def note(self, method: str, path: str, status: int, peer: str) -> None:
        """Log a request whose answer has begun.

        Args:
            method: as it was sent.
            path: of its target, without the query.
            status: of the answer.
            peer: the address of the client.
        """
        second = int(self._now())
        if second != self._second:
            self._begin(second)
        if not self._left:
            self._left_out += 1
            return
        self._left -= 1
        where = {"address": peer} if self._addresses else {}
        logger.info("request", method=method[:LONGEST], path=shortened(path, LONGEST), status=status, **where)

    def _begin(self, second: int) -> None:
        self._second, self._left = second, PER_SECOND
        left_out, self._left_out = self._left_out, 0
        if left_out:
            logger.info(
                "more requests", text=f"{left_out} more requests, not told one by one", requests=left_out
            )
