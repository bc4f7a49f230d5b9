"""Transactions: frames that are kept until COMMIT. What is not committed has never happened."""

from __future__ import annotations

from typing import Final

from cometary.doors.stomp.frames import Frame, bad, required
from cometary.errors import ProtocolError

MOST: Final = 100
"""At one time."""

MOST_FRAMES: Final = 1_000
"""In one of them."""

MOST_BYTES: Final = 4 << 20
"""In all of them."""


class Transactions:
    """Those of one client."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Frame]] = {}
        self._bytes = 0

    def begin(self, frame: Frame) -> None:
        """Begin the transaction that a frame names.

        Raises:
            ProtocolError: there is one of that name, or too many; the client's fault, as all that follow.
        """
        name = required(frame, "transaction")
        if name in self._kept:
            raise bad("There is already a transaction of this name.")
        if len(self._kept) >= MOST:
            raise ProtocolError("too-large", f"There may be at most {MOST} transactions at one time.")
        self._kept[name] = []

    def keep(self, frame: Frame) -> None:
        """Keep a frame for the transaction that it names."""
        kept = self._find(frame)
        self._bytes += len(frame.body)
        if len(kept) >= MOST_FRAMES or self._bytes > MOST_BYTES:
            raise ProtocolError("too-large", f"A transaction may have at most {MOST_FRAMES} frames.")
        kept.append(frame)

    def end(self, frame: Frame) -> list[Frame]:
        """End the transaction that a frame names, and return what was kept for it."""
        kept = self._find(frame)
        del self._kept[frame.headers["transaction"]]
        self._bytes -= sum(len(each.body) for each in kept)
        return kept

    def _find(self, frame: Frame) -> list[Frame]:
        kept = self._kept.get(required(frame, "transaction"))
        if kept is None:
            raise bad("There is no transaction of this name.")
        return kept
