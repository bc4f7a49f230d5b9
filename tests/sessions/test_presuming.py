"""An outbox on a wire that cannot say what has arrived, against a list of all packets and three numbers."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cometary.packets.packet import Packet
from cometary.packets.probes import Probes
from cometary.packets.tracked import TrackedPacket, tracked
from cometary.sessions.events import Stream
from cometary.sessions.outbox import Outbox
from cometary.sessions.presuming import PresumingOutbox

WINDOW = 3


def test_a_stream_carries_one_after_the_other_and_those_before_the_window_are_presumed_to_have_arrived() -> (
    None
):
    outbox, stream = PresumingOutbox(1000, 1 << 20, WINDOW), Stream()
    probed = Packet("a")
    Probes(lambda: 0.0).look_at(probed)
    presumed: list[int] = []
    for number in range(6):
        assert outbox.append(Packet("a") if number else probed)
        assert outbox.send_last(stream) == number + 1
        presumed.append(outbox.presumed)
        assert (outbox.followed is None) == (outbox.presumed > 0), "nobody knows when the first has arrived"
    assert presumed == [0, 0, 0, 1, 2, 3]


def test_what_has_gone_with_no_answer_yet_goes_with_the_first() -> None:
    outbox = PresumingOutbox(1000, 1 << 20, WINDOW)
    assert outbox.append(Packet("a"))
    assert outbox.batch(1 << 20) == (1, outbox.packets)
    assert outbox.batch(1 << 20) == (1, outbox.packets), "and once more, as nobody has said that it had come"


class Model(RuleBasedStateMachine):
    """All that was ever appended; how many of these were sent, have gone, and are presumed to have arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox: Outbox = PresumingOutbox(1000, 1 << 20, WINDOW)
        self.all: list[TrackedPacket] = []
        self.sent: int = 0
        self.gone: int = 0
        self.presumed: int = 0
        self.told: list[tuple[TrackedPacket, str]] = []

    @rule(count=st.integers(1, 5), size=st.integers(0, 3))
    def append(self, count: int, size: int) -> None:
        for _ in range(count):
            packet = tracked("a", "x" * size, receipt=str(len(self.all)))
            self.all.append(packet)
            assert self.outbox.admit(packet, 0.0, lambda packet, outcome: self.told.append((packet, outcome)))

    def presume(self) -> None:
        presumed = max(self.sent - WINDOW - self.gone, 0)
        self.gone += presumed
        self.presumed += presumed

    @rule(after=st.integers(0, 20))
    def send(self, after: int) -> None:
        begin = max(self.gone, min(after, len(self.all)))
        first, packets = self.outbox.batch(1 << 20, begin)
        assert (first, list(packets)) == (begin + 1, self.all[begin:])
        self.sent = max(self.sent, begin + len(packets))
        self.presume()

    @rule()
    def send_the_last_on_a_stream(self) -> None:
        if self.sent == len(self.all) - 1:
            stream = Stream()
            assert self.outbox.send_last(stream) == stream.carried == len(self.all)
            self.sent = len(self.all)
            self.presume()

    @rule(back=st.integers(0, 5))
    def acknowledge(self, back: int) -> None:
        ack = max(self.sent - back, 0)
        self.outbox.acknowledge(ack)
        self.gone = max(self.gone, ack)

    @invariant()
    def the_last_that_were_sent_are_kept_and_the_others_are_accounted_for(self) -> None:
        outbox, kept = self.outbox, self.all[self.gone :]
        assert outbox.packets == kept
        assert outbox.size == sum(packet.size for packet in kept)
        assert (outbox.acknowledged, outbox.sent) == (self.gone, self.sent)
        assert (outbox.presumed, outbox.delivered) == (self.presumed, self.gone - self.presumed)

    @invariant()
    def each_is_told_of_once_and_in_order(self) -> None:
        assert [packet for packet, _ in self.told] == self.all[: self.gone]
        assert [outcome for _, outcome in self.told].count("presumed") == self.presumed
        assert {outcome for _, outcome in self.told} <= {"presumed", "delivered"}


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=30, stateful_step_count=20)
