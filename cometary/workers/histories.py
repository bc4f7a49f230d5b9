"""What is kept of paths, in one worker: a copy of what all have in common (`cometary.workers.common`).

Packets come with their numbers, in the order of these, and are kept in the turn in which they are routed. So a session
that connects to a path and reads what is kept of it, in one turn, gets each packet once, as in a server by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.dispatch.history import Histories
from cometary.dispatch.shelf import for_replays
from cometary.packets.packet import marked
from cometary.packets.position import Position, place_of
from cometary.packets.published import as_packet, decode_published

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.dispatch.shelf import Shelf
    from cometary.packets.contract_table import Contracts
    from cometary.packets.keeping import Keeping
    from cometary.packets.packet import Packet
    from cometary.workers.messages import Copy, Lifetime


class CopiedHistories(Histories):
    """The histories of one worker.

    Args:
        contracts: which paths have one.
        lifetime: whose numbers they are.
        now: reads the clock, in seconds.
    """

    def __init__(self, contracts: Contracts, lifetime: Lifetime, now: Callable[[], float]) -> None:
        super().__init__(contracts, lifetime.epoch, now)
        self._numbers.latest = lifetime.latest
        self._forgotten = lifetime.forgotten

    def restore(self, copy: Copy) -> None:
        """Take what was kept of a path before this worker began."""
        shelf = self._shelf_of(copy.path)
        if shelf is None:
            return  # its configuration is another one by now
        now = self._now()
        kept = [(now - age, number, self._restored(number, told)) for age, number, told in copy.packets]
        shelf.restore(copy.path, copy.lost, copy.number, kept)

    def _restored(self, number: int, told: bytes) -> Packet:
        return for_replays(self.with_number(as_packet(decode_published(told), self._contracts), number))

    def with_number(self, packet: Packet, number: int) -> Packet:
        """Return a packet that has got its number, to be recorded when it is routed."""
        return marked(packet, "at", str(Position(self._numbers.epoch, number)))

    def record(self, packet: Packet) -> Packet:
        """Keep a packet that has its number; one that has none was sent where its path has no history."""
        if packet.extra is None:
            return packet
        self._numbers.latest = number = place_of(packet).offset
        packet.cause = None  # whoever caused it is not to be kept as well
        shelf = self._shelf_of(packet.path)
        if shelf is not None:
            shelf.keep(packet.path, number, for_replays(packet), self._now())
        return packet

    def _new_shelf(self, keeping: Keeping) -> Shelf[Packet]:
        shelf = super()._new_shelf(keeping)
        shelf.forgotten = self._forgotten
        return shelf
