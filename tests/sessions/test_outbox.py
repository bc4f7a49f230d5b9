"""The outbox numbers packets, sends them until they are acknowledged, and has an end to its patience."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cometary.errors import ProtocolError
from cometary.packets.contract import make_contract
from cometary.packets.probes import Probes
from cometary.packets.tracked import tracked
from cometary.sessions import Packet, Request
from cometary.sessions.events import Stream
from cometary.sessions.outbox import Outbox

BYTES = len(Packet("a", 1).json)
"""What the packets of these tests weigh, unless one says otherwise."""


def filled(count: int, *, max_packets: int = 1000, max_bytes: int = 1 << 20) -> Outbox:
    outbox = Outbox(max_packets, max_bytes)
    for _ in range(count):
        assert outbox.append(Packet("a", 1))
    return outbox


def test_an_empty_outbox_would_begin_with_the_first_packet() -> None:
    assert filled(0).batch(100) == (1, [])


def test_packets_are_numbered_in_the_order_in_which_they_came() -> None:
    outbox = Outbox(10, 1000)
    packets = [Packet("a", number) for number in range(3)]
    for packet in packets:
        outbox.append(packet)
    assert outbox.batch(1000) == (1, packets)


def test_what_was_sent_is_sent_again_until_it_is_acknowledged() -> None:
    outbox = filled(3)
    assert outbox.batch(1000) == outbox.batch(1000)
    outbox.acknowledge(2)
    first, packets = outbox.batch(1000)
    assert (first, len(packets)) == (3, 1)
    outbox.acknowledge(3)
    assert outbox.batch(1000) == (4, [])
    assert (len(outbox), outbox.size) == (0, 0)


def test_a_lower_acknowledgement_is_ignored() -> None:
    outbox = filled(3)
    outbox.batch(1000)
    outbox.acknowledge(2)
    outbox.acknowledge(0)
    outbox.acknowledge(1)
    assert (outbox.acknowledged, len(outbox)) == (2, 1)


@pytest.mark.parametrize("ack", [3, 4, 10**30])
def test_what_was_never_sent_cannot_be_acknowledged(ack: int) -> None:
    outbox = filled(3)
    outbox.batch(2 * BYTES)
    with pytest.raises(ProtocolError) as caught:
        outbox.acknowledge(ack)
    assert caught.value.condition == "bad-ack"
    assert (outbox.acknowledged, len(outbox), outbox.size) == (0, 3, 3 * BYTES)


def test_a_batch_stops_before_the_packet_that_would_be_too_much() -> None:
    outbox = filled(5)
    assert len(outbox.batch(3 * BYTES)[1]) == 3
    assert len(outbox.batch(3 * BYTES - 1)[1]) == 2


def test_one_packet_always_goes() -> None:
    assert len(filled(2).batch(1)[1]) == 1


def test_a_carrier_is_not_sent_again_what_it_has_carried() -> None:
    outbox = Outbox(10, 1000)
    packets = [Packet("a", number) for number in range(4)]
    for packet in packets[:3]:
        outbox.append(packet)
    assert outbox.batch(1000, after=0) == (1, packets[:3])
    outbox.append(packets[3])
    assert outbox.batch(1000, after=3) == (4, packets[3:])
    assert outbox.batch(1000, after=4) == (5, [])
    assert outbox.batch(1000, after=1) == (2, packets[1:]), "another carrier has carried less"
    assert outbox.batch(1000) == (1, packets), "and one that comes new, nothing"
    assert outbox.sent == 4


def test_what_is_acknowledged_is_not_sent_whatever_a_carrier_has_carried() -> None:
    outbox = filled(4)
    outbox.batch(1000)
    outbox.acknowledge(3)
    first, packets = outbox.batch(1000, after=1)
    assert (first, len(packets)) == (4, 1)


def test_a_limit_counts_from_where_the_carrier_is() -> None:
    outbox = filled(5)
    first, packets = outbox.batch(2 * BYTES, after=1)
    assert (first, len(packets), outbox.sent) == (2, 2, 3)
    assert outbox.unsent
    first, packets = outbox.batch(1, after=3)
    assert (first, len(packets), outbox.sent) == (4, 1, 4)
    outbox.batch(1, after=0)
    assert outbox.sent == 4, "what was sent stays sent"


def test_a_batch_is_not_changed_by_what_happens_afterwards() -> None:
    outbox = filled(2)
    _, packets = outbox.batch(1000)
    outbox.append(Packet("a", 1))
    outbox.acknowledge(2)
    assert len(packets) == 2


def test_there_is_something_unsent_until_all_was_in_an_answer() -> None:
    outbox = filled(2)
    assert outbox.unsent
    outbox.batch(BYTES)
    assert outbox.unsent
    outbox.batch(2 * BYTES)
    assert not outbox.unsent
    outbox.append(Packet("a", 1))
    assert outbox.unsent


def test_one_packet_too_many_is_refused_and_changes_nothing() -> None:
    outbox = filled(2, max_packets=2)
    assert not outbox.append(Packet("a", 1))
    assert (len(outbox), outbox.size) == (2, 2 * BYTES)


def test_one_byte_too_many_is_refused_and_changes_nothing() -> None:
    outbox = filled(2, max_bytes=3 * BYTES - 1)
    assert not outbox.append(Packet("a", 1))
    assert (len(outbox), outbox.size) == (2, 2 * BYTES)


@pytest.mark.parametrize("limits", [{"max_packets": 3}, {"max_bytes": 3 * BYTES}])
def test_stretched_it_has_room_for_as_much_again_and_relaxed_as_much_as_at_first(
    limits: dict[str, int],
) -> None:
    outbox = filled(3, **limits)
    outbox.stretch()
    assert [outbox.append(Packet("a", 1)) for _ in range(4)] == [True, True, True, False]
    outbox.relax()
    outbox.batch(1 << 20)
    outbox.acknowledge(3)
    assert not outbox.append(Packet("a", 1))
    outbox.acknowledge(4)
    assert outbox.append(Packet("a", 1))


@pytest.mark.parametrize(
    ("count", "limits", "half_empty"),
    [
        (3, {"max_packets": 6}, True),
        (4, {"max_packets": 7}, False),
        (3, {"max_bytes": 6 * BYTES}, True),
        (3, {"max_bytes": 6 * BYTES - 1}, False),
        (3, {"max_packets": 6, "max_bytes": 6 * BYTES}, True),
    ],
)
def test_it_is_half_empty_when_packets_and_bytes_both_are(
    count: int, limits: dict[str, int], half_empty: bool
) -> None:
    assert filled(count, **limits).half_empty is half_empty


def test_half_of_the_room_is_that_of_the_room_before_it_was_stretched() -> None:
    outbox = filled(4, max_packets=6)
    outbox.stretch()
    assert not outbox.half_empty


@pytest.mark.parametrize(
    ("limits", "room"), [({"max_packets": 3}, 6), ({"max_bytes": 3 * BYTES}, 7)], ids=["packets", "bytes"]
)
def test_at_the_end_there_is_room_for_as_much_again_and_for_what_was_accepted_before(
    limits: dict[str, int], room: int
) -> None:
    """Of bytes, what fills it up may be as long as it is: so it was when there was room for nothing more."""
    outbox = filled(3, **limits)
    outbox.keep(Packet("a", 1))
    assert (len(outbox), outbox.size) == (4, 4 * BYTES)
    assert [outbox.add_undelivered(Packet("a", 1)) for _ in range(room - 3)] == [True] * (room - 4) + [False]


def test_an_acknowledgement_makes_room() -> None:
    outbox = filled(2, max_packets=2, max_bytes=2 * BYTES)
    outbox.batch(BYTES)
    outbox.acknowledge(1)
    assert outbox.append(Packet("a", 1))
    assert not outbox.append(Packet("a", 1))


def test_sent_packets_are_undelivered_too() -> None:
    outbox = filled(3)
    outbox.batch(1000)
    outbox.acknowledge(1)
    assert len(outbox.undelivered()) == 2


class AgainstNaiveModel(RuleBasedStateMachine):
    """A dict from numbers to packets does the same, if slowly."""

    MAX_PACKETS = 6
    MAX_BYTES = 200

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(self.MAX_PACKETS, self.MAX_BYTES)
        self.numbered: dict[int, Packet] = {}
        self.last = 0
        self.sent = 0
        self.acknowledged = 0

    @rule(length=st.integers(0, 120))
    def append(self, length: int) -> None:
        packet = Packet("a", "x" * length)
        size = sum(packet.size for packet in self.numbered.values()) + packet.size
        fits = len(self.numbered) < self.MAX_PACKETS and size <= self.MAX_BYTES
        assert self.outbox.append(packet) is fits
        if fits:
            self.last += 1
            self.numbered[self.last] = packet

    @rule(ack=st.integers(0, 12))
    def acknowledge_any(self, ack: int) -> None:
        self._acknowledge(ack)

    @precondition(lambda self: self.sent > self.acknowledged)
    @rule(data=st.data())
    def acknowledge_something_sent(self, data: st.DataObject) -> None:
        self._acknowledge(data.draw(st.integers(self.acknowledged + 1, self.sent)))

    def _acknowledge(self, ack: int) -> None:
        if ack > self.sent:
            with pytest.raises(ProtocolError):
                self.outbox.acknowledge(ack)
            return
        self.outbox.acknowledge(ack)
        self.acknowledged = max(ack, self.acknowledged)
        self.numbered = {number: packet for number, packet in self.numbered.items() if number > ack}

    @rule(max_bytes=st.integers(0, 250))
    def send(self, max_bytes: int) -> None:
        expected: list[Packet] = []
        for packet in self.numbered.values():
            if expected and sum(packet.size for packet in expected) + packet.size > max_bytes:
                break
            expected.append(packet)
        assert self.outbox.batch(max_bytes) == (self.acknowledged + 1, expected)
        self.sent = max(self.sent, self.acknowledged + len(expected))

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.outbox.undelivered() == list(self.numbered.values())
        assert self.outbox.size == sum(packet.size for packet in self.numbered.values())
        assert self.outbox.unsent is (self.last > self.sent)
        assert self.outbox.acknowledged == self.acknowledged


TestAgainstNaiveModel = AgainstNaiveModel.TestCase


@given(st.lists(st.integers(0, 100)), st.integers(1, 300))
def test_a_client_that_acknowledges_what_it_got_gets_everything_once(
    lengths: list[int], max_bytes: int
) -> None:
    outbox = Outbox(1000, 1 << 20)
    packets = [Packet("a", "x" * length) for length in lengths]
    for packet in packets:
        outbox.append(packet)
    received: list[Packet] = []
    while len(outbox):
        first, batch = outbox.batch(max_bytes)
        assert first == len(received) + 1
        received.extend(batch)
        outbox.acknowledge(len(received))
    assert received == packets


# -- as another one was; and what is followed ----------------------------------------------------


def test_an_answer_begins_with_what_was_sent_and_not_acknowledged() -> None:
    outbox = filled(3)
    request = Request(2)
    assert [outbox.answer(request, BYTES).first_seq for _ in range(2)] == [1, 1]
    outbox.resends = False
    assert outbox.answer(request, BYTES).first_seq == 2


def test_one_that_is_restored_has_as_many_numbers_and_as_little_room_as_the_other_had() -> None:
    outbox, other = filled(0, max_bytes=3 * BYTES), filled(3)
    outbox.restore(4, 1, other.packets[:2])
    assert (outbox.acknowledged, outbox.presumed, outbox.delivered, outbox.sent) == (4, 1, 3, 6)
    assert outbox.packets == other.packets[:2]
    assert [outbox.append(Packet("a", 1)) for _ in range(2)] == [True, False]


def unasked(*_: object) -> None:
    """Takes what nobody asks of it."""


def test_a_stream_that_is_written_to_has_carried_all_and_nothing_of_it_expires() -> None:
    outbox, stream = filled(1), Stream()
    assert outbox.admit(tracked("a", 1, ttl=1), 0.0, unasked)
    assert outbox.send_last(stream) == stream.carried == outbox.sent == 2
    outbox.expire(5.0)
    assert len(outbox) == 2


def test_what_a_stream_has_carried_gives_way_to_nothing() -> None:
    outbox, latest = filled(0), make_contract("drop_oldest", limit=1)
    for number in range(2):
        assert outbox.admit(tracked("a", number, contract=latest), 0.0, unasked)
        assert outbox.send_last(Stream()) == number + 1
    assert [packet.message for packet in outbox.packets] == [0, 1]


def test_the_way_of_a_packet_is_measured_until_it_is_sent_and_until_it_is_acknowledged() -> None:
    now = [10.0]
    probes = Probes(lambda: now[0])
    outbox = filled(2)
    outbox.batch(1000)
    outbox.acknowledge(2)
    assert outbox.append(Packet("a"))
    for seconds, stream in ((1.0, None), (2.0, Stream())):
        packet = Packet("a")
        probes.look_at(packet)
        assert outbox.append(packet)
        assert outbox.append(Packet("a"))
        now[0] += seconds
        if stream is None:
            outbox.batch(1000)
        else:
            outbox.send_last(stream)
        outbox.acknowledge(outbox.sent - 2)  # all before it
        now[0] += 1
        outbox.acknowledge(outbox.sent)
    assert (probes.answered.count, probes.answered.sum) == (2, 3)
    assert (probes.acknowledged.count, probes.acknowledged.sum) == (2, 5)


def test_one_packet_is_followed_at_a_time() -> None:
    probes = Probes(lambda: 0.0)
    outbox = Outbox(10, 1000)
    for _ in range(2):
        packet = Packet("a")
        probes.look_at(packet)
        assert outbox.append(packet)
    outbox.batch(1000)
    outbox.acknowledge(2)
    assert (probes.answered.count, probes.acknowledged.count) == (1, 1)
