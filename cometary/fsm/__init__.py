"""State machines as values, with the semantics of OTP's gen_statem.

A machine is a class that declares states, and methods that handle events in them. It takes events and returns
actions; it has no loop, no clock and no socket, so the same machine runs alone in a test and inside an actor.
"""

from __future__ import annotations

from cometary.errors import (
    EventOverflowError,
    InvalidMachineError,
    InvalidStepError,
    NotRunningError,
    UndeclaredTransitionError,
    UnhandledEventError,
)
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
from cometary.fsm.declare import enter, event_timeout, on, state_timeout, timeout
from cometary.fsm.diagram import Transition
from cometary.fsm.engine import Observer
from cometary.fsm.events import Call, Internal, TimedOut
from cometary.fsm.machine import StateMachine
from cometary.fsm.shell import CancelTimer, Reply, StartTimer, Stopped
from cometary.fsm.state import ANY, END, State
from cometary.fsm.step import Step, goto, repeat, stay, stop, stop_and_reply

__all__ = [
    "ANY",
    "END",
    "Call",
    "Cancel",
    "CancelTimer",
    "ChangeMachine",
    "EventOverflowError",
    "EventTimeout",
    "Internal",
    "InvalidMachineError",
    "InvalidStepError",
    "NextEvent",
    "NotRunningError",
    "Observer",
    "PopMachine",
    "Postpone",
    "PushMachine",
    "Reply",
    "StartTimer",
    "State",
    "StateMachine",
    "StateTimeout",
    "Step",
    "Stopped",
    "TimedOut",
    "Timeout",
    "Transition",
    "UndeclaredTransitionError",
    "UnhandledEventError",
    "Update",
    "enter",
    "event_timeout",
    "goto",
    "on",
    "repeat",
    "state_timeout",
    "stay",
    "stop",
    "stop_and_reply",
    "timeout",
]
