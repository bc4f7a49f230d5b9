"""From the body of a machine's class to its table, with every mistake refused when the class is made.

1. A class has the states and handlers of its bases, base classes first, and adds its own.
2. A subclass's handler for a state and an event replaces its base's. Within one class two are an error.
3. A method that a subclass defines again without a decorator keeps its base's declarations; with a decorator
   it has only the new ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

from cometary.declarations import check_callable, check_has_no_yield
from cometary.errors import InvalidMachineError
from cometary.fsm.declare import ENTERING, EventPattern, Note, notes_of
from cometary.fsm.state import ANY, END, State
from cometary.fsm.table import EnterFunction, Handler, TransitionTable

Claim = tuple[State, EventPattern]


class Claimant(NamedTuple):
    """The name of a method, and what its declaration says it may do."""

    name: str
    targets: tuple[State, ...]
    switches: bool


def read_table(machine: type) -> TransitionTable:
    """Read the table of a machine's class.

    Raises:
        InvalidMachineError: The class declares something impossible; the message says what and where.
    """
    states = _read_states(machine)
    claims = _read_claims(machine, states)
    enters = _enters(machine, states, claims)
    return TransitionTable(
        states=states,
        initial=_initial(machine, states),
        handlers=_handlers(machine, claims, enters),
        enters=enters,
        stopping=frozenset(state for state in enters if END in _entering(claims, state).targets),
        rows={state: {} for state in states.values()},
    )


def _read_states(machine: type) -> dict[str, State]:
    states: dict[str, State] = {}
    for owner in reversed(machine.__mro__):
        for name, value in vars(owner).items():
            if isinstance(value, State):
                _check_name(owner, name, value)
                states[name] = value
            elif name in states:
                raise InvalidMachineError(f"{owner.__name__}.{name} hides the state {states[name]!r}")
    return states


def _check_name(owner: type, name: str, state: State) -> None:
    if state.name != name:
        raise InvalidMachineError(f"{owner.__name__}.{name} is a second name for the state {state!r}")
    for base in owner.__mro__[1:]:
        if name in vars(base):
            raise InvalidMachineError(f"the state {owner.__name__}.{name} hides {base.__name__}.{name}")


def _initial(machine: type, states: dict[str, State]) -> State | None:
    initial = [state for state in states.values() if state.initial]
    if states and len(initial) != 1:
        raise InvalidMachineError(f"{machine.__name__} needs exactly one initial state, not {initial}")
    return initial[0] if initial else None


def _read_claims(machine: type, states: dict[str, State]) -> dict[Claim, Claimant]:
    claims: dict[Claim, Claimant] = {}
    for owner in reversed(machine.__mro__):
        own: dict[Claim, Claimant] = {}
        for name, method in vars(owner).items():
            for note in notes_of(method):
                _check_states(f"{owner.__name__}.{name}", note, states)
                for claim in product(note.states, note.patterns):
                    if claim in own:
                        state, pattern = claim
                        raise InvalidMachineError(
                            f"{owner.__name__} declares {pattern} in {state} twice: {own[claim].name}, {name}"
                        )
                    own[claim] = Claimant(name, note.targets, note.switches)
        declared_again = {claimant.name for claimant in own.values()}
        claims = {
            claim: claimant for claim, claimant in claims.items() if claimant.name not in declared_again
        } | own
    return claims


def _check_states(method: str, note: Note, states: dict[str, State]) -> None:
    for state in (*note.states, *note.targets):
        if state is not ANY and state is not END and states.get(state.name) is not state:
            raise InvalidMachineError(f"{method} names the state {state!r}, which its machine does not have")


def _enters(
    machine: type, states: dict[str, State], claims: dict[Claim, Claimant]
) -> dict[State, EnterFunction]:
    enters: dict[State, EnterFunction] = {}
    for state in states.values():
        if (state, ENTERING) in claims or (ANY, ENTERING) in claims:
            enters[state] = _method(machine, _entering(claims, state).name, "came_from")
    return enters


def _entering(claims: dict[Claim, Claimant], state: State) -> Claimant:
    return claims.get((state, ENTERING)) or claims[ANY, ENTERING]


def _handlers(
    machine: type, claims: dict[Claim, Claimant], enters: dict[State, EnterFunction]
) -> dict[Claim, Handler]:
    handlers: dict[Claim, Handler] = {}
    for (state, pattern), (name, targets, switches) in claims.items():
        if pattern is not ENTERING:
            function = _method(machine, name, "event")
            handlers[state, pattern] = Handler(
                name=name,
                doc=(inspect.getdoc(function) or "").partition("\n")[0],
                function=function,
                targets=targets,
                enters={target: enters.get(target) for target in targets if target is not END},
                switches=switches,
            )
    return handlers


def _method(machine: type, name: str, parameter: str) -> Callable[..., Any]:
    """The method as the machine's class has it, which may be a subclass's version of the declared one."""
    method, where = getattr(machine, name), f"{machine.__name__}.{name}"
    if not inspect.isfunction(method):
        raise InvalidMachineError(f"{where} is declared as a handler but is not a method")
    if inspect.iscoroutinefunction(method):
        raise InvalidMachineError(f"{where} must be a plain method: a machine does not wait")
    check_has_no_yield(where, method, error=InvalidMachineError)
    check_callable(where, method, ("self", parameter), error=InvalidMachineError)
    return method
