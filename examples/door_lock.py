"""A door that opens for a code and locks itself again: the example of the gen_statem manual, with sound.

python examples/door_lock.py
"""

from __future__ import annotations

from dataclasses import dataclass

from cometary.fsm import (
    ANY,
    Call,
    EventTimeout,
    Reply,
    State,
    StateMachine,
    StateTimeout,
    Step,
    TimedOut,
    enter,
    event_timeout,
    goto,
    on,
    state_timeout,
    stay,
)


@dataclass(frozen=True)
class Button:
    """Someone pressed a digit."""

    digit: str


@dataclass(frozen=True)
class CodeLength:
    """Someone asks how long the code is."""


@dataclass(frozen=True)
class Bolt:
    """For the shell: move the bolt."""

    locked: bool


class DoorLock(StateMachine):
    """A lock with a code; the door stays open for ten seconds, and half a code is forgotten after thirty."""

    locked = State("waits for the code", initial=True)
    unlocked = State("anyone may pass")

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code
        self.pressed = ""

    @on(locked, Button, to=unlocked)
    def press(self, event: Button) -> Step:
        """Opens after the last digit of the code."""
        self.pressed = (self.pressed + event.digit)[-len(self.code) :]
        if self.pressed == self.code:
            return goto(self.unlocked, StateTimeout(10.0))
        return stay(EventTimeout(30.0))

    @on(locked, event_timeout)
    def forget(self, _event: TimedOut) -> None:
        """Forgets half a code."""
        self.pressed = ""

    @on(unlocked, Button)
    def hold_open(self, _event: Button) -> Step:
        """Stays open for ten seconds more."""
        return stay(StateTimeout(10.0))

    @on(unlocked, state_timeout, to=locked)
    def lock_again(self, _event: TimedOut) -> Step:
        """Locks after ten seconds without a button."""
        return goto(self.locked)

    @on(ANY, Call[CodeLength])
    def code_length(self, event: Call[CodeLength]) -> Step:
        """Tells how long the code is."""
        return stay(Reply(event.reply_to, len(self.code)))

    @enter(unlocked)
    def unbolt(self, _came_from: State) -> tuple[Bolt]:
        """Draws the bolt."""
        self.pressed = ""
        return (Bolt(locked=False),)

    @enter(locked)
    def bolt(self, _came_from: State) -> tuple[Bolt]:
        """Shoots the bolt."""
        return (Bolt(locked=True),)


if __name__ == "__main__":
    door = DoorLock("42")
    print("start  ", *door.start())
    for event in (Button("4"), Button("2"), Call(CodeLength(), reply_to="you")):
        print(event, "→", *door.step(event), "|", door.state.name)
    (timer,) = door.running_timers
    print("later  →", *door.step(timer.timed_out()), "|", door.state.name)
    print(DoorLock.mermaid())
