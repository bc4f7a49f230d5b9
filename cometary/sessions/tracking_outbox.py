"""The outbox of a session that has tracked packets: it also lets go of some, and accounts for them.

It takes the place of the plain outbox when the first tracked packet comes. Its rules are those of
`cometary.sessions.outbox`, and:

1.  Only a packet that was never part of an answer may go. Numbers are places in the queue, and the
    packets behind one that goes move up, so the client sees numbers without a gap.
2.  A packet that takes another's place by its contract comes last, not in the other's place: what
    the client gets is always in the order of sending.
3.  What becomes of a packet is said once, in the call by which it leaves: `delivered` when it is
    acknowledged, `expired`, `dropped`, or `undelivered` when the session has ended.
4.  The policies keep within the limits of the outbox: it never holds more than they allow.

Pure: the time comes in, in seconds of any clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal

from cometary.packets.tracked import Slot, TrackedPacket
from cometary.sessions.outbox import Outbox

if TYPE_CHECKING:
    from cometary.packets.packet import Packet

Outcome = Literal["delivered", "expired", "dropped", "undelivered"]
Settle = Callable[[TrackedPacket, Outcome], object]


class Waiting:
    """The packets of one slot that wait unsent, in numbers."""

    __slots__ = ("packets", "size")

    def __init__(self) -> None:
        self.packets = 0
        self.size = 0


NOBODY_WAITS: Final = Waiting()


class TrackingOutbox(Outbox):
    """An outbox that takes over from another.

    Args:
        outbox: the one before.
        settle: told once of every packet that wants a receipt what has become of it; it only
            takes note, and never raises.
    """

    __slots__ = ("_deadlines", "_due", "_next", "_settle", "_slots", "_waiting", "dropped", "expired")

    def __init__(self, outbox: Outbox, settle: Settle) -> None:
        super().__init__(outbox.limit_packets, outbox.limit_bytes)
        self.max_packets = outbox.max_packets
        self.max_bytes = outbox.max_bytes
        self.acknowledged = outbox.acknowledged
        self.sent = outbox.sent
        self.packets = outbox.packets
        self._bytes = outbox.size
        self._settle = settle
        # Beside each packet: until when it may wait, and what it is conflated and counted by.
        self._deadlines: list[float] = [inf] * len(self.packets)
        self._slots: list[Slot | None] = [None] * len(self.packets)
        self._waiting: dict[Slot, Waiting] = {}
        self._next = inf  # no packet that waits is to go before this
        self._due = inf  # what `next_due` has returned
        self.expired = 0
        """Packets whose time to live has passed."""
        self.dropped = 0
        """Packets that gave way by their contract."""

    # -- what every outbox does ------------------------------------------------------------

    def append(self, packet: Packet) -> bool:
        """Take a packet that is not tracked, or one that is, whatever its contract says."""
        if not super().append(packet):
            return False
        self._deadlines.append(inf)
        self._slots.append(None)
        return True

    def keep(self, packet: Packet) -> None:
        """Take a packet, room or not; see `Outbox.keep`."""
        super().keep(packet)
        self._deadlines.append(inf)
        self._slots.append(None)

    def acknowledge(self, ack: int) -> None:
        """Let go of every packet numbered up to `ack`; see `Outbox.acknowledge`."""
        done = ack - self.acknowledged
        if done <= 0:
            return
        going = self.packets[:done]
        super().acknowledge(ack)
        del self._deadlines[:done]
        del self._slots[:done]
        self._account(going, "delivered")

    def batch(self, max_bytes: int) -> tuple[int, Sequence[Packet]]:
        """Return what to send now; see `Outbox.batch`. What is sent for the first time waits no more."""
        place = self._first_unsent()
        batch = super().batch(max_bytes)
        while place < self._first_unsent():
            self._waits_no_more(self.packets[place], self._slots[place])
            place += 1
        return batch

    def losses(self) -> tuple[int, int]:
        """Return how many packets have expired, and how many were dropped."""
        return self.expired, self.dropped

    def close(self) -> list[Packet]:
        """Say of every packet that is left that it is undelivered, and return them all, in order."""
        left = self.undelivered()
        self._account(left, "undelivered")
        self._settle = forget  # it leads to the session, which is to be freed
        return left

    # -- tracked packets -------------------------------------------------------------------

    def admit(self, packet: TrackedPacket, now: float) -> bool:
        """Take a tracked packet as its contract says.

        Args:
            packet: the packet. It may be dropped at once, or take the place of others.
            now: the time.

        Returns:
            Whether that was possible. If not, the session has to end (`overflow`).
        """
        policy, limit, slot = packet.contract.when_full, packet.contract.limit, packet.slot
        if slot is None:  # `keep`
            return self._append(packet, now)
        waiting = self._waiting.get(slot, NOBODY_WAITS)
        if policy == "conflate":
            if waiting.packets:
                self._drop_oldest(slot)
        elif policy == "close":
            if waiting.packets >= limit:
                return False
        elif policy == "drop_newest":
            if waiting.packets >= limit or not self._has_room(packet):
                self._drop(packet)
                return True
        elif self._has_room(packet) or self._would_have_room(packet, waiting):
            while waiting.packets >= limit or not self._has_room(packet):
                self._drop_oldest(slot)
        else:
            self._drop(packet)
            return True
        return self._append(packet, now)

    def expire(self, now: float) -> None:
        """Let go of the packets that were to be sent by `now` and were not."""
        self._due = inf
        place = self._first_unsent()
        while place < len(self.packets):
            if self._deadlines[place] <= now:
                self.expired += 1
                self._remove(place, "expired")
            else:
                place += 1
        self._next = min(self._deadlines[self._first_unsent() :], default=inf)

    def next_due(self) -> float | None:
        """Return when `expire` may next have something to do; None if that was returned before."""
        if self._next >= self._due:
            return None
        self._due = self._next
        return self._due

    # -- the queue -------------------------------------------------------------------------

    def _first_unsent(self) -> int:
        return self.sent - self.acknowledged

    def _drop_oldest(self, slot: Slot) -> None:
        """Let go of the oldest packet that waits in `slot`; there is one."""
        self.dropped += 1
        self._remove(self._slots.index(slot, self._first_unsent()), "dropped")

    def _has_room(self, packet: Packet) -> bool:
        return len(self.packets) < self.max_packets and self._bytes + packet.size <= self.max_bytes

    def _would_have_room(self, packet: Packet, without: Waiting) -> bool:
        """Whether there were room for `packet` without those of its slot that wait."""
        return without.packets > 0 and self._bytes - without.size + packet.size <= self.max_bytes

    def _append(self, packet: TrackedPacket, now: float) -> bool:
        if not super().append(packet):
            return False
        deadline = inf if packet.ttl == inf else now + packet.ttl
        self._deadlines.append(deadline)
        self._slots.append(packet.slot)
        if packet.slot is not None:
            waiting = self._waiting.get(packet.slot)
            if waiting is None:
                self._waiting[packet.slot] = waiting = Waiting()
            waiting.packets += 1
            waiting.size += packet.size
        self._next = min(self._next, deadline)
        return True

    def _waits_no_more(self, packet: Packet, slot: Slot | None) -> None:
        if slot is not None:
            waiting = self._waiting[slot]
            waiting.packets -= 1
            waiting.size -= packet.size
            if not waiting.packets:
                del self._waiting[slot]

    def _remove(self, place: int, outcome: Outcome) -> None:
        packet = self.packets.pop(place)
        del self._deadlines[place]
        self._waits_no_more(packet, self._slots.pop(place))
        self._bytes -= packet.size
        self._account([packet], outcome)

    def _drop(self, packet: TrackedPacket) -> None:
        """Let go of a packet that was not taken at all."""
        self.dropped += 1
        self._account([packet], "dropped")

    def _account(self, packets: list[Packet], outcome: Outcome) -> None:
        for packet in packets:
            if isinstance(packet, TrackedPacket) and packet.receipt is not None:
                self._settle(packet, outcome)


def forget(*_: Any) -> None:
    """Take no note."""
