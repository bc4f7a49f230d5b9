"""The events that the engine knows by itself; every other object is an event of the machine's user."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar, final

M = TypeVar("M")


@final
@dataclass(frozen=True, slots=True)
class Call(Generic[M]):
    """A request that waits for a `Reply`; declared as `on(state, Call[Message])`.

    Attributes:
        message: What is asked.
        reply_to: Whatever lets the shell find the caller again; the engine never looks into it.
    """

    message: M
    reply_to: object


@final
@dataclass(frozen=True, slots=True)
class Internal(Generic[M]):
    """An event from the machine to itself, by `NextEvent(Internal(…))`; declared as `on(state, Internal[Message])`.

    A step from outside refuses one, so a handler can rely on where it comes from.
    Source: the OTP reference manual, gen_statem, `event_type()`, `internal`.

    Attributes:
        message: What it says.
    """

    message: M


@final
@dataclass(frozen=True, slots=True)
class TimedOut:
    """A timer has run out; declared as `on(state, state_timeout)`, `event_timeout` or `timeout(name)`.

    The shell makes it with `StartTimer.timed_out()`.

    Attributes:
        name: Which timer: `"state"`, `"event"` or the name that `Timeout` gave it.
        content: What the machine gave when it set the timer, or updated it with since.
        token: Which start of the timer it belongs to.
    """

    name: Hashable
    content: object = None
    token: int = 0
