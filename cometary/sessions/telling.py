"""What the log is told of sessions: their names and numbers, never what is in a packet."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.sessions.keeper import SessionKeeper

logger = get_logger("cometary.sessions")

NAMED: Final = 10
"""Sessions that one line names at most."""


OVERFLOWS_EVERY: Final = 1.0
"""Seconds between two lines about sessions that end with `overflow`."""


def log_abandoned(names: Sequence[str], untold: int, undelivered: int) -> None:
    """Say which sessions have not signed off before the server stops.

    Args:
        names: their public names.
        untold: how many of them the application has not been told of at all.
        undelivered: packets of these that were undelivered.
    """
    named = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    text = (
        f"{len(names)} sessions have not signed off in time ({named}); of {untold} of them the application is "
        f"not told, nor of {undelivered} packets that they did not deliver"
    )
    logger.warning(
        "sessions abandoned",
        text=text,
        sessions=len(names),
        named=list(names[:NAMED]),
        untold=untold,
        undelivered=undelivered,
    )


class OverflowLog:
    """Says that sessions end because their queue was full: one line a second at most, which counts the others."""

    def __init__(self) -> None:
        self._after = -inf
        self._unsaid = 0

    def tell(self, keeper: SessionKeeper, now: float) -> None:
        """Take note of one such end, at the time `now`, in seconds."""
        if now < self._after:
            self._unsaid += 1
            return
        self._after = now + OVERFLOWS_EVERY
        others, self._unsaid = self._unsaid, 0
        outbox = keeper.machine.outbox
        packet = outbox.packets[
            -1
        ]  # the one that was too much: the list of what is undelivered begins with it
        packets, size = len(outbox) - 1, outbox.size - packet.size
        text = (
            f"session {keeper.name} ends with overflow: {packet.size} bytes to {packet.path!r} were too much for "
            f"its queue of {packets} packets, {size} bytes"
        )
        if others:
            text += f"; {others} other sessions ended so since the last line like this"
        logger.warning(
            "session overflow",
            text=text,
            session=keeper.name,
            path=packet.path,
            size=packet.size,
            queued=packets,
            queued_bytes=size,
            others=others,
        )
