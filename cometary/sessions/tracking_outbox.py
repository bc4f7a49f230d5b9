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

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from cometary.sessions.outbox import Outbox
from cometary.sessions.tracked import TrackedPacket

if TYPE_CHECKING:
    from cometary.sessions.packet import Packet

Outcome = Literal["delivered", "expired", "dropped", "undelivered"]
Settle = Callable[[TrackedPacket, Outcome], object]
Slot = tuple[object, object]
"""What packets are conflated and counted by: their contract and their key."""


class TrackingOutbox(Outbox):
    """An outbox that takes over from another.

    Args:
        outbox: the one before.
        settle: told once of every packet that wants a receipt what has become of it; it only
            takes note, and never raises.
    """

    __slots__ = ("_deadlines", "_due", "_next", "_settle", "_slots", "dropped", "expired")

    def __init__(self, outbox: Outbox, settle: Settle) -> None:
        super().__init__(outbox.max_packets, outbox.max_bytes)
        self.acknowledged = outbox.acknowledged
        self.sent = outbox.sent
        self.packets = outbox.packets
        self._bytes = outbox.size
        self._settle = settle
        # Beside each packet: until when it may wait, and what it is conflated and counted by.
        self._deadlines: list[float] = [inf] * len(self.packets)
        self._slots: list[Slot | None] = [None] * len(self.packets)
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
        contract = packet.contract
        slot = (contract, packet.key)
        policy = contract.when_full
        if policy == "conflate":
            self._drop_waiting(slot, leave=0)
        elif policy == "close":
            if self._waiting(slot) >= contract.limit:
                return False
        elif policy == "drop_newest":
            if self._waiting(slot) >= contract.limit or not self._has_room(packet):
                self._drop(packet)
                return True
        elif policy == "drop_oldest":
            if not self._can_make_room(packet, slot):
                self._drop(packet)
                return True
            self._drop_waiting(slot, leave=contract.limit - 1)
            while not self._has_room(packet):
                self._drop_oldest(slot)
        return self._append(packet, slot, now + packet.ttl)

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

    def _waiting(self, slot: Slot) -> int:
        """How many packets wait unsent in `slot`."""
        return self._slots[self._first_unsent() :].count(slot)

    def _drop_waiting(self, slot: Slot, leave: int) -> None:
        """Let go of the oldest packets that wait in `slot`, so that only so many are left."""
        for _ in range(self._waiting(slot) - leave):
            self._drop_oldest(slot)

    def _drop_oldest(self, slot: Slot) -> None:
        self.dropped += 1
        self._remove(self._slots.index(slot, self._first_unsent()), "dropped")

    def _has_room(self, packet: Packet) -> bool:
        return len(self.packets) < self.max_packets and self._bytes + packet.size <= self.max_bytes

    def _can_make_room(self, packet: Packet, slot: Slot) -> bool:
        """Whether there is room for `packet`, or would be without those that wait in `slot`."""
        if self._has_room(packet):
            return True
        first = self._first_unsent()
        waiting = zip(self.packets[first:], self._slots[first:], strict=True)
        sizes = [other.size for other, its in waiting if its == slot]
        return bool(sizes) and self._bytes - sum(sizes) + packet.size <= self.max_bytes

    def _append(self, packet: TrackedPacket, slot: Slot, deadline: float) -> bool:
        if not super().append(packet):
            return False
        self._deadlines.append(deadline)
        self._slots.append(slot)
        self._next = min(self._next, deadline)
        return True

    def _remove(self, place: int, outcome: Outcome) -> None:
        packet = self.packets.pop(place)
        del self._deadlines[place]
        del self._slots[place]
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
