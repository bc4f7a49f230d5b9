"""What is kept of a path, on its way to one session: all of it, or word that some of it is missing.

1.  It is one message to the session's actor, so that nothing comes between, and it is seen in the turn in which it is
    queued whether there is room: for as much as half of what the queue takes in all. So no replay ends a session. Of
    the latest packets, as many come as there is room for; of those behind a position, all or none.
2.  First comes a notice with the position behind which the packets are, then these; or a notice that there is a gap,
    with the position from which on nothing is missing.
3.  Nothing is replayed to a session that has ended, and nothing of it is undelivered: it is kept where it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cometary.packets.notices import AT_PATH, GAP_PATH
from cometary.packets.packet import Packet
from cometary.packets.position import before

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.position import Position
    from cometary.sessions.outbox import Outbox


class Replayed(NamedTuple):
    """To the actor of a session.

    Attributes:
        path: whose packets they are; it may be a pattern.
        begins: the position before the first of them; None if there is a gap.
        ends: the position behind the last that was kept; None if it is not known, or has to be read.
        packets: the packets.
        latest: whether these are just the latest, so that fewer will do.
    """

    path: str
    begins: Position | None = None
    ends: Position | None = None
    packets: Sequence[Packet] = ()
    latest: bool = False

    def all(self) -> list[Packet]:
        """Return what the client gets if there is room."""
        if self.begins is None:
            return [self.gap()]
        for packet in self.packets:
            packet.probe = None  # how long it was kept is no latency
        return [Packet(AT_PATH, {"path": self.path, "at": str(self.begins)}), *self.packets]

    def that_fit(self, outbox: Outbox) -> list[Packet]:
        """Return what the client gets, of which `outbox` is the queue (rule 1)."""
        room = max(outbox.limit_packets // 2 - len(outbox), 0)
        bytes_left = outbox.limit_bytes // 2 - outbox.size
        fitting = 0
        for packet in reversed(self.packets):
            bytes_left -= packet.size
            if fitting >= room or bytes_left < 0:
                break
            fitting += 1
        left_out = len(self.packets) - fitting
        if self.begins is None or not left_out:
            return self.all()
        if not self.latest:
            return [self.gap()]
        packets = self.packets[left_out:]
        begins = before(packets[0]) if packets else self.ends
        return self._replace(begins=begins, packets=packets).all()

    def gap(self) -> Packet:
        """Return the notice that says that some are missing."""
        place = {} if self.ends is None else {"at": str(self.ends)}
        return Packet(GAP_PATH, {"path": self.path, **place})
