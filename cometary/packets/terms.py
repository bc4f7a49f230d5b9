"""The numbers in the terms of packets and paths, checked where they are declared."""

from __future__ import annotations

from cometary.errors import UsageError


def check_ttl(ttl: object) -> float:
    """Return `ttl`.

    Raises:
        UsageError: if it is not a time to live; the caller's fault.
    """
    if isinstance(ttl, int | float) and not isinstance(ttl, bool) and ttl > 0:  # NaN is refused as well
        return ttl
    raise UsageError(f"a time to live is a number of seconds above 0, not {ttl!r}")


def check_count(name: str, count: object, least: int = 1) -> int:
    """Return `count`.

    Raises:
        UsageError: if it is not a whole number from `least` on; the caller's fault.
    """
    if isinstance(count, int) and not isinstance(count, bool) and count >= least:
        return count
    raise UsageError(f"{name} is a whole number from {least} on, not {count!r}")
