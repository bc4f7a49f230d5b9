"""A protocol in phases, each a class of machine: who is it, what is wanted, and a question in between.

python examples/phases.py
"""

from __future__ import annotations

from dataclasses import dataclass

from cometary.fsm import (
    END,
    ChangeMachine,
    PopMachine,
    PushMachine,
    State,
    StateMachine,
    Step,
    on,
    stay,
    stop,
)


@dataclass(frozen=True)
class Said:
    """A line of the customer's."""

    text: str


@dataclass(frozen=True)
class Say:
    """For the shell: answer this."""

    text: str


class Counter(StateMachine):
    """What the phases share: their one state, and what is known so far."""

    talking = State("waits for a line", initial=True)

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.loaves = 0


class Greeting(Counter):
    """The first phase: everything is taken for a name."""

    @on(Counter.talking, Said, switches=True)
    def greet(self, event: Said) -> Step:
        """Takes the name, and goes on to the orders."""
        self.name = event.text
        return stay(ChangeMachine(Ordering), Say(f"hello {self.name}"))


class Ordering(Counter):
    """The second phase, for as long as the customer likes."""

    @on(Counter.talking, Said, to=END, switches=True)
    def order(self, event: Said) -> Step:
        """Asks how many, or ends."""
        if event.text == "bye":
            return stop("normal", Say(f"{self.loaves} loaves for {self.name}"))
        return stay(PushMachine(Counting), Say("how many?"))


class Counting(Counter):
    """A question in between, which goes back to whatever asked it."""

    @on(Counter.talking, Said, switches=True)
    def count(self, event: Said) -> Step:
        """Insists on a number."""
        if not event.text.isdecimal():
            return stay(Say("a number, please"))
        self.loaves += int(event.text)
        return stay(PopMachine(), Say("what else?"))


def talk(*lines: str) -> list[str]:
    """Say these lines to a new machine; returns what it answers."""
    machine = Greeting()
    machine.start()
    return [action.text for line in lines for action in machine.step(Said(line)) if isinstance(action, Say)]


if __name__ == "__main__":
    for answer in talk("ada", "bread", "some", "2", "bread", "1", "bye"):
        print(answer)
