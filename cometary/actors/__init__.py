"""Actors: Pykka's model on Trio's loop.

    from cometary.actors import Actor, system

    class Greeter(Actor):
        def on_receive(self, message):
            return f"hello {message}"

    async with system():
        greeter = Greeter.start()
        print(await greeter.ask("world"))
"""

from __future__ import annotations

from pykka import ActorDeadError, ThreadingActor, Timeout, get_all, traversable

from cometary.actors.actor import Actor
from cometary.actors.exits import KILLED, NORMAL, SHUTDOWN, Exit
from cometary.actors.future import Future
from cometary.actors.messages import Down
from cometary.actors.ref import ActorRef
from cometary.actors.system import ActorSystem, current_system, system, system_in_thread
from cometary.actors.timers import Timer

__all__ = [
    "KILLED",
    "NORMAL",
    "SHUTDOWN",
    "Actor",
    "ActorDeadError",
    "ActorRef",
    "ActorSystem",
    "Down",
    "Exit",
    "Future",
    "ThreadingActor",
    "Timeout",
    "Timer",
    "current_system",
    "get_all",
    "system",
    "system_in_thread",
    "traversable",
]
