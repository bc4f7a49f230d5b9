"""Actions for the engine: what a handler returns for it to do.

The engine consumes time-outs, `Cancel`, `Update`, `NextEvent`, `Postpone` and what changes the class. It hands on
everything else untouched, `Reply` and the user's own actions alike, and adds those of `cometary.fsm.shell`.

All are values: shared freely, never changed. They are not frozen, as that would treble the cost of making one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self, final

STATE_TIMER: Final = "state"
"""The name of the one state timer."""

EVENT_TIMER: Final = "event"
"""The name of the one event timer."""

RESERVED_NAMES: Final = frozenset({STATE_TIMER, EVENT_TIMER})


@dataclass(slots=True, init=False, unsafe_hash=True)
class TimeoutAction:
    """What the three kinds of time-out have in common; exactly one of `seconds` and `at` is given.

    Attributes:
        seconds: Relative time. 0 is due before anything the machine has not yet received; infinity is
            never, which cancels a running timer of the same name.
        content: Handed back in `TimedOut.content`.
        at: Absolute time in seconds of the shell's clock; a past one is due at once, but after a zero one.
        plain: Whether it is relative, and neither at once nor never: what a timer can simply be started with.

    Raises:
        ValueError: Both or neither of `seconds` and `at` given, or a negative time: the machine's fault.
    """

    seconds: float | None
    content: Any
    at: float | None
    plain: bool = field(compare=False, repr=False)

    def __init__(
        self, seconds: float | None = None, content: object = None, *, at: float | None = None
    ) -> None:
        if seconds is None or at is not None or not seconds >= 0:
            _check_time(seconds, at)
        self.seconds = seconds
        self.content = content
        self.at = at
        self.plain = seconds is not None and 0 < seconds < math.inf

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self  # a value

    def __reduce__(self) -> tuple[Any, ...]:  # so that one that was compiled can be pickled
        return _again, (type(self), (self.seconds, self.content), self.at)


def _again(kind: Any, arguments: tuple[object, ...], at: float | None) -> Any:
    return kind(*arguments, at=at)


def _check_time(seconds: float | None, at: float | None) -> None:
    if (seconds is None) == (at is None):
        raise ValueError("a time-out takes either seconds or at=")
    if seconds is not None:
        raise ValueError(f"a time-out cannot be {seconds} seconds")


@final
class StateTimeout(TimeoutAction):
    """Time out unless the state changes first (gen_statem's `state_timeout`)."""

    __slots__ = ()
    name: ClassVar[str] = STATE_TIMER


@final
class EventTimeout(TimeoutAction):
    """Time out unless any event comes first (gen_statem's `timeout`)."""

    __slots__ = ()
    name: ClassVar[str] = EVENT_TIMER


@final
@dataclass(slots=True, init=False, unsafe_hash=True)
class Timeout(TimeoutAction):
    """Time out unless cancelled by name (gen_statem's generic `{timeout, Name}`)."""

    name: Hashable

    def __init__(
        self, name: Hashable, seconds: float | None = None, content: object = None, *, at: float | None = None
    ) -> None:
        if name in RESERVED_NAMES:
            raise ValueError(f"the name {name!r} is reserved: use StateTimeout or EventTimeout")
        # Not super(): a dataclass with slots is made anew, and super() would still mean the first one.
        TimeoutAction.__init__(self, seconds, content, at=at)
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (Timeout, (self.name, self.seconds, self.content), self.at)


@final
@dataclass(slots=True, unsafe_hash=True)
class Cancel:
    """Cancel the timer of this name, if it is running or due: `"state"`, `"event"` or a `Timeout`'s.

    Attributes:
        name: Which timer.
        plain: Whether it is a `Timeout`'s: nothing but this cancels those.
    """

    name: Hashable
    plain: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.plain = self.name not in RESERVED_NAMES


@final
@dataclass(slots=True, unsafe_hash=True)
class Update:
    """Give a running timer new content and leave its time alone; one that is not running is due at once."""

    name: Hashable
    content: Any


@final
@dataclass(slots=True, unsafe_hash=True)
class NextEvent:
    """Handle this event next, before all that is waiting; several are handled in the order given."""

    event: Any


@final
@dataclass(slots=True, unsafe_hash=True)
class Postpone:
    """Keep the current event until the state changes, then handle it again, oldest first."""

    postpone: bool = True


@final
@dataclass(slots=True, unsafe_hash=True)
class ChangeMachine:
    """Go on as a machine of another class, with the same state, timers and attributes.

    The state is the one of the same name; that the class changes is no state change.
    Source: the OTP reference manual, gen_statem, `change_callback_module`.
    """

    machine: type


@final
@dataclass(slots=True, unsafe_hash=True)
class PushMachine:
    """The same, and remember the present class for `PopMachine` (gen_statem's `push_callback_module`)."""

    machine: type


@final
@dataclass(slots=True, unsafe_hash=True)
class PopMachine:
    """Go on as the class that was left last by `PushMachine` (gen_statem's `pop_callback_module`)."""


TimerAction = StateTimeout | EventTimeout | Timeout | Cancel | Update
"""What sets or cancels a timer."""

SwitchAction = ChangeMachine | PushMachine | PopMachine
"""What changes the class of the machine."""
