"""What a service refuses by its configuration, in the log: so that whoever forgot an option finds out which.

1.  Each value is logged once in `WINDOW` seconds, and so are at most `MOST` values: strangers choose them.
2.  What was left out is counted, and the number logged with the first refusal of the next window.
3.  Only what names a site is logged, shortened; never a token, a cookie or a body.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW: Final = 60.0
"""Seconds."""

MOST: Final = 10
LONGEST: Final = 200
"""Characters of a value."""

EVENTS: Final = {"host": "host refused", "origin": "origin refused"}

logger = get_logger("cometary.transport")


class RefusalLog:
    """Logs what one service refuses.

    Args:
        now: Tells the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ends = 0.0
        self._logged: set[tuple[str, bytes]] = set()
        self._left_out = 0

    def note(self, what: str, value: bytes, option: str) -> None:
        """Log that a request was refused, unless enough has been said of that.

        Args:
            what: `origin` or `host`.
            value: What the request said.
            option: What would have allowed it.
        """
        now = self._now()
        if now >= self._ends:
            self._begin(now)
        value = value[:LONGEST]
        if (what, value) in self._logged or len(self._logged) >= MOST:
            self._left_out += 1
            return
        self._logged.add((what, value))
        shown = ascii(value.decode("latin-1"))
        text = f"requests with the {what} {shown} are refused; the option `{option}` could allow them"
        logger.info(EVENTS[what], text=text, option=option, **{what: shown})

    def _begin(self, now: float) -> None:
        self._ends = now + WINDOW
        self._logged.clear()
        left_out, self._left_out = self._left_out, 0
        if left_out:
            text = f"{left_out} more requests with wrong origins or hosts were refused"
            logger.info("more refused", text=text, refused=left_out)
