"""Machines for the tests of the actor that runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cometary.fsm import (
    ANY,
    END,
    Call,
    Postpone,
    Reply,
    State,
    StateMachine,
    Step,
    TimedOut,
    enter,
    goto,
    on,
    stay,
    stop_and_reply,
    timeout,
)
from cometary.statem import MachineActor


@dataclass(frozen=True)
class Do:
    """Do what the test says."""

    step: Step


@dataclass(frozen=True)
class Ask:
    """Answer what the test says."""

    answer: object = None


@dataclass(frozen=True)
class WhenOpen:
    """Answer as soon as the door is open."""


@dataclass(frozen=True)
class Beep:
    """For the shell."""

    note: str


@dataclass(frozen=True)
class Unknown:
    """An event that nobody handles."""


class Lock(StateMachine):
    """A lock that is opened and shut by what the test says."""

    shut = State(initial=True)
    opened = State()

    def __init__(self, code: str = "42", *, at_start: tuple[object, ...] = ()) -> None:
        super().__init__()
        self.code = code
        self.at_start = at_start

    def init(self) -> tuple[object, ...]:
        return self.at_start

    @on(ANY, Do, to=(shut, opened, END))
    def do(self, event: Do) -> Step:
        return event.step

    @on(ANY, Call[Ask], to=END)
    def ask(self, event: Call[Ask]) -> Step:
        if isinstance(event.message.answer, Exception):
            raise event.message.answer
        if event.message.answer == "stop":
            return stop_and_reply("normal", Reply(event.reply_to, "stopping"))
        return stay(Reply(event.reply_to, event.message.answer), Reply(event.reply_to, "a second one"))

    @on(shut, Call[WhenOpen])
    def later(self, _event: Call[WhenOpen]) -> Step:
        return stay(Postpone())

    @on(opened, Call[WhenOpen])
    def now(self, event: Call[WhenOpen]) -> Step:
        return stay(Reply(event.reply_to, "open"))

    @on(ANY, TimedOut, to=(shut, opened, END))
    def timed_out(self, event: TimedOut) -> Step:
        return stay(Beep(f"{event.name}: {event.content}"))

    @on(opened, timeout("shut"), to=shut)
    def shut_it(self, _event: TimedOut) -> Step:
        return goto(self.shut)

    @on(ANY, (int, Call[int]))
    def number(self, event: Any) -> None:
        raise ArithmeticError(event)

    @enter(opened)
    def unbolt(self, _came_from: State) -> tuple[object, ...]:
        return (Beep("open"),)


class LoudLock(MachineActor):
    """Writes its beeps down."""

    def __init__(self, beeps: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(Lock, *args, **kwargs)
        self.beeps = beeps

    def perform(self, action: Any) -> None:
        if action == Beep("crash"):
            raise RuntimeError("no loudspeaker")
        self.beeps.append(action.note)


OPEN = goto(Lock.opened)
