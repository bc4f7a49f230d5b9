"""Logs what the configuration refuses, so that an operator who forgot an option, or set it too low, finds out which.

1.  Each value is logged once in `WINDOW` seconds, and at most `MOST` values are: strangers choose them.
2.  What was left out is counted, and the number is logged with the first refusal of the next window.
3.  Only names of sites and paths are logged, shortened, and the sizes of bodies; never a token, a cookie or a body.
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
FRAMES: Final = "a WebSocket"
"""What stands for the path where there is none."""

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
        value = value[:LONGEST]
        if self._is_enough(what, value):
            return
        shown = ascii(value.decode("latin-1"))
        text = f"requests with the {what} {shown} are refused; the option `{option}` could allow them"
        logger.info(EVENTS[what], text=text, option=option, **{what: shown})

    def note_body(self, path: str, length: bytes | None, option: str) -> None:
        """Log that a body was too long, unless enough has been said of its path.

        Args:
            path: Where it was sent.
            length: Its bytes, as the request said; None if it did not.
            option: What would have allowed it.
        """
        path = ascii(path[:LONGEST])[1:-1]  # so that it stays on one line
        self._note_size(path, None if length is None else int(length), option)

    def note_message(self, size: int, most: int) -> None:
        """Log that a message on a WebSocket was longer than `most` bytes, if it was and enough has not been said."""
        if size > most:
            self._note_size(FRAMES, size, "body-bytes")

    def _note_size(self, path: str, size: int | None, option: str) -> None:
        if self._is_enough("size", path.encode()):
            return
        body = "a body" if size is None else f"a body of {size} bytes"
        text = f"{body} for {path} is refused as too large; the option `{option}` could allow it"
        logger.info("body refused", text=text, path=path, size=size, option=option)

    def _is_enough(self, what: str, value: bytes) -> bool:
        now = self._now()
        if now >= self._ends:
            self._begin(now)
        if (what, value) in self._logged or len(self._logged) >= MOST:
            self._left_out += 1
            return True
        self._logged.add((what, value))
        return False

    def _begin(self, now: float) -> None:
        self._ends = now + WINDOW
        self._logged.clear()
        left_out, self._left_out = self._left_out, 0
        if left_out:
            text = f"{left_out} more requests with wrong origins or hosts, or too large ones, were refused"
            logger.info("more refused", text=text, refused=left_out)
