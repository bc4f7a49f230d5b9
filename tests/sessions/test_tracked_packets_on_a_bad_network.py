"""Packets that may be dropped or expire, between a client that follows the protocol and its session.

Whatever the network does, the client gets what is not dropped and has not expired once and in the order
of sending, numbers never have a gap, and every packet that wants a receipt ends once and truly.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from cometary.packets.contract import KEEP, Contract, make_contract
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import End, Packet, SessionSettings
from cometary.sessions.events import Arrival, ExpireAt, Expiry
from cometary.sessions.outbox import Outbox
from cometary.sessions.policy import Policy
from cometary.sessions.tracking import Outcome
from tests.sessions.bench import Bench
from tests.sessions.test_machine_on_a_bad_network import SETTINGS, BadNetwork

CONTRACTS = [
    KEEP,
    make_contract("conflate", ttl=30),
    make_contract("drop_oldest", limit=2, ttl=50),
    make_contract("drop_newest", limit=2),
    make_contract("drop_newest", limit=2, ttl=inf),
]


class TrackingBench(Bench):
    """A bench whose packets are tracked."""

    def __init__(self, settings: SessionSettings, policy: Policy | None = None) -> None:
        self.expire_at = inf
        self.receipts: dict[TrackedPacket, Outcome] = {}
        super().__init__(settings, policy=policy)

    def _settle(self, packet: TrackedPacket, outcome: Outcome) -> None:
        assert packet not in self.receipts, "this packet has ended before"
        self.receipts[packet] = outcome

    def push(self, packet: Packet) -> None:
        assert isinstance(packet, TrackedPacket)
        self.step(Arrival(packet, self.now, self._settle))

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.expire_at <= until and self.ended is None:
            due, self.expire_at = self.expire_at, inf
            super().pass_time(max(due - self.now, 0))
            self.step(Expiry(self.now))
        super().pass_time(until - self.now)

    def _perform(self, actions: Iterable[object]) -> None:
        rest: list[object] = []
        for action in actions:
            if isinstance(action, ExpireAt):
                assert action.time < self.expire_at, "that was asked for before"
                self.expire_at = action.time
            else:
                rest.append(action)
        super()._perform(rest)


class TrackedOnBadNetwork(BadNetwork):
    """The same trouble, with tracked packets."""

    def __init__(self) -> None:
        super().__init__()
        self.bench: TrackingBench = TrackingBench(SETTINGS)
        self.bench.on_packet = self._reply
        self.pushed: list[Packet] = []
        self.next_contract = KEEP
        self.next_ttl: float | None = None
        self.since: dict[Packet, float] = {}

    @rule(contract=st.sampled_from(CONTRACTS), ttl=st.sampled_from([None, None, 1.0, 20.0]))
    def application_sends_by_contract(self, contract: Contract, ttl: float | None) -> None:
        self.next_contract, self.next_ttl = contract, ttl
        self.application_sends()

    @rule()
    def application_sends(self) -> None:
        if self.bench.ended is None:
            packet = TrackedPacket(
                "a", len(self.pushed), contract=self.next_contract, receipt="wanted", ttl=self.next_ttl
            )
            self.pushed.append(packet)
            self.since[packet] = self.bench.now
            self.bench.push(packet)

    @precondition(lambda self: len(self.pushed) > 9)
    @rule(reason=st.sampled_from(["kicked", "shutdown"]))
    def server_ends_it(self, reason: str) -> None:
        self.bench.step(End(reason))

    # -- what always holds -------------------------------------------------------------------------

    @property
    def outbox(self) -> Outbox:
        return self.bench.machine.outbox

    @invariant()
    def the_client_gets_every_packet_once_and_in_order(self) -> None:
        places = [packet.message for packet in self.client.received]
        assert places == sorted(set(places))

    @invariant()
    def what_is_not_acknowledged_is_kept(self) -> None:
        """Every packet is with the client, in the outbox, or has been accounted for as lost."""
        kept = self.outbox.undelivered()
        acknowledged = self.client.received[: self.outbox.acknowledged]
        lost = [
            packet for packet, outcome in self.bench.receipts.items() if outcome in ("dropped", "expired")
        ]
        assert sorted(packet.message for packet in [*kept, *acknowledged, *lost]) == list(
            range(len(self.pushed))
        )

    @invariant()
    def receipts_are_true(self) -> None:
        delivered = [packet for packet, what in self.bench.receipts.items() if what == "delivered"]
        assert delivered == self.client.received[: self.outbox.acknowledged]
        for packet, outcome in self.bench.receipts.items():
            if outcome in ("dropped", "expired"):
                assert packet not in self.client.received
                assert packet.ttl < inf if outcome == "expired" else packet.contract is not KEEP
            if outcome == "expired":
                assert self.since[packet] + packet.ttl <= self.bench.now

    @invariant()
    def nothing_waits_longer_than_it_may(self) -> None:
        waiting = self.outbox.undelivered()[self.outbox.sent - self.outbox.acknowledged :]
        if self.bench.ended is None:
            for packet in waiting:
                assert isinstance(packet, TrackedPacket)
                assert self.bench.now < self.since[packet] + packet.ttl

    @invariant()
    def the_state_says_what_there_is(self) -> None:
        """What waited may have expired since."""
        machine = self.bench.machine
        if self.bench.ended is None:
            assert (self.bench.state == "have_request") is (machine.held is not None)
            if machine.held is None and machine.outbox.unsent:
                assert self.bench.state == "have_packet"

    # -- once the network is kind ------------------------------------------------------------------

    def teardown(self) -> None:
        if self.bench.ended is None:
            self._read_all()
            for _ in range(100):
                for letter in self.client.unanswered[:3] or [self.client.write(0)]:
                    request = self.client.post(letter)
                    self.on_the_way.append(request)
                    self._arrive(request)
                if not self._answered():
                    self.bench.pass_time(SETTINGS.wait)
                self._read_all()
                if not self.client.unanswered and not self.outbox.packets:
                    break
            assert set(self.bench.receipts) == set(self.pushed)
            assert "undelivered" not in self.bench.receipts.values()
            assert self.bench.handed_over == self.client.sent
        self.outbox.close(self.bench._settle)
        assert set(self.bench.receipts) == set(self.pushed)


TrackedOnBadNetwork.TestCase.settings = settings(max_examples=200, stateful_step_count=50)
TestTrackedOnBadNetwork = TrackedOnBadNetwork.TestCase
