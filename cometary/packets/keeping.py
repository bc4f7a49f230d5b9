"""What is kept of the updates to some paths, for those who come later or come back; see `cometary.dispatch.history`."""

from __future__ import annotations

from typing import Final, NamedTuple

from cometary.errors import UsageError
from cometary.packets.terms import check_count, check_ttl

DEFAULT_SECONDS: Final = 300.0
DEFAULT_BYTES: Final = 1 << 20
"""Of one path."""


class Keeping(NamedTuple):
    """How much is kept of each path.

    Attributes:
        packets: the latest so many.
        seconds: none that is older.
        bytes: as many of them as have so many bytes together, as JSON.
    """

    packets: int
    seconds: float = DEFAULT_SECONDS
    bytes: int = DEFAULT_BYTES


def make_keeping(packets: object, seconds: object = None, most_bytes: object = None) -> Keeping | None:
    """Return what is kept; None for nothing, where `packets` is None.

    Raises:
        UsageError: if one of them is not such a number, or there are terms for nothing; the caller's fault.
    """
    if packets is None:
        if seconds is None and most_bytes is None:
            return None
        raise UsageError("history_ttl and history_bytes are for paths with a history: say how many packets")
    return Keeping(
        check_count("history", packets),
        DEFAULT_SECONDS if seconds is None else check_ttl(seconds),
        DEFAULT_BYTES if most_bytes is None else check_count("history_bytes", most_bytes),
    )
