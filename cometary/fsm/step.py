"""What a handler returns: where the machine goes, and with which actions."""

from __future__ import annotations

from typing import Any, Final, final

from cometary.fsm.actions import (
    Cancel,
    ChangeMachine,
    EventTimeout,
    NextEvent,
    PopMachine,
    Postpone,
    PushMachine,
    StateTimeout,
    Timeout,
    Update,
)
from cometary.fsm.shell import Reply
from cometary.fsm.state import END, State


class Step:
    """One answer of a handler, made by `goto`, `stay`, `repeat` or `stop`; a value, so it can be made once and shared.

    Attributes:
        target: The state to be in afterwards; None for the one that the machine is in.
        actions: What to do on the way, in order.
    """

    __slots__ = ("actions", "target")

    def __init__(self, target: State | None, actions: tuple[object, ...]) -> None:
        self.target = target
        self.actions = actions

    def __deepcopy__(self, _: dict[int, Any]) -> Step:
        return self  # a value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.target!r}, {self.actions!r})"


@final
class Repeat(Step):
    """Stay, but run the state's enter action again."""

    __slots__ = ()


@final
class Stop(Step):
    """Stop the machine.

    Attributes:
        reason: Why; handed to the shell in `Stopped`.
    """

    __slots__ = ("reason",)

    def __init__(self, reason: object, actions: tuple[object, ...]) -> None:
        super().__init__(END, actions)
        self.reason = reason


def goto(target: State, *actions: object) -> Step:
    """Change to another state, which the handler declares in its `to=`; going to the same state is staying."""
    return Step(target, actions)


def stay(*actions: object) -> Step:
    """Stay in the state; without actions a handler may as well return None."""
    return Step(None, actions)


def repeat(*actions: object) -> Step:
    """Stay in the state and run its enter action again; postponed events and the state time-out stay as they are."""
    return Repeat(None, actions)


def stop(reason: object = "normal", *actions: object) -> Step:
    """Stop the machine, which the handler declares with `to=END`; events still waiting are forgotten.

    Raises:
        ValueError: One of the actions is for the engine, which has stopped by then: the machine's fault.
    """
    for action in actions:
        if type(action) in NOT_FOR_SHELL:
            raise ValueError(f"a stopped machine cannot do {action!r}")
    return Stop(reason, actions)


def stop_and_reply(reason: object, *replies: Reply) -> Step:
    """Stop the machine and answer callers, who would otherwise be told of its end only.

    Raises:
        TypeError: One of the replies is none: the machine's fault.
    """
    for reply in replies:
        if not isinstance(reply, Reply):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers exist
            raise TypeError(f"{reply!r} is no Reply")
    return Stop(reason, replies)


STAY: Final = stay()

TIMER_ACTIONS: Final = frozenset({StateTimeout, EventTimeout, Timeout, Cancel, Update})

SWITCH_ACTIONS: Final = frozenset({ChangeMachine, PushMachine, PopMachine})

FORBIDDEN_ON_ENTERING: Final = frozenset({NextEvent, Postpone}) | SWITCH_ACTIONS

# A step or a class among the actions is always a mistake, such as `Postpone` without its parentheses.
NOT_FOR_SHELL: Final = TIMER_ACTIONS | SWITCH_ACTIONS | {NextEvent, Postpone, Step, Repeat, Stop, type}
"""The classes of what the engine keeps from the shell."""
