"""How many sessions one address may open in a minute.

Pure: time comes in through a function. Loopback is exempt: a proxy on this machine speaks for all
its clients, and limits them itself.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW: Final = 60.0
"""Seconds over which opens are counted."""

MOST_ADDRESSES: Final = 100_000
"""Addresses counted at a time; when there are more, a new window begins early."""


class OpenLimiter:
    """Counts the sessions that each address opens, in windows of a minute.

    Args:
        per_minute: how many an address may open; 0 for no limit.
        now: reads the clock, in seconds.

    Attributes:
        per_minute: the same; it may change.
        now: the same.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self.now = now
        self._ends = 0.0
        self._counts: dict[str, int] = {}

    def check(self, address: str) -> None:
        """Count one more session for `address`.

        Raises:
            ProtocolError: `too-many-requests`; the client's fault, nothing was counted.
        """
        if not self.per_minute or is_loopback(address):
            return
        now = self.now()
        if now >= self._ends or len(self._counts) >= MOST_ADDRESSES:
            self._ends = now + WINDOW
            self._counts.clear()
        count = self._counts.get(address, 0)
        if count >= self.per_minute:
            detail = "this address has opened too many sessions within a minute"
            raise ProtocolError("too-many-requests", detail, retry_after=max(1, round(self._ends - now)))
        self._counts[address] = count + 1


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether `address` is this machine's own; `unix` stands for that of a Unix socket."""
    if address == "unix":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
