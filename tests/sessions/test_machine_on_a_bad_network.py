"""A client that follows the protocol loses nothing, gets nothing twice and everything in order.

The network loses, doubles, delays and reorders requests and answers and breaks connections; timers
run out; the application sends when it likes. Whatever happens, the promises of protocol.md hold, and
once the network is kind again everything arrives.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cometary.errors import ProtocolError
from cometary.sessions import End, Packet, SessionSettings
from tests.sessions.bench import Asked, Bench

WIDTH = 3
SETTINGS = SessionSettings(wait=60, die=200, requests=WIDTH, max_response_bytes=3 * len(Packet("a", 1).json))


@dataclass
class Letter:
    """What the client wants to say with one request id, however often it has to send it."""

    rid: int
    packets: list[Packet]


@dataclass
class Client:
    """A client that follows the protocol."""

    rid: int = 1
    ack: int = 0
    unanswered: list[Letter] = field(default_factory=list[Letter])
    sent: list[Packet] = field(default_factory=list[Packet])
    received: list[Packet] = field(default_factory=list[Packet])

    def write(self, count: int) -> Letter:
        self.rid += 1
        packets = [Packet("a", len(self.sent) + place) for place in range(count)]
        self.sent += packets
        letter = Letter(self.rid, packets)
        self.unanswered.append(letter)
        return letter

    def post(self, letter: Letter) -> Asked:
        return Asked(letter.rid, ack=self.ack, packets=letter.packets)

    def read(self, request: Asked) -> None:
        """Take an answer, and of it what is new."""
        [reply] = request.replies
        if isinstance(reply, ProtocolError):
            assert reply.condition in ("rid-out-of-window", "session-ended"), reply
            return  # it will try again
        self.unanswered = [letter for letter in self.unanswered if letter.rid != request.rid]
        first, packets = reply
        for seq, packet in enumerate(packets, first):
            assert seq <= self.ack + 1, "a packet is missing before this one"
            if seq == self.ack + 1:
                self.received.append(packet)
                self.ack = seq


class BadNetwork(RuleBasedStateMachine):
    """Everything that may happen between a client and its session."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(SETTINGS)
        self.bench.on_packet = self._reply
        self.client = Client()
        self.pushed: list[Packet] = []
        self.replies = 0
        self.on_the_way: list[Asked] = []
        self.arrived: list[Asked] = []
        """Requests that the server has, and whose answers the client has not."""

    # -- the client and the application ------------------------------------------------------------

    @precondition(lambda self: len(self.client.unanswered) < WIDTH)
    @rule(count=st.integers(0, 2))
    def client_sends(self, count: int) -> None:
        self.on_the_way.append(self.client.post(self.client.write(count)))

    @precondition(lambda self: self.client.unanswered)
    @rule(data=st.data())
    def client_sends_again(self, data: st.DataObject) -> None:
        letter = data.draw(st.sampled_from(self.client.unanswered))
        self.on_the_way.append(self.client.post(letter))

    @rule()
    def application_sends(self) -> None:
        if self.bench.ended is None:
            packet = Packet("a", len(self.pushed))
            self.pushed.append(packet)
            self.bench.push(packet)

    @rule(replies=st.integers(0, 3))
    def application_will_reply_to_what_comes(self, replies: int) -> None:
        self.replies = replies

    def _reply(self, _: Packet) -> None:
        if self.replies:
            self.replies -= 1
            self.application_sends()

    # -- the network -------------------------------------------------------------------------------

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), double=st.booleans())
    def request_arrives(self, data: st.DataObject, double: bool) -> None:
        request = data.draw(st.sampled_from(self.on_the_way))
        if double:
            copy = Asked(request.rid, ack=request.ack, packets=request.packets)
            self.on_the_way.append(copy)
        self._arrive(request)

    def _arrive(self, request: Asked) -> None:
        self.on_the_way.remove(request)
        self.arrived.append(request)
        self.bench.arrive(request)

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def request_is_lost(self, data: st.DataObject) -> None:
        self.on_the_way.remove(data.draw(st.sampled_from(self.on_the_way)))

    @precondition(lambda self: self._answered())
    @rule(data=st.data())
    def answer_arrives(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self._answered()))
        self.arrived.remove(request)
        self.client.read(request)

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def connection_breaks(self, data: st.DataObject) -> None:
        """An answer that was on its way is lost; without one the server notices."""
        request = data.draw(st.sampled_from(self.arrived))
        self.arrived.remove(request)
        self.bench.drop(request)

    def _answered(self) -> list[Asked]:
        return [request for request in self.arrived if request.answered]

    # -- time and the end --------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1.0, 20.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.bench.pass_time(seconds)

    @precondition(lambda self: len(self.pushed) > 9)
    @rule(reason=st.sampled_from(["kicked", "shutdown"]))
    def server_ends_it(self, reason: str) -> None:
        self.bench.step(End(reason))

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def the_application_gets_every_packet_once_and_in_order(self) -> None:
        assert self.bench.handed_over == self.client.sent[: len(self.bench.handed_over)]

    @invariant()
    def the_client_gets_every_packet_once_and_in_order(self) -> None:
        assert self.client.received == self.pushed[: len(self.client.received)]

    @invariant()
    def what_is_not_acknowledged_is_kept(self) -> None:
        outbox = self.bench.machine.outbox
        assert outbox.undelivered() == self.pushed[outbox.acknowledged :]
        assert outbox.acknowledged <= len(self.client.received)

    @invariant()
    def at_most_one_request_is_held_and_few_wait(self) -> None:
        machine = self.bench.machine
        unanswered = [request for request in self.arrived if not request.answered]
        early = [request for request in unanswered if request is not machine.held]
        assert len(early) < WIDTH
        assert all(machine.window.early(request.rid) for request in early)
        assert len({request.rid for request in early}) == len(early)
        assert machine.held is None or machine.held in unanswered

    @invariant()
    def while_a_request_is_held_there_is_nothing_to_send(self) -> None:
        if self.bench.machine.held is not None:
            assert not self.bench.machine.outbox.unsent

    @invariant()
    def the_state_says_what_there_is(self) -> None:
        machine = self.bench.machine
        if self.bench.ended is None:
            assert (self.bench.state == "have_request") is (machine.held is not None)
            assert (self.bench.state == "have_packet") is (machine.held is None and machine.outbox.unsent)

    @invariant()
    def a_timer_will_end_every_state(self) -> None:
        timers = self.bench.timers
        if self.bench.ended is not None:
            assert timers == {}
        elif self.bench.machine.held is not None:
            assert 0 < timers["hold or die"] <= SETTINGS.wait
        else:
            assert 0 < timers["hold or die"] <= SETTINGS.die
        if self.bench.machine.window.has_early:
            assert 0 < timers["early"] <= SETTINGS.wait

    @invariant()
    def an_ended_session_leaves_nobody_waiting(self) -> None:
        if self.bench.ended is not None:
            assert all(request.answered for request in self.arrived)

    # -- once the network is kind ------------------------------------------------------------------

    def teardown(self) -> None:
        if self.bench.ended is not None:
            return
        self._read_all()
        for _ in range(100):
            letters = self.client.unanswered[:WIDTH] or [self.client.write(0)]
            for letter in letters:
                request = self.client.post(letter)
                self.on_the_way.append(request)
                self._arrive(request)
            if not self._answered():
                self.bench.pass_time(SETTINGS.wait)
            self._read_all()
            if not self.client.unanswered and self.client.ack == len(self.pushed):
                break
        assert self.client.received == self.pushed
        assert self.bench.handed_over == self.client.sent

    def _read_all(self) -> None:
        for request in self._answered():
            self.arrived.remove(request)
            self.client.read(request)


BadNetwork.TestCase.settings = settings(max_examples=200, stateful_step_count=50)
TestBadNetwork = BadNetwork.TestCase
