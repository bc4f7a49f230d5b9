"""Checks of single values, each with a message that says what would have been right."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from cometary.errors import SpecError


def check_choice(what: str, value: object, choices: Sequence[str]) -> None:
    """Check that `value` is one of `choices`; raises `SpecError`, which begins with `what`."""
    if value not in choices:
        raise SpecError(f"{what} must be one of {', '.join(choices)}, not {value!r}")


def check_count(what: str, value: object, *, least: int = 0) -> None:
    """Check that `value` is a whole number, at least `least`; raises `SpecError`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SpecError(f"{what} must be a whole number, {least} or more, not {value!r}")


def check_seconds(what: str, value: object, *, above: float | None = None, least: float = 0) -> None:
    """Check that `value` is a number of seconds, above `above` or at least `least`; raises `SpecError`."""
    limit = f"above {above}" if above is not None else f"{least} or more"
    if not isinstance(value, int | float) or isinstance(value, bool) or isnan(value):
        raise SpecError(f"{what} must be a number of seconds, {limit}, not {value!r}")
    if value <= above if above is not None else value < least:
        raise SpecError(f"{what} must be {limit} seconds, not {value!r}")


def check_instance(what: str, value: object, kind: type, words: str) -> None:
    """Check that `value` is a `kind`, which the message calls `words`; raises `SpecError`."""
    if not isinstance(value, kind):
        raise SpecError(f"{what} must be {words}, not {value!r}")
