"""What the options of supervisors and children may be, under OTP's names, and the check of each value.

Pure. Each check says what would have been right. Source: OTP, `supervisor`, types `child_spec()` and `sup_flags()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan
from typing import Literal

from cometary.errors import SpecError

Shutdown = float | Literal["brutal_kill", "infinity"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
Kind = Literal["worker", "supervisor", "task", "thread"]
Per = Literal["supervisor", "child"]

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
AUTO_SHUTDOWNS = ("never", "any_significant", "all_significant")

WORKER_SHUTDOWN = 5.0
"""Seconds that a child has to stop, unless its specification says otherwise (OTP's default)."""

WORKER_START = 30.0
"""Seconds that a child has to start, unless its specification says otherwise."""


def shutdown_seconds(shutdown: Shutdown | None, kind: Kind) -> float:
    """Return the seconds between asking a child to stop and killing it; None means the default for its kind."""
    if shutdown is None:
        return inf if kind == "supervisor" else WORKER_SHUTDOWN
    if isinstance(shutdown, str):
        return inf if shutdown == "infinity" else 0.0
    return shutdown


# -- options with rules of their own; each raises `SpecError`, which begins with `what` -----------------


def check_shutdown(what: str, shutdown: object) -> None:
    """Check a value of `shutdown`; None is the default."""
    if isinstance(shutdown, str):
        check_choice(what, shutdown, ("brutal_kill", "infinity"))
    elif shutdown is not None:
        check_seconds(what, shutdown)


def check_flags(strategy: object, intensity: object, period: object, auto_shutdown: object) -> None:
    """Check what OTP calls the flags of a supervisor."""
    check_choice("strategy", strategy, STRATEGIES)
    check_count("intensity", intensity)
    check_seconds("period", period, above=0)
    check_choice("auto_shutdown", auto_shutdown, AUTO_SHUTDOWNS)


# -- single values ------------------------------------------------------------------------------------


def check_choice(what: str, value: object, choices: Sequence[str]) -> None:
    """Check that `value` is one of `choices`."""
    if value not in choices:
        raise SpecError(f"{what} must be one of {', '.join(choices)}, not {value!r}")


def check_count(what: str, value: object, *, least: int = 0) -> None:
    """Check that `value` is a whole number, at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SpecError(f"{what} must be a whole number, {least} or more, not {value!r}")


def check_seconds(what: str, value: object, *, above: float | None = None, least: float = 0) -> None:
    """Check that `value` is a number of seconds, above `above` or at least `least`."""
    limit = f"above {above}" if above is not None else f"{least} or more"
    if not isinstance(value, int | float) or isinstance(value, bool) or isnan(value):
        raise SpecError(f"{what} must be a number of seconds, {limit}, not {value!r}")
    if value <= above if above is not None else value < least:
        raise SpecError(f"{what} must be {limit} seconds, not {value!r}")


def check_instance(what: str, value: object, kind: type, words: str) -> None:
    """Check that `value` is a `kind`, which the message calls `words`."""
    if not isinstance(value, kind):
        raise SpecError(f"{what} must be {words}, not {value!r}")
