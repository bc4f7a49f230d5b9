"""The state of a machine and its data as one value, to be looked at and replaced by `cometary.actors.sys`."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from cometary.actors.sys import attributes
from cometary.errors import UsageError
from cometary.fsm import StateMachine


class MachineState(NamedTuple):
    """What `sys.get_state` returns for an actor that runs a machine.

    Attributes:
        state: the name of the state that the machine is in.
        data: its attributes, in a new dictionary; the values are the machine's own.
    """

    state: str
    data: dict[str, Any]


def read(machine: StateMachine) -> MachineState:
    """Return state and data of a machine."""
    return MachineState(machine.state.name, attributes.read(machine, _of_the_engine))


def write(machine: StateMachine, new: object) -> None:
    """Give a machine another state and other data: no transition, so no enter action, and no timer changes.

    Raises:
        UsageError: if `new` is no pair of a state's name and a dictionary, or the machine has no such
            state; nothing has changed.
    """
    if not isinstance(new, tuple) or len(cast("Any", new)) != len(MachineState._fields):
        raise UsageError(f"the state of a machine is the pair (name of the state, data), not {new!r}")
    name, data = cast("tuple[Any, Any]", new)
    state = machine._fsm_table.states.get(name)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - sys reaches inside
    if state is None:
        raise UsageError(f"{type(machine).__name__} has no state {name!r}")
    attributes.write(machine, data, _of_the_engine)
    machine.state = state


def _of_the_engine(name: str) -> bool:
    return name == "state" or name.startswith("_fsm")
