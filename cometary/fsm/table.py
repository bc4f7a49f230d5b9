"""The table of a machine's class: which method handles which event in which state.

It is apart from what makes it (`cometary.fsm.definition`) because every event looks here, and it can be compiled
(`scripts/compile.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from cometary.fsm.declare import EventPattern
from cometary.fsm.events import Call, Internal, TimedOut
from cometary.fsm.state import ANY, END, State
from cometary.fsm.step import Step, Stop

_WRAPPERS: Final[dict[type, Literal["call", "internal"]]] = {Call: "call", Internal: "internal"}

HandlerFunction = Callable[[Any, Any], Any]
"""It has to return a `Step` or None; what it does return is the engine's to check, with an error that says so."""

EnterFunction = Callable[[Any, State], Step | Iterable[object] | None]


@dataclass(frozen=True, slots=True)
class Handler:
    """One method that handles events.

    Attributes:
        name: Its name.
        doc: The first line of its docstring.
        function: The method, unbound.
        targets: Where it may go, as declared.
        enters: For each target, other than `END`, the enter action that runs there, or None.
        switches: Whether it may change the machine's class.
    """

    name: str
    doc: str
    function: HandlerFunction
    targets: tuple[State, ...]
    enters: dict[State, EnterFunction | None]
    switches: bool

    def may_go(self, step: Step) -> bool:
        """Whether the handler declares where this step goes."""
        if isinstance(step, Stop):
            return END in self.targets
        return step.target in self.enters


@dataclass(frozen=True, slots=True)
class TransitionTable:
    """What a machine's class declares.

    Attributes:
        states: Its states by name, in order of declaration, base classes first.
        initial: The state of a new machine; None for a class without states, which cannot be instantiated.
        handlers: The handler for each declared state (or `ANY`) and event, in order of declaration.
        enters: The enter action of each state that has one.
        stopping: The states whose enter action may stop the machine.
        rows: For each state, the handlers by exact class of event, as far as such events have turned up.
            The engine looks here first. Handlers that may change the class are not here, so that they
            always take the full path: the short one would run the enter action of the old class.
    """

    states: dict[str, State]
    initial: State | None
    handlers: dict[tuple[State, EventPattern], Handler]
    enters: dict[State, EnterFunction]
    stopping: frozenset[State]
    rows: dict[State, dict[object, Handler | None]]

    def find(self, state: State, event: object) -> Handler | None:
        """The handler for an event in a state: the state's own before `ANY`'s, then the nearest class's."""
        # Machines may make up names of timers without end, so only classes are remembered, which are few.
        kind = type(event)
        if kind is TimedOut:
            return self._search(state, event)
        key = (kind, type(_message(event))) if kind in _WRAPPERS else kind
        row = self.rows[state]
        if key in row:
            return row[key]
        handler = self._search(state, event)
        if handler is None or not handler.switches:
            row[key] = handler
        return handler

    def _search(self, state: State, event: object) -> Handler | None:
        for row in (state, ANY):
            for pattern in _patterns(event):
                handler = self.handlers.get((row, pattern))
                if handler is not None:
                    return handler
        return None


def _patterns(event: object) -> Iterator[EventPattern]:
    """Every pattern that an event matches, the closest first."""
    kind = type(event)
    if kind in _WRAPPERS:
        wrapper = _WRAPPERS[kind]
        yield from (EventPattern(wrapper, message) for message in type(_message(event)).__mro__)
    elif kind is TimedOut:
        yield EventPattern("timeout", cast("TimedOut", event).name)
    yield from (EventPattern("event", base) for base in kind.__mro__)


def _message(wrapped: object) -> object:
    return cast("Call[object] | Internal[object]", wrapped).message
