"""Hooks that may be written in more than one way."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cometary.actors.exits import Exit

_NAMES = {"exit", "reason"}


def takes_exit(on_stop: Callable[..., object]) -> bool:
    """Whether an `on_stop`, as a class has it, is declared to be told how the actor ends.

    It is if its first parameter has no default, or is called `exit` or `reason`, or stands for any number.
    """
    parameters = list(inspect.signature(on_stop).parameters.values())[1:2]  # after `self`
    return any(
        each.kind is each.VAR_POSITIONAL
        or (
            each.kind is not each.VAR_KEYWORD
            and (each.default is each.empty or each.name.strip("_") in _NAMES)
        )
        for each in parameters
    )


def call_on_stop(actor: Any, exit: Exit) -> Any:  # noqa: A002 - OTP's word
    """Call `on_stop`, with how the actor ends if it is declared to take that."""
    return actor.on_stop(exit) if actor.stop_takes_exit else actor.on_stop()
