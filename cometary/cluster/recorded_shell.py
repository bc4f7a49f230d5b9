"""The shell around the machine of a recorded session's owner, and the session beneath that: how both are stepped.

1.  Whatever comes goes to the owner's machine first (`cometary.cluster.owner`): requests of the client, packets sent
    to the session alone, those of paths, the engine's answers, the end. What that machine asks for is done here, and
    in what is built on this: packets are delivered, and requests met, by the session's machine as in a session that
    is not recorded.
2.  One thing at a time: what happens while the owner's machine is obeyed waits until that is done, and the
    application is called last of all. So nothing that the machine has asked for is lost if a handler crashes the
    actor.
3.  Packets of paths are not recorded, except those of durable ones. Where a log has them, the node that adopts the
    session reads on there (`recorded_logs`); on other paths its client is told of a gap.
4.  The queue beneath may drop packets of paths that were never sent, by their contracts. Those behind them move up, so
    the owner's machine is told what has which number. A packet sent to the session alone is never dropped.
5.  What is sent to the session alone waits beside its mailbox, and is taken whenever anything of the session's data
    is recorded: all of it, in the same change. So nothing gets between a change of the data and what is sent right
    behind it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from cometary.cluster.items import read_own, write_own
from cometary.cluster.owner_events import Published, Renewed
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.actor import SessionActor
from cometary.sessions.effects import advance
from cometary.sessions.events import Arrival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.cluster.deliveries import Mark
    from cometary.cluster.recorded_session import RecordedSession
    from cometary.packets.packet import Packet
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.manager import SessionManager


class RecordedShell(SessionActor):
    """Steps both machines; for the arguments see `SessionActor`."""

    __slots__ = ("_due", "_events", "_invoked", "_recorded", "_stepping")

    def __init__(self, keeper: SessionKeeper, manager: SessionManager) -> None:
        super().__init__(keeper, manager)
        self._recorded = cast("RecordedSession", keeper.recorder)
        self._events: deque[object] = deque()
        self._invoked: deque[bytes] = deque()
        self._due = False  # whether the application is to be called for what is in no inbox
        self._stepping = False

    # -- the owner's machine

    def _tell_owner(self, event: object) -> None:
        """Step its machine, behind what it is doing (rule 2)."""
        self._events.append(event)

    def _go_on(self) -> None:
        """Step the owner's machine with all that has happened, and call the application if that is due."""
        if self._stepping:
            return
        self._stepping = True
        try:
            while not self._recorded.forgotten:
                self._look_whether_returned()
                if self._events:
                    self._step_owner(self._events.popleft())
                elif self._due:
                    self._due = False
                    self._handover.serve(self)
                elif self._invoked:
                    self._call(self._invoked.popleft())
                else:
                    break
        finally:
            self._stepping = False

    def _step_owner(self, event: object) -> None:
        self._verify()
        if not self._recorded.forgotten:
            self._do(self._recorded.machine.step(event))

    def _verify(self) -> None:
        """See whether the lease of this node has lapsed, or the engine was away, since this was last asked."""
        recorded = self._recorded
        machine, lapses = recorded.machine, recorded.recording.lapses
        machine.leased = recorded.recording.leased
        if recorded.lapses != lapses and machine.leased:
            recorded.lapses = lapses
            self._do(machine.step(Renewed()))

    @abstractmethod
    def _do(self, actions: Sequence[Any]) -> None:
        """Do what the owner's machine asks for."""

    @abstractmethod
    def _call(self, item: bytes) -> None:
        """Call the application for an item of the inbox."""

    @abstractmethod
    def _look_whether_returned(self) -> None:
        """Tell the owner's machine what has become of the call that it wanted, if it does not know yet."""

    @abstractmethod
    def _end(self, reason: str) -> None:
        """Have the session end."""

    # -- the session's machine

    def _beneath(self, event: object) -> bool:
        """Step the session's machine, and do what it asks for; returns False if the session has ended there."""
        return self._keeper.machine.stage != "stopped" and advance(self, self._keeper, event)

    # -- packets for the client

    def push(self, packet: Packet) -> None:
        """Send `packet` to the client; for a handler that this actor is calling."""
        self._recorded.waiting.append(packet)
        if not self._recorded.calling:
            self._send_what_waits()

    def _send_what_waits(self) -> None:
        """Send what was sent to the session alone until now (rule 5)."""
        recorded = self._recorded
        if not recorded.waiting:
            return
        packets = self._take_what_waits()
        self._tell_owner(recorded.with_changes(packets, self._manager.hub))
        waiting = recorded.machine.unacknowledged + packets
        if len(waiting) > self._most_waiting or sum(map(len, waiting)) > self._most_bytes_waiting:
            self._end("overflow")  # while its client is away there is no other queue that would be full

    @property
    def _most_waiting(self) -> int:
        """How many packets that are recorded its client may lack."""
        return self._keeper.machine.outbox.limit_packets

    @property
    def _most_bytes_waiting(self) -> int:
        """How many bytes these may have, as they are recorded, which takes more."""
        return 2 * self._keeper.machine.outbox.limit_bytes

    def _take_what_waits(self) -> tuple[bytes, ...]:
        """Return this, to be recorded; nothing that was sent since the session ended is."""
        recorded, keeper = self._recorded, self._keeper
        packets = list(recorded.waiting)
        recorded.waiting.clear()
        if recorded.ends is None:
            return tuple([write_own(packet) for packet in packets])
        for packet in packets:
            if not keeper.take_late(packet):
                self._manager.refuse(keeper, packet)
        return ()

    def _publish(self, packet: Packet) -> None:
        self._tell_owner(Published(None, None, packet))

    @abstractmethod
    def _mark_of(self, packet: Packet) -> Mark:
        """Return what the number of a packet of the queue stands for."""

    def _deliver(self, packets: Sequence[Any]) -> None:
        for behind, each in enumerate(packets, 1 - len(packets)):
            packet = read_own(each) if isinstance(each, bytes) else each
            if not isinstance(packet, TrackedPacket):
                taken = self._beneath(packet)
            else:
                settle = partial(self._manager.settle, self._keeper)
                taken = self._beneath(Arrival(packet, self.system.scheduler.now(), settle))
            if not taken:
                self._manager.too_late(self._keeper, packet)
            if isinstance(packet, TrackedPacket):
                self._number_anew(-behind)

    def _number_anew(self, further: int = 0) -> None:
        """Have the owner's machine number what the queue has (rule 4), and as many as are about to come there."""
        machine, outbox = self._recorded.machine, self._keeper.machine.outbox
        if machine.deliveries is not None:
            # A request has acknowledged here what it has still to acknowledge there, when it is met.
            packets = outbox.packets[machine.deliveries.acknowledged - outbox.acknowledged :]
            marks = tuple([self._mark_of(packet) for packet in packets])
            machine.deliveries = machine.deliveries._replace(marks=marks + (None,) * further)
