"""Step 5 of the tutorial: the lock in an actor, which gives it timers, a motor and a porter.

python -m examples.code_lock.door
"""

from __future__ import annotations

from typing import Any, NamedTuple

import trio

from cometary.actors import Actor, ActorRef, system
from cometary.statem import MachineActor
from examples.code_lock.lock import Alarm, CodeLock, Drawn, LetIn, Motor
from examples.code_lock.two_states import Button


class Turn(NamedTuple):
    """To the motor: draw the bolt and tell the door when it is drawn, or let it go."""

    draw: bool
    door: ActorRef[Any]


class Door(MachineActor):
    """Runs a lock: what it is sent are the lock's events, and it does what the lock says.

    Args:
        code: what opens it.
        motor: takes `Turn`.
        porter: takes `Alarm`.
    """

    def __init__(self, code: str, motor: ActorRef[Any], porter: ActorRef[Any]) -> None:
        super().__init__(CodeLock, code)
        self.motor = motor
        self.porter = porter

    def perform(self, action: Any) -> None:
        """Do what the lock says and a machine's actor does not know by itself."""
        match action:
            case Motor(draw):
                self.motor.tell(Turn(draw, self.actor_ref))
            case Alarm():
                self.porter.tell(action)
            case _:
                super().perform(action)


class SlowMotor(Actor):
    """Takes a second to draw the bolt."""

    async def on_receive(self, message: Turn) -> None:
        """Draw it, or let it go."""
        if message.draw:
            await trio.sleep(1)
            message.door.tell(Drawn())


class Porter(Actor):
    """Prints what is wrong."""

    def on_receive(self, message: Alarm) -> None:
        """Print an alarm."""
        print("alarm:", message.what)


async def main() -> None:
    """Let someone in, and then someone try codes."""
    began = trio.current_time()
    async with system():
        door = Door.start("4711", SlowMotor.start(), Porter.start())
        print("open:", await door.ask(LetIn()), f"after {trio.current_time() - began:.0f} s")
        await trio.sleep(11)
        for _ in range(3):
            for digit in "1111":
                door.tell(Button(digit))
        print("open:", await door.ask(LetIn()))


if __name__ == "__main__":
    trio.run(main)
