"""The engine of a worker: through it what is published here reaches all workers; see `cometary.dispatch.engine`.

1.  What is published to a path without a history is routed here at once, and sent to the others.
2.  What is published to one with a history goes to the process above, which numbers it and sends it to all, this one
    too: it is routed when it comes back, as one sequence everywhere (`cometary.workers.common`). When the wait for it
    is over, the end of a worker can no longer lose it.
3.  What others have published is routed like what is published here; it waits while too much is to be routed, and what
    is behind it as well.
4.  No more than `MOST_PENDING` wait for their numbers: one more is refused (`MailboxFullError`).
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from cometary.actors import Future
from cometary.dispatch.engine import no_server
from cometary.errors import MailboxFullError
from cometary.packets.published import as_packet, as_published, decode_published, encoded
from cometary.sessions.flow import MOST_PENDING
from cometary.workers.messages import Numbering, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from cometary.actors import ActorRef
    from cometary.dispatch.engine import Engine
    from cometary.packets.contract_table import Contracts
    from cometary.packets.packet import Packet
    from cometary.packets.published import Published
    from cometary.sessions.flow import Flow
    from cometary.workers.histories import CopiedHistories
    from cometary.workers.link import Link
    from cometary.workers.members import SharedMembers
    from cometary.workers.messages import Numbered

PAUSE: Final = 0.01
"""Seconds between two attempts to route what another worker has published."""

LONGEST: Final = 15.0
"""Seconds that a packet of another worker waits to be routed: longer than sessions that are behind are waited for, and
less than a worker may take nothing."""


class SharedEngine:
    """It.

    Args:
        local: routes here, and keeps what has its number.
        contracts: what becomes of packets where a session is too slow for them.
        flow: knows how much is still to be routed here.
        link: leads to the others.
        worker: the number of this one.
        members: who is on which path.
        histories: what is kept; None for nothing.
    """

    run: Callable[[], Awaitable[None]] | None = None
    publish_once: Callable[[Packet, str], Future[None] | None] | None = None

    def __init__(
        self,
        local: Engine,
        contracts: Contracts,
        flow: Flow,
        link: Link,
        *,
        worker: int,
        members: SharedMembers,
        histories: CopiedHistories | None = None,
    ) -> None:
        self._worker = worker
        self._local = local
        self._contracts = contracts
        self._flow = flow
        self._link = link
        self.members = members
        self._histories = histories
        self._attached = False
        self._tokens = count()
        self._unnumbered: dict[int, tuple[Packet, Future[None]]] = {}
        self.interest = local.interest
        self.history = local.history

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Let `dispatcher` route from now on."""
        self._attached = True
        self._local.attach(dispatcher)

    def publish(self, packet: Packet) -> Future[None] | None:
        """Route a packet here, and send it to the others; see `Engine.publish`."""
        published = encoded(as_published(packet))
        if self._link.full:
            raise MailboxFullError("far too much waits for the other workers")
        if self._histories is not None and self._histories.keeps(packet.path):
            return self._have_numbered(packet, published)
        taken = self._local.publish(packet)
        self._link.put(published)
        return taken

    def _have_numbered(self, packet: Packet, published: bytes) -> Future[None]:
        if not self._attached:
            raise no_server()
        if len(self._unnumbered) >= MOST_PENDING:
            raise MailboxFullError(f"{MOST_PENDING} updates wait for their numbers")
        token, taken = next(self._tokens), Future[None]()
        self._unnumbered[token] = packet, taken
        self._link.put(encode(Numbering(token, packet.path, packet.size, published)))
        return taken

    def hear_at_once(self, published: Published) -> bool:
        """Route what another worker has published, unless it has to wait (rule 3); returns whether it was."""
        try:
            self._flow.check()
            self._local.publish(as_packet(published, self._contracts))
        except MailboxFullError:
            return False
        return True

    async def hear(self, published: Published) -> None:
        """Route what another worker has published (rule 3)."""
        await self._route(as_packet(published, self._contracts))

    async def hear_numbered(self, numbered: Numbered) -> None:
        """Route a packet that has got its number (rule 2)."""
        own = numbered.worker == self._worker
        packet, taken = self._unnumbered.pop(numbered.token, (None, None)) if own else (None, None)
        if packet is None:
            packet = as_packet(decode_published(numbered.published), self._contracts)
        if self._histories is not None:  # else its configuration is another one by now
            packet = self._histories.with_number(packet, numbered.number)
        await self._route(packet)
        if taken is not None:
            taken.offer()

    async def _route(self, packet: Packet) -> None:
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
