"""Explorations of the session as it runs in production, each made once for all tests that ask about it."""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from cometary.fsm import ANY, State, Step
from cometary.testing import Exploration, check_model
from tests.sessions.checker.clients import Move
from tests.sessions.checker.model import SessionModel
from tests.sessions.checker.parts import PRODUCTION, by_table
from tests.sessions.checker.scopes import SCOPES, STATES, USUAL, Scope

TABLE: Any = PRODUCTION.machine._fsm_table


class Way(NamedTuple):
    """A row of the table as it is taken: a state, an event in words, where that leads: a state, `END`, or `stays`."""

    state: str
    event: str
    leads: str


class Explored(NamedTuple):
    """What one exploration has come to.

    Attributes:
        exploration: the outcome.
        taken: after how many moves each way through the table was first taken.
        kinds: the kinds of moves that were made.
    """

    exploration: Exploration[Move]
    taken: dict[Way, int]
    kinds: set[str]


@cache
def explored(name: str) -> Explored:
    """Explore one of the `SCOPES` as far as the suite does."""
    model = CountingModel(SCOPES[name])
    with noting_ways(lambda: model.made) as taken:
        exploration = check_model(model, goals=model.goals, max_states=STATES.get(name, USUAL))
    return Explored(exploration, taken, model.kinds)


class CountingModel(SessionModel):
    """Counts the moves that are made."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, by_table())
        self.made = 0
        self.kinds: set[str] = set()

    def after(self, state: Any, move: Move) -> Any:
        self.made += 1
        self.kinds.add(move[0])
        return super().after(state, move)


@contextmanager
def noting_ways(now: Callable[[], int]) -> Iterator[dict[Way, int]]:
    """Have production's own table note, in this block, when each way through it was first taken."""
    taken: dict[Way, int] = {}
    before = dict(TABLE.handlers)
    for (where, pattern), handler in before.items():
        function = noting(handler.function, str(pattern), taken, now)
        TABLE.handlers[where, pattern] = replace(handler, function=function)
    forget_found_rows()
    try:
        yield taken
    finally:
        TABLE.handlers.update(before)
        forget_found_rows()


def noting(
    function: Callable[[Any, Any], Step | None], event: str, taken: dict[Way, int], now: Callable[[], int]
) -> Callable[[Any, Any], Step | None]:
    def noting_function(machine: Any, of: Any) -> Step | None:
        state = machine.state
        step = function(machine, of)
        target = None if step is None else step.target
        leads = "stays" if target is None or target is state else target.name
        taken.setdefault(Way(state.name, event, leads), now())
        return step

    return noting_function


def forget_found_rows() -> None:
    """Have the table look up handlers anew."""
    for rows in TABLE.rows.values():
        rows.clear()


def declared_ways() -> set[Way]:
    """Return all that the table declares, state by state; to go where it is already is to stay."""
    return {
        Way(state.name, str(pattern), target)
        for state in TABLE.states.values()
        for (_, pattern), handler in rows_of(TABLE, state)
        for target in [one.name for one in handler.targets if one is not state] or ["stays"]
    }


def rows_of(table: Any, state: State) -> Iterator[tuple[Any, Any]]:
    """Yield what is declared for `state`, by itself or for all that have no row of their own."""
    for (where, pattern), handler in table.handlers.items():
        if where is state or (where is ANY and (state, pattern) not in table.handlers):
            yield (where, pattern), handler


def scopes_by_way() -> dict[Way, list[str]]:
    """Return where each way is taken, where it is taken earliest first."""
    first: dict[Way, list[tuple[int, str]]] = {}
    for name in SCOPES:
        for way, made in explored(name).taken.items():
            first.setdefault(way, []).append((made, name))
    return {way: [name for _, name in sorted(names)] for way, names in first.items()}
