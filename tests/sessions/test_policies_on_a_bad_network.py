"""Other wires' policies between a client that follows them and its session, whatever the network does.

What completes, or sends one packet at a time, breaks none of the promises. A wire that cannot say what has arrived may
lose what it presumes to have: but nothing is doubled or reordered, and no receipt says more than is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from cometary.packets.tracked import TrackedPacket
from cometary.sessions.events import Answer
from cometary.sessions.policy import Policy, policy_of
from tests.sessions.bench import Asked, Bench
from tests.sessions.test_machine_on_a_bad_network import SETTINGS, BadNetwork, Client
from tests.sessions.test_tracked_packets_on_a_bad_network import TrackingBench

TIMES = policy_of(SETTINGS)


def policy(**manners: object) -> Policy:
    return Policy(TIMES.wait, TIMES.die, TIMES.requests, **manners)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class OneByOne(Bench):
    """A bench of a wire that takes one packet at a time."""

    def _perform(self, actions: Iterable[object]) -> None:
        taken = list(actions)
        assert all(len(one.packets) <= 1 for one in taken if isinstance(one, Answer))
        super()._perform(taken)


class CompletingOneByOne(BadNetwork):
    """A wire that completes, and takes one packet at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.bench: Bench = OneByOne(SETTINGS, policy=policy(second_request="completes", bundling=False))
        self.bench.on_packet = self._reply

    @invariant()
    def nobody_waits_who_lacks_anything(self) -> None:
        machine = self.bench.machine
        assert machine.held is None or not machine.outbox.packets


class Skipping(Client):
    """A client that goes on where the numbers go on.

    Where the server sends again, an answer begins with the first packet that is not presumed to have arrived, so what
    is before it is settled. Where it does not, what is missing may be on its way with an older answer, or be lost:
    the client says no more than how far it has missed nothing.
    """

    def __init__(self, *, resends: bool) -> None:
        super().__init__()
        self.resends = resends
        self.heard = 0

    def read(self, request: Asked) -> None:
        [reply] = request.replies
        if not isinstance(reply, tuple) or self.resends:
            if isinstance(reply, tuple) and reply[1]:
                self.ack = max(self.ack, reply[0] - 1)
            super().read(request)
            return
        self.unanswered = [letter for letter in self.unanswered if letter.rid != request.rid]
        for seq, packet in enumerate(reply[1], reply[0]):
            if seq > self.heard:
                self.received.append(packet)
                self.ack = seq if seq == self.ack + 1 else self.ack
                self.heard = seq


class Presuming(BadNetwork):
    """A wire that keeps a few packets that were sent."""

    def __init__(self) -> None:
        super().__init__()
        self.choose(0, resends=True)

    @initialize(window=st.integers(0, 3), resends=st.booleans())
    def choose(self, window: int, *, resends: bool) -> None:
        self.window = window
        self.bench = self.noting = TrackingBench(SETTINGS, policy=policy(window=window, resends=resends))
        self.bench.on_packet = self._reply
        self.client = Skipping(resends=resends)

    def application_sends(self) -> None:
        if self.bench.ended is None:
            packet = TrackedPacket("a", len(self.pushed), receipt="wanted")
            self.pushed.append(packet)
            self.bench.push(packet)

    @invariant()
    def the_client_gets_every_packet_once_and_in_order(self) -> None:
        places = [packet.message for packet in self.client.received]
        assert places == sorted(set(places))

    @invariant()
    def what_is_not_acknowledged_is_kept(self) -> None:
        outbox = self.bench.machine.outbox
        assert outbox.undelivered() == self.pushed[outbox.acknowledged :]
        assert outbox.sent - outbox.acknowledged <= self.window

    @invariant()
    def receipts_are_true(self) -> None:
        receipts, outbox = self.noting.receipts, self.bench.machine.outbox
        assert list(receipts) == self.pushed[: outbox.acknowledged]
        outcomes = list(receipts.values())
        assert outcomes.count("delivered") == outbox.delivered
        assert outcomes.count("presumed") == outbox.presumed
        known = [packet for packet, what in receipts.items() if what == "delivered"]
        assert all(packet in self.client.received for packet in known)

    def teardown(self) -> None:
        """Nothing to come: what is lost is lost."""


for machine in (CompletingOneByOne, Presuming):
    machine.TestCase.settings = settings(max_examples=100, stateful_step_count=50)
TestCompletingOneByOne = CompletingOneByOne.TestCase
TestPresuming = Presuming.TestCase
