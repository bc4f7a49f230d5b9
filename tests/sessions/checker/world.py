"""One session as it runs in production, with everything around it that a test can decide.

Real are the actor, the keeper, the machine, its outbox and its window, and what the manager does at the end: the very
classes that the server runs. Played are the scheduler (one message at a time), the timers (they run out when the
test says so), the supervisor, the application and the connections. A promise that one event alone can
break is checked where it would be broken; `tests.sessions.checker.promises` has the others.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from typing import Any, Final

from cometary.packets.tracked import TrackedPacket
from cometary.sessions import End, Packet, RequestDropped, SessionSettings
from cometary.sessions.actor import EXPIRY
from cometary.sessions.machine import PATIENCE, session_ended
from tests.sessions.checker.actor_host import ActorHost
from tests.sessions.checker.parts import PRODUCTION, Parts
from tests.sessions.checker.played import COMING, THERE, Exchange, timer_of

FLAGS: Final = (
    "done",
    "signing_off",
    "to_stop",
    "stopped",
    "is_signed_on",
    "is_signed_off",
    "pushed",
    "handed",
    "acknowledged",
)
"""What of a world lasts from event to event, besides its objects."""


class World(ActorHost):
    """A session, its client's requests and its application.

    Attributes:
        exchanges: every sending of a request that may still have consequences.
        packets: what the application sends, by number.
        pushed: how many packets the application has sent, without those that have expired.
        acknowledged: the highest number acknowledged by any request that the server has taken in.
        before: what that was before this step.
        receipts: what the application was told of its packets in this step.
    """

    def __init__(
        self,
        settings: SessionSettings,
        packets: tuple[Packet, ...],
        parts: Parts = PRODUCTION,
        keeper: Any = None,
    ) -> None:
        super().__init__(parts, keeper or parts.keeper("sid", "name", parts.machine(settings), 0.0))
        self.settings = settings
        self.packets = packets
        self.receipts: list[tuple[int, str]] = []
        self.exchanges: list[Exchange] = []
        self.pushed = self.acknowledged = self.before = 0

    @property
    def tracked(self) -> bool:
        """Whether the application wants receipts for its packets."""
        return isinstance(self.packets[0], TrackedPacket)

    # -- what reaches the actor ----------------------------------------------------------------------

    def arrives(self, exchange: Exchange) -> None:
        exchange.where = THERE
        if self.stopped:  # the directory refuses it then
            exchange.refuse(session_ended(self.keeper.ended))
            return
        if self.keeper.ended is not None:
            self.tell(exchange)
            return
        machine = self.keeper.machine
        expected, sent, started = machine.window.expected, machine.outbox.sent, machine._fsm_token
        if exchange.rid <= expected:
            self.acknowledged = max(self.acknowledged, exchange.ack)
            if any(one.close for one in self.exchanges if one.where == THERE):
                self.may_end.add("closed")
        self.tell(exchange)
        if self.keeper.ended is not None:
            return
        assert not exchange.close or exchange.rid > expected, (
            "the session goes on although the client closed it"
        )
        self._count_acknowledgements()
        inside = exchange.rid < expected + self.settings.requests
        assert not inside or exchange.reply != "rid-out-of-window", f"request {exchange.rid} is in the window"
        if exchange.rid <= expected:
            assert any(timer.token > started for timer in machine.running_timers), "no timer starts anew"
        if machine.held is exchange:
            known = self.acknowledged
            assert known >= sent, (
                f"a client is kept waiting of which {known} of {sent} packets are known to be there"
            )

    def _count_acknowledgements(self) -> None:
        for one in self.exchanges:  # an early one may have had its turn
            if one.where != COMING and one.rid < self.keeper.machine.window.expected:
                self.acknowledged = max(self.acknowledged, one.ack)

    def hears_of_drop(self, exchange: Exchange) -> None:
        exchange.told = True
        self.tell(RequestDropped(exchange))

    def runs_out(self, name: str) -> None:
        """A timer runs out: its message goes into the mailbox."""
        timer = self.keeper.timers[name]
        assert timer.running
        timer.running = False
        self.late.append(timer.message)

    def time_out_arrives(self, name: str) -> None:
        [message] = [one for one in self.late if timer_of(one) == name]
        if name == PATIENCE and self.keeper.machine.held is None:
            self.may_end.add("timeout")
        self.late.remove(message)
        self.tell(message)
        if name == EXPIRY:
            self._count_expired()

    def _count_expired(self) -> None:
        """All that was never sent has expired; the next packets get the numbers that these would have had."""
        sent = self.keeper.machine.outbox.sent
        gone = [(number, "expired") for number in range(sent + 1, self.pushed + 1)]
        assert self.receipts == gone, f"receipts for what expires: {self.receipts}"
        self.receipts.clear()
        self.pushed = sent

    def push(self) -> None:
        """The application sends a packet, from outside of any handler."""
        self.tell(self.next_packet())

    def next_packet(self) -> Packet:
        self.pushed += 1
        machine = self.keeper.machine
        if machine is not None and len(machine.outbox) >= self.settings.max_queued_packets:
            self.may_end.add("overflow")
        return self.packets[self.pushed]

    def ends(self) -> None:
        """The server ends the session."""
        self.may_end.add("kicked")
        self.tell(End("kicked"))
        assert self.keeper.ended, "the session goes on although it was ended"

    # -- what the manager does -----------------------------------------------------------------------

    def ended(self, keeper: object, reason: str) -> None:
        assert keeper is self.keeper
        assert reason in self.may_end, f"the session ends without a reason: {reason}"
        self._count_acknowledgements()

    def left(self, keeper: object) -> list[Packet]:
        before = len(self.receipts)
        left: list[Packet] = self.parts.manager.left(self, keeper)
        if self.tracked:
            told = [(packet.message, "undelivered") for packet in left]
            assert self.receipts[before:] == told, f"receipts at the end: {self.receipts[before:]} for {told}"
        del self.receipts[before:]
        return left

    def settle(self, _keeper: object, packet: Packet, outcome: str) -> None:
        self.receipts.append((packet.message, outcome))
