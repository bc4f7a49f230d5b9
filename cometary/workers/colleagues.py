"""A server that is one of several workers: what it knows of the others.

1.  The last character of a session's id says which worker has the session; the others are as random as ever. What comes
    for a session of another worker is handed over to that one, with its connection. The process above tells all who is
    there before it hands anything back: so nothing goes to and fro for a worker that has ended. A connection on which
    TLS is spoken cannot be handed over: it stays where it is, and the other worker gets the end of a bridge, by which
    go the bytes that are within TLS.
2.  Connections are served by the workers in turn: otherwise the first to accept a crowd would have all of it. One that
    comes while too many wait to cross is served where it is; one for a session of another worker waits.
3.  All have what is published, what is kept of it, and who is where: see `cometary.workers.engine`.
"""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from cometary.config.kinds import ADDRESS_OR_UNIX
from cometary.dispatch.engine import LocalEngine
from cometary.doors.control.door import ControlDoor
from cometary.doors.others import NO_OTHERS, Others
from cometary.errors import MailboxFullError
from cometary.packets.published import Published
from cometary.server.colleagues import LocatorWithColleagues
from cometary.sessions.ids import new_sid, sid_of_worker, worker_of
from cometary.sessions.locator import Elsewhere
from cometary.transport.http.limits import Limits
from cometary.transport.net.bridge import Pace, bridge
from cometary.transport.net.departing import Departing
from cometary.transport.net.tls import TlsSocket
from cometary.workers.engine import SharedEngine
from cometary.workers.histories import CopiedHistories
from cometary.workers.members import SharedMembers
from cometary.workers.messages import Copy, Handed, Lifetime, Received, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cometary.cluster.engine import Engine as Cluster
    from cometary.cluster.recording import Recording
    from cometary.config.kinds import Address, UnixAddress
    from cometary.dispatch.engine import Engine
    from cometary.doors.door import Listener
    from cometary.packets.contract_table import Contracts
    from cometary.packets.receipts import Receipt, ReceiptLog
    from cometary.server.front_end import FrontEnd
    from cometary.sessions.directory import Directory
    from cometary.sessions.flow import Flow
    from cometary.sessions.locator import Place
    from cometary.transport.http.service import Service
    from cometary.transport.net.channel import Channel, Floor, Protocol, Successor
    from cometary.workers.link import Link
    from cometary.workers.messages import Numbered

    Met = Callable[[FrontEnd, ControlDoor | None], object]

T = TypeVar("T")


class OtherWorkers:
    """The other workers (`Colleagues`).

    Args:
        number: that of this one.
        workers: how many there are.
        link: leads to the others.
        met: told of the server's front end, and its control door, once clients can come.
        above: the address of the control interface that all have in common, as text; empty if it is not known.

    Attributes:
        begun: those that may have sessions, as far as is known.
        members: who is on which path.
        place: the number of this one, and how many there are.
        here: what is spoken with those who connect, once there is a server.
    """

    def __init__(self, number: int, workers: int, link: Link, met: Met, above: str = "") -> None:
        self.place: tuple[int, int] | None = (number, workers)
        self._number = number
        self._workers = workers
        self._link = link
        self._met = met
        self._above = above
        self._engine: SharedEngine | None = None
        self.here: Protocol | None = None
        self.begun: frozenset[int] = frozenset()
        self.members = SharedMembers(number, link)
        self._lifetime = Lifetime("", 0, 0)
        self._copies: list[Copy] = []
        self._pace = pace_of(Limits())

    forward_of: Callable[[str], Any] | None = None
    others: Others = NO_OTHERS

    def once(self, what: Sequence[T]) -> Sequence[T]:
        """Return all of it in the first of them, and nothing in the others."""
        return what if self._number == 1 else ()

    def new_sid(self) -> str:
        """Return an id for a session of this one."""
        return sid_of_worker(new_sid(), self._number)

    def engine(self, local: Engine, contracts: Contracts, flow: Flow) -> SharedEngine:
        """Return what passes on publications."""
        histories = self._histories(contracts)
        if histories is not None:
            local = LocalEngine(histories)
        self._engine = engine = SharedEngine(
            local,
            contracts,
            flow,
            self._link,
            worker=self._number,
            members=self.members,
            histories=histories,
        )
        return engine

    def _histories(self, contracts: Contracts) -> CopiedHistories | None:
        """Return what is kept, which was copied from what all have in common."""
        copies, self._copies = self._copies, []
        if not contracts.keeping:
            return None
        histories = CopiedHistories(contracts, self._lifetime, trio.current_time)
        for copy in copies:
            histories.restore(copy)
        return histories

    def hear_at_once(self, message: Published) -> bool:
        """Route what another worker has published, unless that has to wait; returns whether it was."""
        return self._engine is not None and self._engine.hear_at_once(message)

    async def hear(self, message: Published | Numbered) -> None:
        """Route what another worker has published, or what has got its number."""
        if self._engine is None:
            return
        if isinstance(message, Published):
            await self._engine.hear(message)
        else:
            await self._engine.hear_numbered(message)

    def take_copy(self, copied: Lifetime | Copy) -> None:
        """Take some of what all have in common, before this one begins."""
        if isinstance(copied, Lifetime):
            self._lifetime = copied
        else:
            self._copies.append(copied)

    def know(self, begun: frozenset[int]) -> None:
        """Take note of who has begun, and who has ended."""
        for worker in self.begun - begun:
            self.members.ended(worker)
        self.begun = begun

    def locator(self, directory: Directory) -> LocatorWithColleagues:
        """Return what finds sessions."""
        return LocatorWithColleagues(directory, self.place_of)

    def note_recording(self, recording: Recording, directory: Directory) -> None:
        """Do nothing: workers record no sessions."""

    def note_receipts(self, receipts: ReceiptLog) -> None:
        """Tell the process above, which back-ends ask, of all receipts."""
        receipts.subscribe(self._tell_receipt)

    def _tell_receipt(self, receipt: Receipt) -> None:
        self._link.put(encode(Received((*receipt,))))

    def seen_at(self, addresses: Mapping[str, Address | UnixAddress]) -> Mapping[str, Address | UnixAddress]:
        """Return where callers find the listeners: the control interface is that of all."""
        return (
            {**addresses, ControlDoor.name: ADDRESS_OR_UNIX.parse(self._above)} if self._above else addresses
        )

    async def join(self, cluster: Cluster | None) -> None:
        """Do nothing: the process above has told all."""

    def meet(
        self,
        front_end: FrontEnd,
        control: ControlDoor | None,
        clients: Service,  # noqa: ARG002
        gaps: Callable[[str | None], object],  # noqa: ARG002 - workers of one machine miss nothing of each other
    ) -> None:
        """Take note that the server takes clients."""
        self._met(front_end, control)

    async def leave(self) -> None:
        """Do nothing: the parent has all workers stop."""

    def listed(self) -> list[dict[str, Any]]:
        """Return none: workers are no nodes."""
        return []

    def statistics(self) -> dict[str, int]:
        """Count nothing."""
        return {}

    def spread(self, listener: Listener, limits: Limits) -> Listener:
        """Return a listener whose callers are shared out among all (rule 2), given what one of them may take."""
        self._pace = pace_of(limits)
        return replace(listener, new_protocol=lambda: self._spreading(listener.new_protocol()))

    def _spreading(self, here: Protocol) -> Protocol:
        self.here = here
        turns = cycle(range(1, self._workers + 1))

        def speak(sock: socket.socket, peer: str, floor: Floor) -> Channel:
            worker = next(turns)
            # Nobody would serve it there, or soon: nothing was said on it yet, so any worker can.
            if worker == self._number or worker not in self.begun or self._link.crowded:
                return here(sock, peer, floor)
            return Departing(sock, floor, b"", partial(self._hand_over, worker, peer, 0, fresh=True))

        return speak

    def place_of(self, sid: str) -> Place | None:
        """Return where a session of another worker is; None if no other worker that is there has it."""
        worker = worker_of(sid)
        if worker is None or worker == self._number or worker not in self.begun:
            return None
        return Elsewhere(str(worker), partial(self._successor, worker))

    def _successor(self, worker: int, read: bytes, said: int = 0) -> Successor:
        def succeed(sock: socket.socket, peer: str, floor: Floor, beyond: bytes) -> Channel:
            hand_over = partial(self._hand_over, worker, peer, said)
            if not isinstance(sock, TlsSocket):
                return Departing(sock, floor, read + beyond, hand_over)
            near, theirs = socket.socketpair()
            hand_over(read + beyond, theirs.detach())
            return bridge(sock, near, floor, self._pace)

        return succeed

    def _hand_over(
        self, worker: int, peer: str, said: int, read: bytes, descriptor: int, *, fresh: bool = False
    ) -> None:
        try:
            self._link.send(Handed(worker, peer, read, said, fresh), descriptor)
        except MailboxFullError:
            os.close(descriptor)  # its client asks again


def pace_of(limits: Limits) -> Pace:
    """Return how long a peer may take to read what a worker that has stopped speaking has left for it."""
    return Pace(limits.write_seconds, limits.bytes_per_second, limits.longest_seconds)
