"""What a handler or an enter action has returned, checked."""

from __future__ import annotations

from collections.abc import Iterable
from types import CoroutineType
from typing import TYPE_CHECKING, Final, cast

from cometary.errors import InvalidStepError, UndeclaredTransitionError
from cometary.fsm.state import State
from cometary.fsm.step import FORBIDDEN_ON_ENTERING, STAY, Step, Stop, stay
from cometary.fsm.table import EnterFunction, Handler
from cometary.log import show

if TYPE_CHECKING:
    from cometary.fsm.engine import Engine

STEPS: Final = "goto, stay, repeat, stop or None"


def checked_entered(enter: EnterFunction, actions: Iterable[object] | None) -> tuple[object, ...]:
    """What an enter action returned, as a tuple of actions.

    Raises:
        InvalidStepError: It is neither actions nor None: the machine's fault.
    """
    if actions.__class__ is tuple:
        return cast("tuple[object, ...]", actions)
    if actions is None:
        return ()
    if isinstance(actions, list):
        return tuple(actions)
    raise InvalidStepError(
        f"{enter.__qualname__} returned {_said(actions)}: an enter action returns a tuple of actions or None,"
        " or else stay, repeat or stop"
    )


def checked_entering(machine: Engine, enter: EnterFunction, returned: Step | Iterable[object] | None) -> Step:
    """What an enter action returned, as a step that it may take.

    Raises:
        InvalidStepError: It may not: the machine's fault.
        UndeclaredTransitionError: It stops the machine without saying so in its `to=`: the machine's fault.
    """
    step = returned if isinstance(returned, Step) else stay(*checked_entered(enter, returned))
    for action in step.actions:
        if action.__class__ in FORBIDDEN_ON_ENTERING:
            raise InvalidStepError(
                f"{enter.__qualname__} returned {action!r}: an enter action may not do that"
            )
    if isinstance(step, Stop):
        if machine.state not in machine._fsm_table.stopping:  # noqa: SLF001 - this is part of it  # pyright: ignore[reportPrivateUsage]
            raise UndeclaredTransitionError(f"{machine!r}: {enter.__qualname__} stopped it without to=END")
    elif step.target is not None and step.target is not machine.state:
        raise InvalidStepError(
            f"{enter.__qualname__} returned {step!r}: an enter action may not change the state"
        )
    return step


def checked(step: object, handler: Handler) -> Step:
    """What a handler returned, as a step.

    Raises:
        InvalidStepError: It is none: the machine's fault.
    """
    if step is None:
        return STAY
    if isinstance(step, Step):
        if step.target is None or isinstance(step.target, State):  # pyright: ignore[reportUnnecessaryIsInstance] - untyped machines exist
            return step
        raise InvalidStepError(
            f"{handler.function.__qualname__} went to {show(step.target)}, which is not a state"
        )
    raise InvalidStepError(
        f"{handler.function.__qualname__} returned {_said(step)}: a handler returns {STEPS}"
    )


def _said(returned: object) -> str:
    """What a machine's author is told of a wrong value; a coroutine is closed, as nobody will await it."""
    if isinstance(returned, CoroutineType):
        returned.close()
        return "a coroutine (a handler is a plain `def`)"
    return show(returned)


def undeclared(machine: Engine, event: object, handler: Handler | None, step: Step) -> str:
    """The message about a step that goes where its handler does not say."""
    name, targets = (handler.name, handler.targets) if handler else ("?", ())
    went = "stopped" if isinstance(step, Stop) else f"went to {step.target!r}"
    declared = ", ".join(target.name for target in targets) or "nothing"
    return f"{machine!r}: {name} {went} on {event!r}, but its to= names {declared}"
