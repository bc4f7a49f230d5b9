"""A client of another wire, such as Socket.IO or CSP: the fleet treats it like a page.

1.  It lives in turns: it joins, talks until all its connections break, after about the plan's time, and comes back.
    How it joins and talks, and what it does about what was under way, is up to the wire: a subclass.
2.  Its connections break by FIN or by RST; some in the middle of what is sent, others with unread input, since the
    guest stopped reading a moment before.
3.  A connection that the server closes by itself breaks as well, which is no fault as long as nothing is lost by it.
4.  Once it is calm, nothing is broken any more, and nothing new is sent: what is out comes home.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from cometary.chaos.application import BEAT, DOWN
from cometary.chaos.breaks import about
from cometary.chaos.habits import NOTICING
from cometary.chaos.ledger import Counts, Ledger
from cometary.chaos.recovery import Recovery
from cometary.chaos.wire import BROKEN, Wire

if TYPE_CHECKING:
    from cometary.chaos.habits import Habits
    from cometary.chaos.plan import Plan
    from cometary.chaos.shared import Shared, Target

MOST_OUT: Final = 200
"""Packets of one guest that are out at most."""

DEAF: Final = 0.3
"""Seconds, at most, for which it has stopped reading when its connections break."""

MALFORMED: Final = (*BROKEN, msgspec.DecodeError, ValueError)


class Guest(ABC):
    """One client.

    Args:
        plan: what the run is to do.
        target: where the comet endpoint of the server is.
        habits: what it does to its connections.
        chance: what its troubles follow from.
        shared: where what is measured goes.

    Attributes:
        calm: whether trouble is over (rule 4).
        cuts: how many connections it has broken.
        ended: why its session ended before it was closed, if it did.
        die: seconds that a server waits for a page; guests do not keep it waiting.
        ledger: what it has sent and got.
        shared: the same.
        unsent: the numbers of packets that were not sent yet.
        work: where tasks that wait for something to do are parked.
        wires: the connections that it has.
    """

    def __init__(self, plan: Plan, target: Target, habits: Habits, chance: Random, shared: Shared) -> None:
        self.plan = plan
        self.target = target
        self.habits = habits
        self.calm = True
        self.cuts = 0
        self.ended: str | None = None
        self.die = 0.0
        self.ledger = self.new_ledger()
        self.name = f"{chance.randrange(1 << 40):x}"
        self.padding = "." * plan.size
        self.unsent: list[int] = []
        self.work = trio.lowlevel.ParkingLot()
        self.wires: list[Wire] = []
        self._chance = chance
        self.shared = shared
        self._recovery = Recovery(self.ledger, shared.replays)
        self._end = trio.CancelScope()
        self._life = trio.CancelScope()

    # -- what every wire has its own way for --------------------------------------------------------

    def new_ledger(self) -> Ledger:
        """Make the ledger that judges by what the wire promises."""
        return Ledger()

    @abstractmethod
    async def join(self) -> None:
        """Connect, and begin or go on; raises one of `BROKEN` if that fails."""

    @abstractmethod
    async def talk(self) -> None:
        """Send and read until the connections break; raises one of `BROKEN` then."""

    def lost(self) -> None:  # noqa: B027 - not every wire has something to do
        """Take note that what was under way may have arrived, or may not have."""

    # -- what the fleet asks of a page --------------------------------------------------------------

    orphaned = False
    """Its session is never lost with a worker: guests are not tested in that mode."""

    def up(self) -> Counts:
        """Return what is known of the way up."""
        return self.ledger.up()

    def down(self) -> Counts:
        """Return what is known of the way down."""
        return self.ledger.down()

    async def open(self) -> None:
        """Join for the first time, without any trouble; a busy server is asked until it is not."""
        while not self.wires:
            await self._join()

    async def run(self) -> None:
        """Live until cancelled, or until the session has ended (rule 1)."""
        self.calm = False
        with self._end:
            while True:
                with trio.CancelScope() as self._life:
                    self._life.deadline = self.about(self.plan.kill_every)
                    if not self.wires:
                        await self._join()
                    with suppress(*MALFORMED):
                        await self.talk()
                await self._break()
                await trio.sleep(self._chance.uniform(*NOTICING))

    async def _join(self) -> None:
        try:
            await self.join()
        except MALFORMED:
            self.hang_up()
            await trio.sleep(self._chance.uniform(*NOTICING))

    async def _break(self) -> None:
        """Break what there is (rule 2), and take note of what that means."""
        if self._life.cancelled_caught and self.wires:
            await trio.sleep(self._chance.choice((0.0, self._chance.uniform(0, DEAF))))
            self.shared.troubles["broken"] += len(self.wires)
            self.cuts += len(self.wires)
        for wire in self.wires:
            if self._chance.random() < 1 / 3:
                with suppress(OSError):
                    wire.sock.send(self.beginning())
            wire.close(reset=self._chance.random() < 1 / 2)
        self.wires.clear()
        self.lost()
        self._recovery.outage()

    def beginning(self) -> bytes:
        """Return the beginning of something that the client might send, whose rest never comes."""
        return b"POST /"

    def calm_down(self) -> None:
        """Make no more trouble and send nothing more."""
        self.calm = True
        self._life.deadline = math.inf

    async def close(self) -> None:
        """Leave; a session is let go together with its server."""
        self.hang_up()

    def hang_up(self) -> None:
        """Close all connections."""
        for wire in self.wires:
            wire.close()
        self.wires.clear()

    def send(self) -> float:
        """Send one more packet, unless too many are out; returns when to send the next one."""
        if self.ledger.outstanding < MOST_OUT:
            self.unsent.append(self.ledger.number())
            self.work.unpark_all()
        return self.next_sending()

    def next_sending(self) -> float:
        """Choose when to send the next packet."""
        return self.about(self.plan.every)

    # -- for subclasses -----------------------------------------------------------------------------

    def about(self, seconds: float) -> float:
        """Choose a time about so many seconds from now; on a slow machine they are longer (`tempo.py`)."""
        return about(self._chance, trio.current_time(), seconds * self.shared.tempo.stretch)

    async def connect(self, target: Target | None = None) -> Wire:
        """Connect, to the server's own port unless another is given; the connection breaks with the others."""
        wire = await Wire.connect(target or self.target)
        self.wires.append(wire)
        return wire

    async def next_unsent(self) -> None:
        """Wait until there is something to be sent."""
        while not self.unsent:
            await self.work.park()

    def written(self) -> None:
        """Take note that something has been sent as a whole."""
        self._recovery.written(trio.current_time())

    def message(self, number: int) -> list[object]:
        """Return what a packet to the application says."""
        return [number, self.padding]

    def take(self, path: str, message: Any) -> None:
        """Take note of a packet of the application's."""
        if path == DOWN:
            self.echoed(message[0], message[1])
        elif path.startswith(BEAT):
            self.ledger.beat(*message)

    def echoed(self, own: int, number: int) -> None:
        """Take note of what was given back: its own number, and that of what the guest has sent."""
        self.ledger.answered(own, number)
        self._recovery.received(trio.current_time())

    def over(self, reason: str) -> None:
        """Take note that the session has ended, although nobody wanted that."""
        self.ended = reason
        self.shared.ended[f"{self.habits.name}: {reason}"] += 1
        self._end.cancel()

    def give_up(self, problem: str) -> None:
        """End the run: the server will not have it."""
        self.shared.give_up(problem)

    def random_bytes(self, count: int) -> bytes:
        """Return bytes that follow from the seed."""
        return self._chance.randbytes(count)
