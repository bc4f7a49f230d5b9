"""Crashes of actors: whichever it is, and whatever it is at."""

from __future__ import annotations

from random import Random
from typing import Final

from cometary.actors import ActorSystem
from cometary.errors import SabotageError
from cometary.sessions.actor import SessionActor
from cometary.supervision import Supervisor
from tests.simulation.world import World

OTHERS: Final = 1 / 30
"""The share of crashes that hit not the actor of a session but one of the few others."""

FRONT_END: Final = 1 / 10
"""The share of these that hit the front end, and so every connection."""

ALL: Final = 1 / 3
"""The share of these that hit the supervisor of all sessions, which are `failed` then."""


class Crasher:
    """Crashes actors of one server until the world is calm.

    Args:
        world: where it is.
        actors: the system that the server lives in.
        chance: says who is next, and when.
        every: seconds between two crashes, on average.
    """

    def __init__(self, world: World, actors: ActorSystem, chance: Random, every: float) -> None:
        self._world = world
        self._actors = actors
        self._chance = chance
        self._every = every

    def begin(self) -> None:
        """Crash from now on."""
        self._world.agenda.after(self._chance.expovariate(1 / self._every), self._crash)

    def _crash(self) -> None:
        if self._world.calm:
            return
        self.begin()
        if self._chance.random() > OTHERS:
            self._crash_one(sessions=True)
        elif self._chance.random() < FRONT_END:
            self._world.count("crashes of the front end")
            self._world.network.fails = True
        else:
            self._crash_one(sessions=False)

    def _crash_one(self, *, sessions: bool) -> None:
        victims = [
            ref for ref in self._actors.actors if issubclass(ref.actor_class, SessionActor) is sessions
        ]
        if not victims:
            return
        ref = self._chance.choice(victims)
        name = ref.actor_class.__name__
        if issubclass(ref.actor_class, Supervisor) or (
            name == "SessionSupervisor" and self._chance.random() > ALL
        ):
            return
        self._world.count(f"crashes of {name}")
        ref.actor_inbox.fail(SabotageError("crashed in the simulation"), None)
