"""Actions for the shell: what a step returns for whoever runs the machine to do.

All are values: shared freely, never changed. Nearly every step starts a timer, so that is made without more ado.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final, final

from cometary.fsm.actions import STATE_TIMER
from cometary.fsm.events import TimedOut


@final
@dataclass(slots=True, unsafe_hash=True)
class Reply:
    """For the shell: answer the caller of a `Call` event."""

    to: Any
    value: Any


@final
@dataclass(slots=True, init=False, unsafe_hash=True)
class StartTimer:
    """For the shell: start the timer `name`, in place of one that runs under that name.

    When it runs out, step the machine with `timed_out()`. The machine knows a running timer by its token,
    so a timer that ran out just before it was cancelled or replaced does no harm.

    Attributes:
        name: `"state"`, `"event"` or a `Timeout`'s name.
        seconds: Relative time, above zero and finite; None if `at` is given.
        at: Absolute time in seconds of the shell's clock; None if `seconds` is given.
        content: What the machine asked to get back.
        token: Which start of this machine's timers it is.
    """

    name: Hashable
    seconds: float | None
    at: float | None
    content: Any
    token: int

    def __init__(  # by hand, because that can be compiled
        self, name: Hashable, seconds: float | None, at: float | None, content: Any, token: int
    ) -> None:
        self.name = name
        self.seconds = seconds
        self.at = at
        self.content = content
        self.token = token

    def __deepcopy__(self, _: dict[int, Any]) -> StartTimer:
        return self  # a value

    def __reduce__(self) -> tuple[Any, ...]:  # so that one that was compiled can be pickled
        return StartTimer, (self.name, self.seconds, self.at, self.content, self.token)

    def timed_out(self) -> TimedOut:
        """The event that says this timer has run out."""
        return TimedOut(self.name, self.content, self.token)


@final
@dataclass(slots=True, unsafe_hash=True)
class CancelTimer:
    """For the shell: stop the timer `name`, which is running."""

    name: Hashable


@final
@dataclass(slots=True, unsafe_hash=True)
class Stopped:
    """For the shell: the machine has stopped; always the last action."""

    reason: Any


CANCEL_STATE_TIMER: Final = CancelTimer(STATE_TIMER)
