"""One session as it runs in production, with everything around it that a test can decide.

Real are the actor, the keeper, the machine, its outbox and its window, and what the manager does at the end: the very
classes that the server runs. Played are the scheduler (one message at a time), the timers (they run out when the
test says so), the supervisor, the application and the connections. A promise that one event alone can
break is checked where it would be broken; `tests.sessions.checker.promises` has the others.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cometary.packets.tracked import TrackedPacket
from cometary.sessions import End, Packet, RequestDropped, SessionSettings
from cometary.sessions.actor import EXPIRY
from cometary.sessions.carriers import HOLD_OR_DIE
from cometary.sessions.events import Attach, Heard, StreamDropped, Writable, session_ended
from cometary.sessions.policy import Policy
from tests.sessions.checker.actor_host import ActorHost
from tests.sessions.checker.lines import BEAT, Line
from tests.sessions.checker.parts import PRODUCTION, Parts
from tests.sessions.checker.played import ANSWERED, COMING, THERE, Exchange, timer_of

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
    "carried",
)
"""What of a world lasts from event to event, besides its objects."""


class World(ActorHost):
    """A session, its client's requests and its application.

    Attributes:
        exchanges: every sending of a request that may still have consequences.
        lines: every stream that may.
        packets: what the application sends, by number.
        pushed: how many packets the application has sent, without those that have expired.
        acknowledged: the highest number acknowledged by any request that the server has taken in, or presumed.
        carried: the highest number that any carrier has carried.
        before: what that was before this step.
        receipts: what the application was told of its packets in this step.
    """

    def __init__(
        self,
        settings: SessionSettings,
        packets: tuple[Packet, ...],
        parts: Parts = PRODUCTION,
        keeper: Any = None,
        policy: Policy | None = None,
    ) -> None:
        super().__init__(
            parts, keeper or parts.keeper("sid", "name", parts.machine(settings, policy=policy), 0.0)
        )
        self.settings = settings
        self.packets = packets
        self.receipts: list[tuple[int, str]] = []
        self.exchanges: list[Exchange] = []
        self.lines: list[Line] = []
        self.pushed = self.acknowledged = self.carried = self.before = 0

    @property
    def tracked(self) -> bool:
        """Whether the application wants receipts for its packets."""
        return isinstance(self.packets[0], TrackedPacket)

    @property
    def starts(self) -> int:
        """How many timers were started in the move that is made."""
        return sum(timer.starts for timer in self.keeper.timers.values())

    def carries(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """A carrier gets packets."""
        policy = self.keeper.machine.policy
        assert policy.bundling or len(packets) <= 1, "several packets come at a time"
        for seq, packet in enumerate(packets, first_seq):
            assert packet.message == seq, f"packet {packet.message} is sent under the number {seq}"
            assert seq <= self.carried + 1, f"packet {seq} comes, and nobody has carried the one before"
            assert policy.resends or seq > self.carried, f"packet {seq} is sent again"
            self.carried = max(seq, self.carried)

    @property
    def presumed(self) -> int:
        """The highest number of a packet that is presumed to have arrived."""
        window = self.keeper.machine.policy.window
        return 0 if window is None else self.carried - window

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
        expected, sent, starts = machine.window.expected, machine.outbox.sent, self.starts
        if exchange.rid <= expected:
            self.acknowledged = max(self.acknowledged, exchange.ack)
            ends = machine.policy.second_request == "ends" and (
                machine.has_carrier or machine.window.has_early
            )
            if ends or any(one.close for one in self.exchanges if one.where == THERE):
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
        if exchange.rid <= expected and exchange.holds:
            assert self.starts > starts, "no timer starts anew"
            assert machine.stream is None, "a stream stays although there is another carrier"
        if exchange.rid <= expected and not exchange.holds:
            assert exchange.where == ANSWERED, "a send is not answered at once"
        if isinstance(exchange.reply, tuple) and exchange.holds and not machine.policy.resends:
            assert exchange.reply[1], "a request is answered at once, and with nothing"
        if machine.held is exchange and machine.policy.resends:
            known = max(self.acknowledged, self.presumed)
            sent = machine.outbox.sent if machine.completes else sent
            assert known >= sent, (
                f"a client is kept waiting of which {known} of {sent} packets are known to be there"
            )

    def _count_acknowledgements(self) -> None:
        for one in self.exchanges:  # an early one may have had its turn
            if one.where != COMING and one.rid < self.keeper.machine.window.expected:
                self.acknowledged = max(self.acknowledged, one.ack)

    def hears_of_drop(self, exchange: Exchange) -> None:
        exchange.told = True
        machine = self.keeper.machine
        ends = machine.policy.drop_ends and machine.held is exchange
        self.may_end |= {"closed"} if ends else set()
        self.tell(RequestDropped(exchange))
        assert self.keeper.ended or not ends, "the session goes on without its request"

    # -- streams -------------------------------------------------------------------------------------

    def line_arrives(self, line: Line) -> None:
        line.where = THERE
        if self.stopped:  # the directory refuses it then
            line.refuse(session_ended(self.keeper.ended))
            return
        if self.keeper.ended is None:
            self.acknowledged = max(self.acknowledged, line.ack)
        self.tell(Attach(line, line.ack))
        if self.keeper.ended is None:
            assert self.keeper.machine.stream is line, "a stream that comes is not attached"

    def hears(self, line: Line) -> None:
        assert line.coming is not None
        ack, line.coming = line.coming, None
        self.acknowledged = max(self.acknowledged, ack)
        self.tell(Heard(line, ack))

    def line_drains(self, line: Line) -> None:
        line.room = True
        if line.full:
            line.full = False
            self.tell(Writable(line))

    def line_goes_on(self, line: Line) -> None:
        line.more = False
        self.tell(Writable(line))

    def hears_of_break(self, line: Line) -> None:
        line.told = True
        ends = self.keeper.machine.policy.drop_ends and self.keeper.machine.stream is line
        self.may_end |= {"closed"} if ends else set()
        self.tell(StreamDropped(line))
        assert self.keeper.ended or not ends, "the session goes on without its stream"

    # -- time ----------------------------------------------------------------------------------------

    def runs_out(self, name: str) -> None:
        """A timer runs out: its message goes into the mailbox."""
        timer = self.keeper.timers[name]
        assert timer.running
        timer.running = False
        self.late.append(timer.message)

    def time_out_arrives(self, name: str) -> None:
        [message] = [one for one in self.late if timer_of(one) == name]
        if name == HOLD_OR_DIE and not self.keeper.machine.has_carrier:
            self.may_end.add("timeout")
        self.late.remove(message)
        stream = self.keeper.machine.stream
        asked = stream is not None and stream.asked
        self.tell(message)
        if stream is not None and stream.asked and not asked and stream.awaited:
            assert stream.frames[-1:] == [BEAT], "a stream is silent that was not asked"
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
