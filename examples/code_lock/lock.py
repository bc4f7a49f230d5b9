"""Steps 2 to 4 of the tutorial: a lock with a motor, time-outs, and calls that wait for the door.

python -m examples.code_lock.lock
"""

from __future__ import annotations

from dataclasses import dataclass

from cometary.fsm import (
    ANY,
    Call,
    Postpone,
    Reply,
    State,
    StateMachine,
    StateTimeout,
    Step,
    TimedOut,
    Timeout,
    enter,
    goto,
    on,
    state_timeout,
    stay,
    timeout,
)
from examples.code_lock.two_states import Button

MISTAKES = 3  # wrong codes, until it refuses to listen


@dataclass(frozen=True)
class Drawn:
    """The motor has drawn the bolt."""


@dataclass(frozen=True)
class LetIn:
    """The porter wants the door open, and waits until it is. The answer is whether it is."""


@dataclass(frozen=True)
class Motor:
    """For the shell: have the motor draw the bolt, or let it go."""

    draw: bool


@dataclass(frozen=True)
class Alarm:
    """For the shell: tell the porter that something is wrong."""

    what: str


class CodeLock(StateMachine):
    """A lock whose bolt takes its time."""

    locked = State("waits for the code", initial=True)
    unlocking = State("the motor draws the bolt")
    unlocked = State("anyone may pass")
    refusing = State("listens to nobody for a minute")

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code
        self.pressed = ""
        self.mistakes = 0

    # -- the code -------------------------------------------------------------------------

    @on(locked, Button, to=(unlocking, refusing))
    def press(self, event: Button) -> Step:
        """Goes by the code, once it is complete."""
        pressed = self.pressed + event.digit
        if len(pressed) < len(self.code):
            self.pressed = pressed
            return stay(Timeout("half a code", 5))
        self.pressed = ""
        if pressed == self.code:
            self.mistakes = 0
            return goto(self.unlocking)
        self.mistakes += 1
        if self.mistakes < MISTAKES:
            return stay()
        self.mistakes = 0
        return goto(self.refusing, Alarm("someone tries codes"))

    @on(ANY, timeout("half a code"))
    def forget(self, _event: TimedOut) -> None:
        """Forgets half a code after five seconds."""
        self.pressed = ""

    # -- the bolt -------------------------------------------------------------------------

    @enter(unlocking)
    def draw(self, _came_from: State) -> tuple[Motor, StateTimeout]:
        """Draws the bolt, which must not take more than three seconds."""
        return Motor(draw=True), StateTimeout(3)

    @on(unlocking, Drawn, to=unlocked)
    def drawn(self, _event: Drawn) -> Step:
        """Is open."""
        return goto(self.unlocked)

    @on(unlocking, state_timeout, to=refusing)
    def stuck(self, _event: TimedOut) -> Step:
        """Gives up."""
        return goto(self.refusing, Motor(draw=False), Alarm("the bolt is stuck"))

    @enter(unlocked)
    def opened(self, _came_from: State) -> tuple[StateTimeout]:
        """Stays open for ten seconds."""
        return (StateTimeout(10),)

    @on(unlocked, state_timeout, to=locked)
    def lock_again(self, _event: TimedOut) -> Step:
        """Locks."""
        return goto(self.locked, Motor(draw=False))

    @on((locked, unlocked, refusing), Drawn)
    def too_late(self, _event: Drawn) -> Step:
        """It has given up by then, and has let the bolt go."""
        return stay()

    # -- what comes at another time -------------------------------------------------------

    @on(unlocking, (Button, Call[LetIn]))
    def wait_for_the_bolt(self, _event: object) -> Step:
        """Looks at it again when the bolt has moved."""
        return stay(Postpone())

    @on(unlocked, Button)
    def hold_open(self, _event: Button) -> Step:
        """Stays open for ten seconds more."""
        return stay(StateTimeout(10))

    # -- the porter -----------------------------------------------------------------------

    @on(locked, Call[LetIn], to=unlocking)
    def let_in(self, _event: Call[LetIn]) -> Step:
        """Opens without a code, and answers when it is open."""
        return goto(self.unlocking, Postpone())

    @on(unlocked, Call[LetIn])
    def is_open(self, event: Call[LetIn]) -> Step:
        """Says that it is open."""
        return stay(Reply(event.reply_to, value=True))

    # -- refusing -------------------------------------------------------------------------

    @enter(refusing)
    def refuse(self, _came_from: State) -> tuple[StateTimeout]:
        """Waits a minute."""
        return (StateTimeout(60),)

    @on(refusing, state_timeout, to=locked)
    def listen_again(self, _event: TimedOut) -> Step:
        """Listens again."""
        return goto(self.locked)

    @on(refusing, Button)
    def ignore(self, _event: Button) -> Step:
        """Does not even count."""
        return stay()

    @on(refusing, Call[LetIn])
    def is_not_open(self, event: Call[LetIn]) -> Step:
        """Says that it is not open."""
        return stay(Reply(event.reply_to, value=False))


if __name__ == "__main__":
    print(CodeLock.mermaid())
