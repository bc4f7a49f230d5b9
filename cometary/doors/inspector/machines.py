"""A state machine as data for a drawing: its states, the ways between them, and where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.fsm.diagram import arrows
from cometary.fsm.state import END

if TYPE_CHECKING:
    from cometary.fsm import State, StateMachine

ENDING = "(end)"


def drawn(machine: StateMachine) -> dict[str, Any]:
    """Return a machine: `states` with their names and what they are, `ways` with the events that take them, `state`."""
    table = machine._fsm_table  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - what `transitions` is made from
    ways: dict[tuple[str, str], list[str]] = {}
    for source, target, event in arrows(table):
        ways.setdefault((source.name, _name(target)), []).append(event)
    states = [{"name": state.name, "doc": state.doc} for state in table.states.values()]
    if any(target == ENDING for _, target in ways):
        states.append({"name": ENDING, "doc": ""})
    return {
        "name": type(machine).__name__,
        "states": states,
        "ways": [
            {"from": source, "to": target, "events": events} for (source, target), events in ways.items()
        ],
        "state": machine.state.name if machine.stage != "stopped" else ENDING,
    }


def _name(state: State) -> str:
    return ENDING if state is END else state.name
