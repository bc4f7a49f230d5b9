"""Step 1 of the tutorial: a lock with two states.

python -m examples.code_lock.two_states
"""

from __future__ import annotations

from dataclasses import dataclass

from cometary.fsm import State, StateMachine, Step, goto, on, stay


@dataclass(frozen=True)
class Button:
    """Someone pressed a digit."""

    digit: str


@dataclass(frozen=True)
class Pulled:
    """Someone pulled the door shut."""


class Lock(StateMachine):
    """Opens for a code."""

    locked = State("waits for the code", initial=True)
    unlocked = State("anyone may pass")

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code
        self.pressed = ""

    @on(locked, Button, to=unlocked)
    def press(self, event: Button) -> Step:
        """Opens after the last digit of the code."""
        self.pressed += event.digit
        if len(self.pressed) < len(self.code):
            return stay()
        right, self.pressed = self.pressed == self.code, ""
        return goto(self.unlocked) if right else stay()

    @on(unlocked, Button)
    def ignore(self, _event: Button) -> Step:
        """It is open already."""
        return stay()

    @on(unlocked, Pulled, to=locked)
    def shut(self, _event: Pulled) -> Step:
        """Locks."""
        return goto(self.locked)


if __name__ == "__main__":
    lock = Lock("42")
    lock.start()
    for event in (Button("4"), Button("1"), Button("4"), Button("2"), Pulled()):
        lock.step(event)
        print(event, "→", lock.state.name)
    print(Lock.table())
