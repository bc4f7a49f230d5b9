"""Two managers of sessions in one process, and sessions that move between them in the middle of everything.

1.  Clients come to one server. Its gate looks for a session in both managers, as what passes requests on would.
2.  Both have one table of who hears what, one dispatcher, one line of what threads send. So an update that is routed
    before a session moves goes with it, and all others come after it: what lies between two nodes is not played.
3.  A session travels as JSON or as CBOR. Requests that wait are submitted where it goes on. What is sent to it where it
    was goes after it, however often it has moved.
4.  It moves when nobody calls its application, or while an async handler runs, which is broken off then.
"""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

import cbor2

from cometary.actors import ActorSystem
from cometary.dispatch.hub import Hub
from cometary.gate.gate import Gate
from cometary.server import endpoints, entrance
from cometary.server.tree import Server
from cometary.sessions import SessionKeeper, SessionManager, SessionSupervisor
from cometary.sessions.locator import Gone, Here, Place
from cometary.supervision import ChildSpec, supervise
from tests.simulation.world import World

AT_A_TIME = 20
"""Sessions that move together."""


class BothPlaces:
    """Finds sessions in two managers."""

    def __init__(self) -> None:
        self.managers: list[SessionManager] = []
        self.living: Any = ChainMap[str, SessionKeeper]()

    def add(self, manager: SessionManager) -> None:
        """Look for sessions here as well."""
        self.managers.append(manager)
        self.living.maps.append(manager.directory.living)

    def find(self, sid: str) -> Place:
        """Say where a session is."""
        places = [manager.directory.find(sid) for manager in self.managers]
        here = [place for place in places if isinstance(place, Here)]
        gone = [place for place in places if isinstance(place, Gone) and place.reason is not None]
        return (here or gone or [Gone(None)])[0]


class Mover:
    """Moves sessions of one server to a second manager, and back.

    Args:
        world: where it is.
        chance: says who is next, and when.
        every: seconds between two times at which sessions move; 0 for never.
    """

    def __init__(self, world: World, chance: Random, every: float) -> None:
        self._world = world
        self._chance = chance
        self._every = every
        self._places = BothPlaces()
        self._latest: dict[str, tuple[SessionManager, SessionKeeper]] = {}

    @contextmanager
    def passing_on(self) -> Generator[None]:
        """Have the gate of the server that is made meanwhile look in both places."""
        if not self._every:
            yield
            return
        make_gate = endpoints.make_gate

        def gate_to_both(*args: Any, **kwargs: Any) -> Gate:
            gate = make_gate(*args, **kwargs)
            inside: Any = gate
            inside._locator, inside._living = self._places, self._places.living
            return gate

        with patch.object(entrance, "make_gate", gate_to_both):
            yield

    @asynccontextmanager
    async def beside(self, server: Server, actors: ActorSystem) -> AsyncGenerator[None]:
        """Run the second manager beside those of a server, and move sessions till the world is calm."""
        if not self._every:
            yield
            return
        core: Any = server._core
        first: Any = core.manager
        second = SessionManager(first.settings, first.application)
        second.flow, second.turnstile, second.receipts = first.flow, first.turnstile, first.receipts
        second.posting._from_threads = first.posting._from_threads
        Hub(second, core.table, engine=core.engine, start_soon=actors.start_soon)
        self._places.add(first)
        self._places.add(second)
        async with supervise([ChildSpec("sessions elsewhere", SessionSupervisor, (second,))]):
            self._later()
            yield
            await second.shut_down()

    def _later(self) -> None:
        self._world.agenda.after(self._chance.expovariate(1 / self._every), self._move_some)

    def _move_some(self) -> None:
        if self._world.calm:
            return
        self._later()
        here, there = self._chance.sample(self._places.managers, 2)
        keepers = [one for one in here.directory if one.sid not in self._latest] or list(here.directory)
        for keeper in self._chance.sample(keepers, min(AT_A_TIME, len(keepers))):
            if there._supervisor is not None and there._supervisor.open:
                self._move(keeper, here, there)

    def _move(self, keeper: SessionKeeper, here: SessionManager, there: SessionManager) -> None:
        self._world.count("moves" if keeper.begun is None else "moves in the middle of a handler")
        released = here.release(keeper, partial(self._follow, keeper.sid))
        if self._chance.random() < 1 / 2:
            plain = json.loads(json.dumps(released.frozen, allow_nan=False))
        else:
            plain = cbor2.loads(cbor2.dumps(released.frozen))
        goes_on = there.adopt(plain)
        if keeper.sid not in self._latest:
            self._world.count("sessions that move")
        self._latest[keeper.sid] = there, goes_on
        for carrier in released.carriers:
            goes_on.tell(carrier)

    def _follow(self, sid: str, message: object) -> None:
        manager, keeper = self._latest[sid]
        manager.pass_on(keeper, message)
