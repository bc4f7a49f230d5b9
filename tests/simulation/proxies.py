"""What lies between a page and the server: each carries one connection, and all of them are hostile.

1.  Bytes of one direction stay in order. When they arrive, in which pieces, and whether at all, is the
    proxy's choice, drawn from the seed.
2.  A cut is learnt of by both sides, at different times, or by one alone: then the other is left with a
    connection that is dead, and nothing says so.
3.  What comes from the server is taken note of within the server's own turn, and looked at a tick later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from socket import SHUT_WR
from typing import Final, Protocol

from tests.simulation.agenda import Agenda
from tests.simulation.network import MemoryNetwork
from tests.simulation.sockets import Address, End

BUFFERS: Final = (10, 300, 2000) + 17 * (65_536,)
"""Bytes that one end of a connection takes in."""

MOST: Final = 65_536
"""Bytes that are read at once."""

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


@dataclass(slots=True)
class World:
    """What all proxies share.

    Attributes:
        agenda: says when.
        network: has the sockets.
        port: where the server listens.
        cut_every: seconds after which a connection is cut, on average.
        trace: told of everything that goes to the server, and comes from it.
        calm: whether no proxy makes trouble any more.
        troubles: how often what was done.
    """

    agenda: Agenda
    network: MemoryNetwork
    port: int
    cut_every: float
    trace: Callable[[bytes], object]
    calm: bool = False
    troubles: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, trouble: str) -> None:
        """Take note of one more."""
        self.troubles[trouble] = self.troubles.get(trouble, 0) + 1


class Upstream:
    """A proxy's connection to the server.

    Args:
        world: where it is.
        address: where the server sees it come from.
        chance: draws the sizes of its buffers, and how soon it looks what there is.
        take: called with what the server has sent; with nothing when it has sent FIN or RST.
    """

    def __init__(self, world: World, address: Address, chance: Random, take: Callable[[bytes], None]) -> None:
        self._world = world
        self._chance = chance
        self._take = take
        self._unsent = bytearray()
        self._looks = False
        self._ends = False
        calm = world.calm
        self._end: End | None = None
        try:
            self._end = world.network.connect(
                address,
                world.port,
                server=MOST if calm else chance.choice(BUFFERS),
                client=MOST if calm else chance.choice(BUFFERS),
            )
        except ConnectionRefusedError:
            world.agenda.after(0, take, b"")
        else:
            self._end.changed = self._changed

    @property
    def open(self) -> bool:
        """Whether it is."""
        return self._end is not None

    def send(self, data: bytes) -> None:
        """Send, as soon as the server takes it."""
        self._world.trace(data)
        self._unsent += data
        self._flush()

    def shut(self) -> None:
        """Send FIN, after what is still to be sent."""
        self._ends = True
        self._flush()

    def close(self, *, reset: bool = False) -> None:
        """Let go of the connection."""
        end, self._end = self._end, None
        if end is not None:
            end.close(reset=reset)

    def abandon(self) -> None:
        """Neither send nor read any more, and leave it open until the server closes it."""
        self._take = ignore_data
        self._unsent.clear()
        if self._end is not None:
            self._end.changed = self._close_if_ended

    def _close_if_ended(self) -> None:
        if self._end is not None and (self._end.ended or self._end.broken):
            self._world.agenda.after(0, self.close)

    def _changed(self) -> None:
        if not self._looks:
            self._looks = True
            self._world.agenda.after(0, self._look)

    def _look(self) -> None:
        self._looks = False
        self._flush()
        end = self._end
        if end is None:
            return
        try:
            data = end.recv(MOST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
        elif not self._looks:  # there may be more
            self._changed()
        self._world.trace(data)
        self._take(data)

    def _flush(self) -> None:
        end = self._end
        if end is None:
            return
        try:
            while self._unsent:
                del self._unsent[: end.send(bytes(self._unsent))]
            if self._ends:
                self._ends = False
                end.shutdown(SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self._changed()  # `_look` finds out


def ignore_data(_: bytes) -> None:
    """Throw it away."""


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


class Delaying(Proxy):
    """Takes seconds, now and then many."""

    name = "delaying"

    def delay(self) -> float:
        seconds = self.chance.expovariate(1 / 2)
        return seconds * 5 if self.chance.random() < 1 / 20 else seconds


class Buffering(Proxy):
    """Cuts requests into pieces, and keeps what the server sends until nothing more of it comes."""

    name = "buffering"

    def __init__(self, world: World, address: Address, chance: Random, client: Client) -> None:
        self._kept = bytearray()
        super().__init__(world, address, chance, client)

    def pieces(self, data: bytes) -> list[bytes]:
        size = self.chance.randrange(1, len(data) + 1)
        size = max(size, len(data) // 20)
        return [data[start : start + size] for start in range(0, len(data), size)]

    def backward(self, data: bytes) -> None:
        self._kept += data
        length = len(self._kept)
        self.world.agenda.after(self.chance.uniform(0.05, 1), self._give_out, length)

    def _give_out(self, length: int) -> None:
        if len(self._kept) == length:  # else more has come since
            data = bytes(self._kept)
            self._kept.clear()
            self._later(up=False, call=self.deliver, data=data)

    def server_closed(self) -> None:
        self._give_out(len(self._kept))
        super().server_closed()


class HalfClosing(Proxy):
    """Tells the server now and then that nothing more will come while the page waits for an answer, or the reverse."""

    name = "half-closing"

    def forward(self, data: bytes) -> None:
        super().forward(data)
        if self.world.calm or self.chance.random() > 1 / 10:
            return
        self.world.count("half-closed")
        if self.chance.random() < 1 / 2:
            self.upstream.shut()
        else:
            self._tell_broken(b"")
            self.world.agenda.after(self.chance.expovariate(1 / 20), self._cut_server)


class Repeating(Proxy):
    """Sends requests again, on connections of their own: at once, later, or very much later.

    Only if nothing has come yet of the answer may the page get that to the repetition instead of the
    first one; all others are thrown away. A proxy that gave the answer to one request as that to
    another would be broken, and nobody could live with it.
    """

    name = "repeating"

    def __init__(self, world: World, address: Address, chance: Random, client: Client) -> None:
        self._unanswered: bytes | None = None
        super().__init__(world, address, chance, client)

    def forward(self, data: bytes) -> None:
        self._unanswered = data
        super().forward(data)

    def backward(self, data: bytes) -> None:
        self._unanswered = None
        super().backward(data)

    def send(self, request: bytes) -> None:
        super().send(request)
        if not self.world.calm and self.chance.random() < 1 / 3:
            self.world.count("repeated")
            seconds = self.chance.choice((0.0, self.chance.random(), self.chance.expovariate(1 / 20)))
            self.world.agenda.after(seconds, self._repeat, request)

    def _repeat(self, request: bytes) -> None:
        if self._unanswered is not request or not self.upstream.open or self.chance.random() < 1 / 2:
            again = Upstream(self.world, self.address, self.chance, ignore_data)
        else:
            # The first connection is given up for the second, as when a proxy believes that it is dead.
            self.upstream.abandon()
            again = self.upstream = Upstream(self.world, self.address, self.chance, self._from_server)
        again.send(request)
        self.world.agenda.after(self.chance.expovariate(1 / 30), self._forget, again)

    def _forget(self, again: Upstream) -> None:
        if again is not self.upstream:
            again.close(reset=self.chance.random() < 1 / 2)


KINDS: Final[tuple[type[Proxy], ...]] = (Proxy, Proxy, Delaying, Buffering, HalfClosing, Repeating)
"""How often there is which."""
