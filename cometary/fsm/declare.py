"""Declaring what a method handles: `on`, `enter`, and the events they name.

The decorators only leave a note on the function; `cometary.fsm.table` reads the notes when the class is made.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar, cast, get_args, get_origin, overload

from cometary.errors import InvalidMachineError
from cometary.fsm.actions import EVENT_TIMER, STATE_TIMER
from cometary.fsm.events import Call, Internal, TimedOut
from cometary.fsm.state import ANY, END, State
from cometary.fsm.step import Step

States = State | tuple[State, ...]

E = TypeVar("E")
F = TypeVar("F")
E_co = TypeVar("E_co", covariant=True)
Machine = TypeVar("Machine")
Steps = TypeVar("Steps", bound=Step | None)
Enters = TypeVar("Enters", bound=Callable[[Any, State], Step | Iterable[object] | None])


@dataclass(frozen=True, slots=True)
class EventPattern:
    """Which events a handler is for.

    Attributes:
        kind: `"event"`: instances of the class `of`; `"call"`: calls whose message is one; `"internal"`: the
            same for internal events; `"timeout"`: the end of the timer named `of`; `"enter"`: not an event, but
            entering the state.
        of: A class, a timer's name, or None.
    """

    kind: Literal["event", "call", "internal", "timeout", "enter"]
    of: Hashable

    def __str__(self) -> str:
        if self.kind == "enter":
            return "enter"
        if self.kind == "timeout":
            return f"{self.of} time-out"
        name = getattr(self.of, "__name__", str(self.of))
        return name if self.kind == "event" else f"{self.kind} {name}"


@dataclass(frozen=True, slots=True)
class Note:
    """What one decorator says: in these states, on any of these, the method runs and may go to the targets.

    Attributes:
        switches: Whether the method may change the machine's class.
    """

    states: tuple[State, ...]
    patterns: tuple[EventPattern, ...]
    targets: tuple[State, ...]
    switches: bool = False


class Declaring(Protocol[E_co]):
    """What `on` returns: a decorator for methods that take these events."""

    def __call__(self, function: Callable[[Machine, E_co], Steps], /) -> Callable[[Machine, Any], Steps]:
        """Take note; to a type checker what is returned takes any event, so that another `on` may be above it."""
        ...


ENTERING: Final = EventPattern("enter", None)

_NOTES: Final = "__fsm_notes__"

_WRAPPERS: Final[dict[object, Literal["call", "internal"]]] = {Call: "call", Internal: "internal"}


def timeout(name: Hashable) -> EventPattern:
    """The end of the timer that `Timeout(name, …)` sets, for use in `on`."""
    return EventPattern("timeout", name)


state_timeout: Final = timeout(STATE_TIMER)
"""The end of the timer that `StateTimeout` sets, for use in `on`."""

event_timeout: Final = timeout(EVENT_TIMER)
"""The end of the timer that `EventTimeout` sets, for use in `on`."""


# A type checker is told which events the method has to take: of one class, of two, or of timers; of more, any.


@overload
def on(states: States, events: type[E], *, to: States = ..., switches: bool = ...) -> Declaring[E]: ...


@overload
def on(
    states: States, events: EventPattern, *, to: States = ..., switches: bool = ...
) -> Declaring[TimedOut]: ...


@overload
def on(
    states: States, events: tuple[type[E], type[F]], *, to: States = ..., switches: bool = ...
) -> Declaring[E | F]: ...


@overload
def on(
    states: States, events: tuple[type[E], EventPattern], *, to: States = ..., switches: bool = ...
) -> Declaring[E | TimedOut]: ...


@overload
def on(
    states: States, events: tuple[type | EventPattern, ...], *, to: States = ..., switches: bool = ...
) -> Declaring[Any]: ...


def on(states: States, events: object, *, to: States = (), switches: bool = False) -> Declaring[Any]:
    """Declare that the method handles these events in these states.

    The method is called with the event and returns a `Step`, or None to stay without actions. Exact classes
    come before base classes, the machine's own order of declaration does not matter, and a handler for the
    state, even of a base class of the event, comes before one for `ANY`.

    Args:
        states: A state, several, or `ANY`.
        events: A class of events, `Call[Message]`, `Internal[Message]`, `state_timeout`, `event_timeout`,
            `timeout(name)`; or several.
        to: The states the method may go to, and `END` if it may stop the machine. Staying needs no mention.
        switches: Whether the method may return `ChangeMachine`, `PushMachine` or `PopMachine`.

    Raises:
        InvalidMachineError: One of the arguments is none of these: the fault of whoever wrote the machine.
    """
    note = Note(
        _states(states, "on"),
        tuple([_pattern(event) for event in _several(events)]),
        _states(to, "to="),
        switches,
    )

    def annotate(function: Callable[[Machine, Any], Steps]) -> Callable[[Machine, Any], Steps]:
        _take_note(function, note)
        return function

    return annotate


def enter(states: States, *, to: States = ()) -> Callable[[Enters], Enters]:
    """Declare that the method runs whenever the machine enters one of these states.

    The method is called with the state that the machine came from (the same state, at the start and on `repeat`)
    and returns actions, `stay`, `repeat`, `stop` or None. It may not change the state or the machine's class,
    postpone, or insert events. Source: the OTP reference manual, gen_statem, `state_enter_result()`.

    Args:
        states: A state, several, or `ANY` for every state that has no enter action of its own.
        to: `END` if the method may stop the machine.

    Raises:
        InvalidMachineError: The argument is none of these: the fault of whoever wrote the machine.
    """
    targets = _states(to, "to=")
    if any(target is not END for target in targets):
        raise InvalidMachineError(f"enter: to={to!r}: an enter action may go nowhere but to END")
    note = Note(_states(states, "enter"), (ENTERING,), targets)

    def annotate(function: Enters) -> Enters:
        _take_note(function, note)
        return function

    return annotate


def notes_of(function: object) -> list[Note]:
    """What the decorators have noted on a function, from the outermost to the innermost."""
    notes: list[Note] = getattr(function, _NOTES, [])
    return notes


def _take_note(function: Callable[..., object], note: Note) -> None:
    setattr(function, _NOTES, [note, *notes_of(function)])


def _states(states: State | tuple[State, ...], where: str) -> tuple[State, ...]:
    several = states if isinstance(states, tuple) else (states,)
    for state in several:
        if not isinstance(state, State):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers exist
            raise InvalidMachineError(f"{where}: {state!r} is not a State")
    if ANY in several and (where == "to=" or len(several) > 1):
        raise InvalidMachineError(f"{where}: ANY stands for all states and cannot be given here")
    if END in several and where != "to=":
        raise InvalidMachineError(f"{where}: a machine that has reached END handles nothing; END is for to=")
    return several


def _several(events: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", events) if isinstance(events, tuple) else (events,)


def _pattern(event: object) -> EventPattern:
    if isinstance(event, EventPattern):
        return event
    if isinstance(event, type):
        return EventPattern("event", event)
    if get_origin(event) in _WRAPPERS:
        (message,) = get_args(event)
        return EventPattern(_WRAPPERS[get_origin(event)], get_origin(message) or message)
    raise InvalidMachineError(
        f"on: {event!r} is not an event; give a class, Call[Message], Internal[Message] or a time-out"
    )
