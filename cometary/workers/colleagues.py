"""A server that is one of several workers: what it has of the others.

1.  The last character of a session's id says which worker has the session; the others are as random as ever. What comes
    for a session of another worker is handed over to that, with its connection. Who is there is told by the process
    above, to all before it hands anything back: so nothing goes to and fro for a worker that has ended.
2.  Who connects is served by each worker in its turn: whoever of them is the first to accept a crowd would have it all.
3.  What is published here is routed here at once, and sent to the others; what others have published is routed like it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import trio

from cometary.errors import MailboxFullError, UsageError
from cometary.packets.packet import Packet
from cometary.packets.tracked import PLAIN_KEYS, TrackedPacket
from cometary.sessions.ids import new_sid, sid_of_worker, worker_of
from cometary.sessions.locator import Elsewhere
from cometary.transport.net.departing import Departing
from cometary.workers.messages import Handed, Published, encode

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.actors import Future
    from cometary.dispatch.engine import Engine
    from cometary.doors.control.door import ControlDoor
    from cometary.doors.door import Listener
    from cometary.packets.contract_table import Contracts
    from cometary.server.front_end import FrontEnd
    from cometary.sessions.directory import Directory
    from cometary.sessions.flow import Flow
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.locator import Place
    from cometary.transport.net.channel import Channel, Floor, Protocol, Successor
    from cometary.workers.link import Link

    Met = Callable[[FrontEnd, ControlDoor | None], object]

T = TypeVar("T")

PAUSE: Final = 0.01
"""Seconds between two attempts to route what another worker has published."""

LONGEST: Final = 15.0
"""Seconds that a packet of another worker waits to be routed: longer than sessions that are behind are waited for, and
less than a worker may take nothing."""


class Colleagues:
    """The other workers.

    Args:
        number: that of this one.
        workers: how many there are.
        link: leads to the others.
        met: told of the server's front end, and its control door, once clients can come.

    Attributes:
        begun: those that may have sessions, as far as is known.
    """

    def __init__(self, number: int, workers: int, link: Link, met: Met) -> None:
        self._number = number
        self._workers = workers
        self._link = link
        self._met = met
        self._engine: SharedEngine | None = None
        self.begun: frozenset[int] = frozenset()

    def once(self, what: Sequence[T]) -> Sequence[T]:
        """Return all of it in the first of them, and nothing in the others."""
        return what if self._number == 1 else ()

    def new_sid(self) -> str:
        """Return an id for a session of this one."""
        return sid_of_worker(new_sid(), self._number)

    def engine(self, local: Engine, contracts: Contracts, flow: Flow) -> SharedEngine:
        """Return what passes on publications."""
        self._engine = engine = SharedEngine(local, contracts, flow, self._link)
        return engine

    async def hear(self, published: Published) -> None:
        """Route what another worker has published."""
        if self._engine is not None:
            await self._engine.hear(published)

    def locator(self, directory: Directory) -> SharedLocator:
        """Return what finds sessions."""
        return SharedLocator(directory, self)

    def meet(self, front_end: FrontEnd, control: ControlDoor | None) -> None:
        """Take note that the server takes clients."""
        self._met(front_end, control)

    def spread(self, listener: Listener) -> Listener:
        """Return a listener whose callers are shared out among all (rule 2)."""
        return replace(listener, new_protocol=lambda: self._spreading(listener.new_protocol()))

    def _spreading(self, here: Protocol) -> Protocol:
        turns = cycle(range(1, self._workers + 1))

        def speak(sock: socket.socket, peer: str, floor: Floor) -> Channel:
            worker = next(turns)
            if worker == self._number:
                return here(sock, peer, floor)
            return self._successor(worker, b"")(sock, peer, floor, b"")

        return speak

    def place_of(self, sid: str) -> Place | None:
        """Return where a session is that another worker has; None if no other that is there has it."""
        worker = worker_of(sid)
        if worker is None or worker == self._number or worker not in self.begun:
            return None
        return Elsewhere(str(worker), partial(self._successor, worker))

    def _successor(self, worker: int, read: bytes, said: int = 0) -> Successor:
        def succeed(sock: socket.socket, peer: str, floor: Floor, beyond: bytes) -> Channel:
            return Departing(sock, floor, read + beyond, partial(self._hand_over, worker, peer, said))

        return succeed

    def _hand_over(self, worker: int, peer: str, said: int, read: bytes, descriptor: int) -> None:
        try:
            self._link.send(Handed(worker, peer, read, said), descriptor)
        except MailboxFullError:
            os.close(descriptor)  # its client asks again


class SharedLocator:
    """Finds sessions, here and at other workers.

    Args:
        directory: knows those that are here.
        colleagues: know the others.
    """

    def __init__(self, directory: Directory, colleagues: Colleagues) -> None:
        self._directory = directory
        self._colleagues = colleagues

    @property
    def living(self) -> dict[str, SessionKeeper]:
        """The sessions that live here."""
        return self._directory.living

    def find(self, sid: str) -> Place:
        """Say where a session is; see `Locator.find`."""
        return self._colleagues.place_of(sid) or self._directory.find(sid)


class SharedEngine:
    """An engine that passes on to the other workers what is published here (rule 3); see `cometary.dispatch.engine`.

    Args:
        local: routes here.
        contracts: what becomes of packets where a session is too slow for them.
        flow: knows how much is still to be routed here.
        link: leads to the others.
    """

    run: Callable[[], Awaitable[None]] | None = None

    def __init__(self, local: Engine, contracts: Contracts, flow: Flow, link: Link) -> None:
        self._local = local
        self._contracts = contracts
        self._flow = flow
        self._link = link
        self.attach = local.attach
        self.interest = local.interest
        self.history = local.history

    def publish(self, packet: Packet) -> Future[None] | None:
        """Route a packet here, and send it to the others; see `Engine.publish`."""
        payload = encoded(as_published(packet))
        if self._link.full:
            raise MailboxFullError("far too much waits for the other workers")
        taken = self._local.publish(packet)
        self._link.put(payload)
        return taken

    async def hear(self, published: Published) -> None:
        """Route what another worker has published; wait while too much is to be routed."""
        packet = as_packet(published, self._contracts)
        until = trio.current_time() + LONGEST
        while True:
            try:
                if trio.current_time() < until:
                    self._flow.check()
                self._local.publish(packet)
            except MailboxFullError:
                await trio.sleep(PAUSE)
            else:
                return


def encoded(published: Published) -> bytes:
    """Return what is sent of a packet.

    Raises:
        UsageError: its key cannot travel; the caller's fault.
    """
    try:
        return encode(published)
    except (OverflowError, msgspec.MsgspecError):
        raise UsageError("with several workers a key that is a number has 64 bits at most") from None


def as_published(packet: Packet) -> Published:
    """Return what is told of a packet.

    Raises:
        UsageError: its key cannot travel; the caller's fault.
    """
    try:
        message = msgspec.msgpack.encode(packet.plain_message())
    except (OverflowError, msgspec.MsgspecError):  # integers of more than 64 bits, which only JSON has
        message = None
    if not isinstance(packet, TrackedPacket):
        return Published(packet.json, packet.path, message)
    key: Any = packet.key
    if type(key) not in PLAIN_KEYS:
        raise UsageError(f"with several workers a key is text, a number or bytes, not {key!r}")
    return Published(
        packet.json,
        packet.path,
        message,
        tracked=True,
        receipt=packet.receipt,
        ttl=packet.ttl,
        key=key,
        exclude=packet.exclude,
    )


def as_packet(published: Published, contracts: Contracts) -> Packet:
    """Return the packet of which it was told."""
    if published.message is None:
        message = msgspec.json.decode(published.json)["message"]
    else:
        message = msgspec.msgpack.decode(published.message)
    packet: Packet
    if published.tracked:
        packet = TrackedPacket(
            published.path,
            message,
            contract=contracts.find(published.path),
            receipt=published.receipt,
            ttl=published.ttl,
            key=published.key,
            exclude=published.exclude,
        )
    else:
        packet = Packet(published.path, message)
    packet.preset(json=published.json)
    return packet
