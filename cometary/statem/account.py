"""What a machine in an actor tells of itself when that has crashed, in few words: it may be long, or secret."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from cometary.actors.formatting import format_message
from cometary.actors.sys.state import read_attributes
from cometary.log import show

if TYPE_CHECKING:
    from cometary.fsm import StateMachine

MOST: Final = 20
"""Attributes, postponed events and timers that are told of, of each."""

TimersLeft = Iterable[tuple[str, float]]


def account_of(machine: StateMachine, actor_class: type, timers: TimersLeft) -> dict[str, object]:
    """Return the machine's state, data, postponed events and timers, as text.

    The data are what the machine's own `format_status()` tells, if it has that. Events are shown by the
    `format_message` of the actor's class, if it has one.
    """
    postponed = machine.postponed
    return {
        "machine": type(machine).__name__,
        "state": machine.state.name,
        "data": data_of(machine),
        "postponed": [format_message(actor_class, event) for event in islice(postponed, MOST)],
        "postponed_events": len(postponed),
        "timers": [f"{name} in {seconds:.3g} s" for name, seconds in islice(timers, MOST)],
    }


def data_of(machine: StateMachine) -> object:
    """Return the machine's attributes in a form that may be shown."""
    own: Any = getattr(machine, "format_status", None)
    if own is not None:
        return own()
    attributes = read_attributes(machine, of_the_engine)
    return {name: show(value) for name, value in islice(attributes.items(), MOST)}


def of_the_engine(name: str) -> bool:
    """Whether an attribute of a machine is not the user's."""
    return name == "state" or name.startswith("_fsm")
