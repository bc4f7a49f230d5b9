"""Tracking: the part of an outbox that accounts for tracked packets, and lets go of some of them.

An outbox gets it with the first tracked packet. Its rules are those of `cometary.sessions.outbox`, and:

1.  Only a packet that was never part of an answer may go. Numbers are places in the queue, and the
    packets behind one that goes move up, so the client sees numbers without a gap.
2.  A packet that takes another's place by its contract comes last, not in the other's place: what
    the client gets is always in the order of sending.
3.  What becomes of a packet is said once, in the call by which it leaves: `delivered` when it is
    acknowledged, `presumed` where it is only presumed to have arrived, `expired`, `dropped`, or `undelivered` when
    the session has ended.
4.  The policies keep within the limits of the outbox: it never holds more than they allow.

Pure: the time comes in, in seconds of any clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal

from cometary.packets.tracked import Slot, TrackedPacket

if TYPE_CHECKING:
    from cometary.packets.packet import Packet
    from cometary.sessions.outbox import Outbox

Outcome = Literal["delivered", "presumed", "expired", "dropped", "undelivered"]
Settle = Callable[[TrackedPacket, Outcome], object]


class Waiting:
    """The packets of one slot that wait unsent, in numbers."""

    __slots__ = ("packets", "size")

    def __init__(self) -> None:
        self.packets = 0
        self.size = 0


NOBODY_WAITS: Final = Waiting()


class Tracking:
    """What is known of the packets of one outbox beside themselves.

    Each method that is given an outbox is given the one that it is a part of: with a reference of its own, either could
    only be freed by the collector of cycles.

    Args:
        packets: how many packets are in the outbox already.
        settle: told once of every packet that wants a receipt what has become of it; it only
            takes note, and never raises.
    """

    __slots__ = ("_deadlines", "_due", "_next", "_slots", "_waiting", "dropped", "expired", "settle")

    def __init__(self, packets: int, settle: Settle) -> None:
        self.settle = settle
        # Beside each packet: until when it may wait, and what it is conflated and counted by.
        self._deadlines: list[float] = [inf] * packets
        self._slots: list[Slot | None] = [None] * packets
        self._waiting: dict[Slot, Waiting] = {}
        self._next = inf  # no packet that waits is to go before this
        self._due = inf  # what `next_due` has returned
        self.expired = 0
        """Packets whose time to live has passed."""
        self.dropped = 0
        """Packets that gave way by their contract."""

    # -- what the outbox tells it -----------------------------------------------------------

    def append_plain(self) -> None:
        """Take note of a packet that has no terms, or none that matter any more."""
        self._deadlines.append(inf)
        self._slots.append(None)

    def sent(self, outbox: Outbox, last: int) -> None:
        """Take note that the packets up to the number `last` wait no more, of which some were never sent before."""
        for place in range(outbox.sent - outbox.acknowledged, last - outbox.acknowledged):
            self._waits_no_more(outbox.packets[place], self._slots[place])

    def gone(self, packets: Sequence[Packet], outcome: Outcome) -> None:
        """Take note that the first packets, which are these, were acknowledged, or are presumed to have arrived."""
        del self._deadlines[: len(packets)]
        del self._slots[: len(packets)]
        self._account(packets, outcome)

    def close(self, packets: Sequence[Packet]) -> None:
        """Say of the packets that are left, which are these, that they are undelivered."""
        self._account(packets, "undelivered")
        self.settle = forget  # it leads to the session, which is to be freed

    # -- tracked packets -------------------------------------------------------------------

    def admit(self, outbox: Outbox, packet: TrackedPacket, now: float) -> bool:
        """Take a tracked packet as its contract says; see `Outbox.admit`."""
        policy, limit, slot = packet.contract.when_full, packet.contract.limit, packet.slot
        if slot is None:  # `keep`
            return self._append(outbox, packet, now)
        waiting = self._waiting.get(slot, NOBODY_WAITS)
        if policy == "conflate":
            if waiting.packets:
                self._drop_oldest(outbox, slot)
        elif policy == "close":
            if waiting.packets >= limit:
                return False
        elif policy == "drop_newest":
            if waiting.packets >= limit or not has_room(outbox, packet):
                self._drop(packet)
                return True
        elif has_room(outbox, packet) or would_have_room(outbox, packet, waiting):
            while waiting.packets >= limit or not has_room(outbox, packet):
                self._drop_oldest(outbox, slot)
        else:
            self._drop(packet)
            return True
        return self._append(outbox, packet, now)

    def expire(self, outbox: Outbox, now: float) -> None:
        """Let go of the packets that were to be sent by `now` and were not."""
        self._due = inf
        first = place = outbox.sent - outbox.acknowledged
        while place < len(outbox.packets):
            if self._deadlines[place] <= now:
                self.expired += 1
                self._remove(outbox, place, "expired")
            else:
                place += 1
        self._next = min(self._deadlines[first:], default=inf)

    def deadline(self, place: int) -> float:
        """Return until when the packet at a place of the outbox may wait unsent."""
        return self._deadlines[place]

    def next_due(self) -> float | None:
        """Return when `expire` may next have something to do; None if that was returned before."""
        if self._next >= self._due:
            return None
        self._due = self._next
        return self._due

    # -- the queue -------------------------------------------------------------------------

    def _append(self, outbox: Outbox, packet: TrackedPacket, now: float) -> bool:
        if not outbox.append(packet):
            return False
        deadline = inf if packet.ttl == inf else now + packet.ttl
        self._deadlines[-1] = deadline
        self._slots[-1] = packet.slot
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

    def _drop_oldest(self, outbox: Outbox, slot: Slot) -> None:
        """Let go of the oldest packet that waits in `slot`; there is one."""
        self.dropped += 1
        self._remove(outbox, self._slots.index(slot, outbox.sent - outbox.acknowledged), "dropped")

    def _remove(self, outbox: Outbox, place: int, outcome: Outcome) -> None:
        packet = outbox.packets.pop(place)
        if outbox.followed is not None and not outbox.followed.was_sent:
            outbox.followed = None  # it may be this one, or one behind it, which has another number now
        del self._deadlines[place]
        self._waits_no_more(packet, self._slots.pop(place))
        outbox.size -= packet.size
        self._account([packet], outcome)

    def _drop(self, packet: TrackedPacket) -> None:
        """Let go of a packet that was not taken at all."""
        self.dropped += 1
        self._account([packet], "dropped")

    def _account(self, packets: Sequence[Packet], outcome: Outcome) -> None:
        for packet in packets:
            if isinstance(packet, TrackedPacket) and packet.receipt is not None:
                self.settle(packet, outcome)


def has_room(outbox: Outbox, packet: Packet) -> bool:
    """Whether there is room for `packet`."""
    return len(outbox.packets) < outbox.max_packets and outbox.size + packet.size <= outbox.max_bytes


def would_have_room(outbox: Outbox, packet: Packet, without: Waiting) -> bool:
    """Whether there were room for `packet` without those of its slot that wait."""
    return without.packets > 0 and outbox.size - without.size + packet.size <= outbox.max_bytes


def forget(*_: Any) -> None:
    """Take no note."""
