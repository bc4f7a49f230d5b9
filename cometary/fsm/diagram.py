"""A machine's table for people: as data, as Markdown and as a Mermaid diagram, from the class alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cometary.fsm.declare import ENTERING
from cometary.fsm.state import ANY, END, State
from cometary.fsm.table import TransitionTable

STAYS: Final = "stays"
SWITCHES: Final = "(another machine)"
BREAK: Final = "<br/>"
"""Begins another line, in Mermaid."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table.

    Attributes:
        state: Where the event is handled; `ANY` for every state without a handler of its own.
        event: The event, in words: a class's name, `call Name` or `name time-out`.
        targets: Where it may lead, as declared; `END` if it may stop the machine; empty if it never leaves.
        handler: The method's name.
        doc: The first line of the method's docstring.
        switches: Whether it may change the machine's class.
    """

    state: State
    event: str
    targets: tuple[State, ...]
    handler: str
    doc: str
    switches: bool = False


def transitions(table: TransitionTable) -> Sequence[Transition]:
    """The table's rows, in order of declaration."""
    rows = [
        Transition(state, str(pattern), handler.targets, handler.name, handler.doc, handler.switches)
        for (state, pattern), handler in table.handlers.items()
    ]
    return rows + [_stopping(table, state) for state in table.states.values() if state in table.stopping]


def _stopping(table: TransitionTable, state: State) -> Transition:
    enter = table.enters[state]
    doc = (inspect.getdoc(enter) or "").partition("\n")[0]
    return Transition(state, str(ENTERING), (END,), getattr(enter, "__name__", ""), doc)


def markdown(table: TransitionTable) -> str:
    """The table in Markdown, one row for each state and event."""
    rows = ["| in state | on | goes to | what it does |", "| --- | --- | --- | --- |"]
    for row in transitions(table):
        targets = ", ".join([_name(target) for target in row.targets] + [SWITCHES] * row.switches) or STAYS
        rows.append(f"| {_name(row.state)} | {_cell(row.event)} | {targets} | {_cell(row.doc)} |")
    return "\n".join(rows) + "\n"


def mermaid(table: TransitionTable) -> str:
    """The diagram: states with what they are, and one arrow from each to each other, with the events that lead there.

    What leaves a machine in its state is in the table alone: an arrow for each of these would hide all others.
    """
    lines = ["stateDiagram-v2"]
    lines += [_label(state.name, state.name, state.doc) for state in table.states.values() if state.doc]
    if table.initial is not None:
        lines.append(f"    [*] --> {table.initial.name}")
    ways: dict[tuple[State, State], list[str]] = {}
    for source, target, event in arrows(table):
        if source is not target:
            ways.setdefault((source, target), []).append(event)
    lines += [
        _label(f"{source.name} --> {_node(target)}", *events) for (source, target), events in ways.items()
    ]
    return "\n".join(lines) + "\n"


def arrows(table: TransitionTable) -> Iterator[tuple[State, State, str]]:
    """Yield each way from state to state, with the event by which it is taken; `END` is a state here."""
    for (declared, pattern), handler in table.handlers.items():
        for source in table.states.values() if declared is ANY else (declared,):
            if declared is ANY and (source, pattern) in table.handlers:
                continue
            for target in handler.targets or (source,):
                yield source, target, str(pattern)
    for source in table.states.values():
        if source in table.stopping:
            yield source, END, str(ENTERING)


def _name(state: State) -> str:
    if state is ANY:
        return "any"
    return "(end)" if state is END else f"`{state.name}`"


def _label(what: str, *texts: str) -> str:
    """A line of the diagram that says of something what it is; a semicolon would end it, for Mermaid."""
    return f"    {what} : {BREAK.join(texts).replace(';', ',')}"


def _node(state: State) -> str:
    return "[*]" if state is END else state.name


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
