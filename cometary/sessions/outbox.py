"""The outbox: what a session has for its client, numbered, until the client has acknowledged it.

1.  Packets are numbered 1, 2, 3, … in the order in which they are appended.
2.  A packet stays until a request acknowledges it, or a higher number; whether it was sent
    does not matter. So an answer that got lost on its way loses nothing.
3.  An acknowledgement only grows: a lower one is ignored, one above what was ever sent is an
    error and changes nothing.
4.  The outbox is bounded, in packets and in bytes; a packet that does not fit is refused and
    the session ends (`overflow`): to drop one silently would break the promise of rule 2.
5.  For a client that reads, if more slowly than others send, it can be stretched: then there is room for as
    much again (`cometary.sessions.flow`).

Pure: no clock, no socket. Source: CSP draft 0.3 (acknowledged packet ids).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

from cometary.errors import ProtocolError
from cometary.sessions.events import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.sessions.events import Request


@mypyc_attr(allow_interpreted_subclasses=True)
class Outbox:
    """The packets that one client has not acknowledged yet.

    Args:
        max_packets: how many packets it holds at most.
        max_bytes: how many bytes of packets it holds at most.
    """

    __slots__ = (
        "_bytes",
        "acknowledged",
        "limit_bytes",
        "limit_packets",
        "max_bytes",
        "max_packets",
        "packets",
        "sent",
    )

    def __init__(self, max_packets: int, max_bytes: int) -> None:
        self.limit_packets = self.max_packets = max_packets
        self.limit_bytes = self.max_bytes = max_bytes
        self.acknowledged = 0
        """The highest number that the client has acknowledged."""
        self.sent = 0
        """The highest number that was ever part of an answer."""
        self.packets: list[Packet] = []
        """The packets held, oldest first."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.packets)

    @property
    def size(self) -> int:
        """Bytes of all packets held."""
        return self._bytes

    @property
    def unsent(self) -> bool:
        """Whether there are packets that were never part of an answer."""
        return self.acknowledged + len(self.packets) > self.sent

    def stretch(self) -> None:
        """Have room for as much again (rule 5)."""
        self.max_packets = 2 * self.limit_packets
        self.max_bytes = 2 * self.limit_bytes

    def relax(self) -> None:
        """Have as much room as at first, whatever is in it already."""
        self.max_packets = self.limit_packets
        self.max_bytes = self.limit_bytes

    @property
    def half_empty(self) -> bool:
        """Whether half of the room that there was at first is free."""
        return 2 * len(self.packets) <= self.limit_packets and 2 * self._bytes <= self.limit_bytes

    def append(self, packet: Packet) -> bool:
        """Take a packet and number it; False, and nothing has changed, if it does not fit."""
        size = self._bytes + len(packet.json)
        if len(self.packets) >= self.max_packets or size > self.max_bytes:
            return False
        self.packets.append(packet)
        self._bytes = size
        return True

    def acknowledge(self, ack: int) -> None:
        """Let go of every packet numbered up to `ack`.

        Raises:
            ProtocolError: `bad-ack`, if no packet with that number was sent; the client's fault.
        """
        done = ack - self.acknowledged
        if done <= 0:
            return
        if ack > self.sent:
            detail = f"packet {ack} was never sent; the last one was {self.sent}"
            raise ProtocolError("bad-ack", detail)
        packets = self.packets
        self.acknowledged = ack
        if done == len(packets):
            packets.clear()
            self._bytes = 0
            return
        for packet in packets[:done]:
            self._bytes -= packet.size
        del packets[:done]

    def batch(self, max_bytes: int) -> tuple[int, Sequence[Packet]]:
        """Return what to send now: the number of the first packet, and the packets.

        Args:
            max_bytes: stop before the packet that would make it more; one packet always goes.
        """
        packets = self.packets[:] if self._bytes <= max_bytes else self.packets[: self._fitting(max_bytes)]
        last = self.acknowledged + len(packets)
        if last > self.sent:  # noqa: PLR1730 - max() takes three times as long, at every delivery
            self.sent = last
        return self.acknowledged + 1, packets

    def answer(self, request: Request, max_bytes: int) -> Answer:
        """Return the answer to `request` that carries what to send now; see `batch`."""
        first_seq, packets = self.batch(max_bytes)
        return Answer(request, first_seq, packets)

    def _fitting(self, max_bytes: int) -> int:
        total = 0
        for count, packet in enumerate(self.packets):
            total += packet.size
            if total > max_bytes:
                return max(count, 1)
        return len(self.packets)

    def undelivered(self) -> list[Packet]:
        """Return every packet that the client never acknowledged, in order."""
        return list(self.packets)

    def losses(self) -> tuple[int, int]:
        """Return how many packets have expired, and how many were dropped: here none ever."""
        return 0, 0

    # -- at the end of the session ---------------------------------------------------------

    def add_undelivered(self, packet: Packet) -> bool:
        """Take a packet that will not be sent, since the session has ended: as much as before, again.

        Returns:
            Whether there was room even for that.
        """
        # Nothing leaves any more, so once there is no room there never is: what is taken has no gaps.
        if len(self.packets) >= 2 * self.limit_packets or self._bytes > 2 * self.limit_bytes:
            return False
        self.keep(packet)
        return True

    def keep(self, packet: Packet) -> None:
        """Take a packet that was accepted before the session ended, and will not be sent, room or not."""
        self.packets.append(packet)
        self._bytes += packet.size

    def close(self) -> list[Packet]:
        """Return every packet that the client never acknowledged, in order, for the last time."""
        return self.undelivered()
