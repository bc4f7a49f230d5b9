"""What lies between a page and the server: it carries one connection, and is hostile.

1.  Bytes of one direction stay in order. When they arrive, in which pieces, and whether at all, is the
    proxy's choice, drawn from the seed.
2.  A cut is learnt of by both sides, at different times, or by one alone: then the other is left with a
    connection that is dead, and nothing says so.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from random import Random
from typing import Final, Protocol

from tests.simulation.sockets import Address
from tests.simulation.upstream import Upstream
from tests.simulation.world import World

TAIL: Final = 2.0
"""Seconds that the last part of an answer has to reach the page, before the connection is cut."""

NEVER_LEARNT: Final = 0.15
"""The share of cuts of which one side is not told."""


class Client(Protocol):
    """Whose connection it is: a line of a page."""

    def received(self, data: bytes) -> None:
        """Take what has come."""
        ...

    def broken(self, proxy: Proxy) -> None:
        """Take note that this connection is no more."""
        ...


class Moment(Enum):
    """What a connection is at when it is cut."""

    ANY = auto()
    """Whatever it is at when its time is up."""
    REQUEST = auto()
    """In the middle of a request."""
    UNREAD = auto()
    """The server has answered, and nothing of it has gone on to the page."""
    ANSWER = auto()
    """In the middle of an answer."""


MOMENTS: Final = tuple(Moment)


class Proxy:
    """Carries one connection of a page; this one only takes its time, and cuts it sooner or later.

    Args:
        world: where it is.
        address: where the server sees it come from.
        chance: what it does follows from it.
        client: whose connection it is.
    """

    name = "plain"

    def __init__(self, world: World, address: Address, chance: Random, client: Client) -> None:
        self.world = world
        self.address = address
        self.chance = chance
        self._client: Client | None = client
        self._up_at = self._down_at = 0.0
        self._cut_moment: Moment | None = None
        self._swallows = False  # what the server sends, since it is in the middle of a cut
        self.upstream = Upstream(world, address, chance, self._from_server)
        self._plan_cut()

    # -- the page's side ---------------------------------------------------------------------------

    def send(self, request: bytes) -> None:
        """Take a request of the page: all of it at once."""
        if self._at(Moment.REQUEST):
            self._later(up=True, call=self._forward_some, data=request)
            return
        for piece in self.pieces(request):
            self._later(up=True, call=self.forward, data=piece)

    def close(self) -> None:
        """The page closes the connection."""
        self._client = None
        self._later(up=True, call=self._leave, data=b"")

    def _leave(self, _: bytes) -> None:
        if self.chance.random() < NEVER_LEARNT and not self.world.calm:
            self.world.count("ends kept from the server")
            self.upstream.abandon()
        else:
            self.upstream.close(reset=self.chance.random() < 1 / 4)

    # -- what kinds of proxies do differently ------------------------------------------------------

    def pieces(self, data: bytes) -> list[bytes]:
        """Cut up what goes to the server."""
        return [data]

    def delay(self) -> float:
        """Return how many seconds something takes through it."""
        return self.chance.uniform(0.01, 0.2)

    def forward(self, data: bytes) -> None:
        """Send a piece to the server."""
        self.upstream.send(data)

    def backward(self, data: bytes) -> None:
        """Take a piece of what the server sends."""
        self._later(up=False, call=self.deliver, data=data)

    def server_closed(self) -> None:
        """The server has closed the connection."""
        self._later(up=False, call=self._tell_broken, data=b"")

    def deliver(self, data: bytes) -> None:
        """Give something to the page."""
        if self._client is not None:
            self._client.received(data)

    # -- cuts --------------------------------------------------------------------------------------

    def _plan_cut(self) -> None:
        if not self.world.calm:
            moment = self.chance.choice(MOMENTS)
            seconds = self.chance.expovariate(1 / self.world.cut_every)
            self.world.agenda.after(seconds, self._cut_due, moment)

    def _cut_due(self, moment: Moment) -> None:
        if self.world.calm or self._client is None:
            return
        self._cut_moment = moment
        if moment is Moment.ANY:
            self.cut()

    def _at(self, moment: Moment) -> bool:
        return self._cut_moment is moment and not self.world.calm

    def cut(self) -> None:
        """Cut the connection; each side learns of it some time, or never (rule 2)."""
        self._cut_moment = None
        self.world.count("cuts")
        client, self._client = self._client, None
        untold = self.chance.random()
        after = self.world.agenda.after
        if client is not None and untold > NEVER_LEARNT:
            after(self.chance.expovariate(1), client.broken, self)
        if untold < 1 - NEVER_LEARNT:
            after(self.chance.expovariate(1), self._cut_server)
        else:
            self.upstream.abandon()

    def _cut_server(self) -> None:
        self.upstream.close(reset=self.chance.random() < 1 / 2)

    # -- both ways ---------------------------------------------------------------------------------

    def _later(self, *, up: bool, call: Callable[[bytes], None], data: bytes) -> None:
        agenda = self.world.agenda
        at = agenda.now() + self.delay()
        if up:
            at = self._up_at = max(at, self._up_at)
        else:
            at = self._down_at = max(at, self._down_at)
        agenda.at(at, call, data)

    def _forward_some(self, data: bytes) -> None:
        self.upstream.send(data[: self.chance.randrange(len(data))])
        self.cut()

    def _from_server(self, data: bytes) -> None:
        if not data:
            self.server_closed()
        elif self._at(Moment.UNREAD):
            self.cut()
        elif self._at(Moment.ANSWER):
            self._cut_moment = None
            self._swallows = True
            self.backward(data[: self.chance.randrange(len(data))])
            self.world.agenda.after(TAIL, self.cut)
        elif not self._swallows:
            self.backward(data)

    def _tell_broken(self, _: bytes) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.broken(self)
