"""The outbox: what a session has for its client, numbered, until the client has acknowledged it.

1.  Packets are numbered 1, 2, 3, … in the order in which they are appended.
2.  A packet stays until a request acknowledges it, or a higher number, whether or not it was sent. So an answer that
    got lost on its way loses nothing.
3.  An acknowledgement only grows: a lower one is ignored, one above what was ever sent is an
    error and changes nothing.
4.  What one carrier has carried is its own affair, apart from what was acknowledged: `batch` begins after the number
    that it is given. The number of what was ever sent is never lowered by that.
5.  The outbox is bounded, in packets and in bytes; a packet that does not fit is refused and
    the session ends (`overflow`): to drop one silently would break the promise of rule 2.
6.  For a client that reads, only more slowly than others send, it can be stretched: then there is room for as much
    again (`cometary.sessions.flow`).
7.  From the first tracked packet on it has a part that accounts for those, and lets go of some by their contracts
    (`cometary.sessions.tracking`). Without any, a delivery costs nothing for it.

Pure: no clock, no socket. Source: CSP draft 0.3 (acknowledged packet ids).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import ProtocolError
from cometary.sessions.events import Answer
from cometary.sessions.tracking import Tracking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.packets.probes import Followed
    from cometary.packets.tracked import TrackedPacket
    from cometary.sessions.events import Request, Stream
    from cometary.sessions.tracking import Settle


class Outbox:
    """The packets that one client has not acknowledged yet.

    Args:
        max_packets: how many packets it holds at most.
        max_bytes: how many bytes of packets it holds at most.
    """

    __slots__ = (
        "acknowledged",
        "followed",
        "limit_bytes",
        "limit_packets",
        "max_bytes",
        "max_packets",
        "packets",
        "presumed",
        "resends",
        "sent",
        "size",
        "tracking",
    )

    def __init__(self, max_packets: int, max_bytes: int) -> None:
        self.limit_packets = self.max_packets = max_packets
        self.limit_bytes = self.max_bytes = max_bytes
        self.acknowledged: int = 0
        """The highest number that the client has acknowledged, or is presumed to have."""
        self.presumed: int = 0
        """How many packets are presumed to have arrived; see `cometary.sessions.presuming`."""
        self.resends = True
        """Whether a request is answered with what was sent before and not acknowledged; else only with the rest."""
        self.sent = 0
        """The highest number that was ever part of an answer."""
        self.packets: list[Packet] = []
        """The packets held, oldest first."""
        self.size = 0
        """Bytes of all packets held."""
        self.tracking: Tracking | None = None
        """What accounts for the tracked packets, once there was one."""
        self.followed: Followed | None = None
        """The packet whose way is measured, while one is; see `cometary.packets.probes`."""

    def __len__(self) -> int:
        return len(self.packets)

    @property
    def delivered(self) -> int:
        """How many packets the client has acknowledged."""
        return self.acknowledged - self.presumed

    @property
    def unsent(self) -> bool:
        """Whether there are packets that were never part of an answer."""
        return self.acknowledged + len(self.packets) > self.sent

    def has_more(self, carried: int) -> bool:
        """Whether there is anything for a carrier that has carried all up to the number `carried`."""
        return max(carried, self.acknowledged) < self.acknowledged + len(self.packets)

    def stretch(self) -> None:
        """Have room for as much again (rule 6)."""
        self.max_packets = 2 * self.limit_packets
        self.max_bytes = 2 * self.limit_bytes

    def relax(self) -> None:
        """Have as much room as at first, whatever is in it already."""
        self.max_packets = self.limit_packets
        self.max_bytes = self.limit_bytes

    @property
    def half_empty(self) -> bool:
        """Whether half of the room that there was at first is free."""
        return 2 * len(self.packets) <= self.limit_packets and 2 * self.size <= self.limit_bytes

    def restore(self, acknowledged: int, presumed: int, packets: Sequence[Packet]) -> None:
        """Be as another outbox was, which has had these packets sent, of which the first was not acknowledged."""
        self.acknowledged = acknowledged
        self.presumed = presumed
        self.sent = acknowledged + len(packets)
        self.packets[:] = packets
        self.size = sum([packet.size for packet in packets])

    # -- packets come ----------------------------------------------------------------------

    def append(self, packet: Packet) -> bool:
        """Take a packet and number it; False, and nothing has changed, if it does not fit."""
        size = self.size + len(packet.json)
        if len(self.packets) >= self.max_packets or size > self.max_bytes:
            return False
        self.packets.append(packet)
        self.size = size
        if packet.probe is not None and self.followed is None:
            self.followed = packet.probe.follow(self.acknowledged + len(self.packets))
        if self.tracking is not None:
            self.tracking.append_plain()
        return True

    def admit(self, packet: TrackedPacket, now: float, settle: Settle) -> bool:
        """Take a tracked packet as its contract says.

        Args:
            packet: the packet. It may be dropped at once, or take the place of others.
            now: the time, in seconds of any clock.
            settle: told once of every packet that wants a receipt what has become of it; it only
                takes note, and never raises. The first one that is given counts.

        Returns:
            Whether that was possible. If not, the session has to end (`overflow`).
        """
        if self.tracking is None:
            self.tracking = Tracking(len(self.packets), settle)
        return self.tracking.admit(self, packet, now)

    def keep(self, packet: Packet) -> None:
        """Take a packet that was accepted before the session ended, and will not be sent, room or not."""
        self.packets.append(packet)
        self.size += packet.size
        if self.tracking is not None:
            self.tracking.append_plain()

    def add_undelivered(self, packet: Packet) -> bool:
        """Take a packet that will not be sent, since the session has ended: as much as before, again.

        Returns:
            Whether there was room even for that.
        """
        # Nothing leaves any more, so once there is no room there never is: what is taken has no gaps.
        if len(self.packets) >= 2 * self.limit_packets or self.size > 2 * self.limit_bytes:
            return False
        self.keep(packet)
        return True

    # -- packets go ------------------------------------------------------------------------

    def batch(self, max_bytes: int, after: int = 0) -> tuple[int, Sequence[Packet]]:
        """Return what to send now: the number of the first packet, and the packets.

        Args:
            max_bytes: stop before the packet that would make it more; one packet always goes.
            after: the highest number that the carrier has carried already; what is acknowledged is never sent.
        """
        skipped = after - self.acknowledged
        if skipped <= 0:
            first = self.acknowledged + 1
            packets = (
                self.packets[:] if self.size <= max_bytes else self.packets[: self._fitting(0, max_bytes)]
            )
        else:
            first = after + 1
            packets = self.packets[skipped : self._fitting(skipped, max_bytes)]
        last = first - 1 + len(packets)
        if last > self.sent:
            if self.tracking is not None:
                self.tracking.sent(self, last)
            if self.followed is not None:
                self.followed.sent(last)
            self.sent = last
        return first, packets

    def send_last(self, stream: Stream) -> int:
        """Take note that `stream`, which has carried all before it, carries the last packet; returns its number."""
        last = self.acknowledged + len(self.packets)
        if self.tracking is not None:
            self.tracking.sent(self, last)
        if self.followed is not None:
            self.followed.sent(last)
        self.sent = stream.carried = last
        return last

    def answer(self, request: Request, max_bytes: int) -> Answer:
        """Return the answer to `request` that carries what to send now; see `batch`."""
        first_seq, packets = self.batch(max_bytes, 0 if self.resends else self.sent)
        return Answer(request, first_seq, packets)

    def _fitting(self, place: int, max_bytes: int) -> int:
        """Return the place behind the last packet that fits, of those from `place` on."""
        total = 0
        for end in range(place, len(self.packets)):
            total += self.packets[end].size
            if total > max_bytes:
                return max(end, place + 1)
        return len(self.packets)

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
        if self.followed is not None and self.followed.acknowledged(ack):
            self.followed = None
        if self.tracking is not None:
            self.tracking.gone(packets[:done], "delivered")
        if done == len(packets):
            packets.clear()
            self.size = 0
            return
        for packet in packets[:done]:
            self.size -= packet.size
        del packets[:done]

    def expire(self, now: float) -> None:
        """Let go of the tracked packets that were to be sent by `now` and were not."""
        if self.tracking is not None:
            self.tracking.expire(self, now)

    def next_due(self) -> float | None:
        """Return when `expire` may next have something to do; None if never, or if that was returned before."""
        return None if self.tracking is None else self.tracking.next_due()

    # -- at the end of the session ---------------------------------------------------------

    def undelivered(self) -> list[Packet]:
        """Return every packet that the client never acknowledged, in order."""
        return list(self.packets)

    def close(self, settle: Settle) -> list[Packet]:
        """Say of every packet that is left that it is undelivered, and return them all, in order.

        Args:
            settle: see `admit`; of packets that came after the end, nobody else could be told.
        """
        tracking = self.tracking
        if tracking is None:
            if not self.packets:
                return []
            tracking = Tracking(len(self.packets), settle)
        tracking.close(self.packets)
        return self.undelivered()
