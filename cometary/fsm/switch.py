"""Changing the class of a machine that runs: the same state, timers, postponed events and attributes, other handlers.

1.  The class is changed in the middle of a step, after the state and before the enter action: so it is the new
    class whose enter action runs, if the state changes, and the new class that handles all that is queued.
2.  States are compared by identity and belong to a class, so the machine is then in the state of the same name.
    For classes that have their states from a common base, this is the same state.
3.  It is no state change: timers and postponed events stay as they are.

Source: the OTP reference manual, gen_statem, `action()`, `change_callback_module` and its two relatives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.errors import InvalidStepError
from cometary.fsm.actions import PopMachine, PushMachine, SwitchAction

if TYPE_CHECKING:
    from cometary.fsm.engine import Engine


def switch(machine: Engine, action: SwitchAction, below: list[type]) -> None:
    """Carry out one action.

    Args:
        machine: Whose class to change.
        action: How.
        below: The classes that `PushMachine` has left, the latest last; it is changed.

    Raises:
        InvalidStepError: There is nothing to pop, or `become` refuses: the machine's fault.
    """
    if isinstance(action, PopMachine):
        if not below:
            raise InvalidStepError(f"{machine!r} has no class to go back to: nothing was pushed")
        become(machine, below.pop())
        return
    was = machine.__class__
    become(machine, action.machine)
    if isinstance(action, PushMachine):
        below.append(was)


def go_back(machine: Any, old: type) -> None:
    """Make `machine` what it was before a step that has failed."""
    if machine.__class__ is not old:
        machine.__class__ = old


def become(machine: Engine, new: type) -> None:
    """Make `machine` one of the class `new`, in the state of the same name.

    Raises:
        InvalidStepError: `new` is no machine's class, has no such state, or stores its attributes in another
            way (`__slots__`): the machine's fault; nothing has changed.
    """
    table = getattr(new, "_fsm_table", None)
    if table is None:
        raise InvalidStepError(f"{machine!r} cannot go on as {new!r}, which is no StateMachine")
    state = table.states.get(machine.state.name)
    if state is None:
        raise InvalidStepError(f"{machine!r} cannot go on as {new.__name__}, which has no such state")
    try:
        machine.__class__ = new
    except TypeError as error:
        raise InvalidStepError(f"{machine!r} cannot go on as {new.__name__}: {error}") from None
    machine.state = state
