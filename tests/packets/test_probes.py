"""How long packets take, as the outboxes that follow them find out."""

from __future__ import annotations

import pytest

from cometary.packets.contract import make_contract
from cometary.packets.packet import Packet
from cometary.packets.probes import SPREAD, Probes
from cometary.packets.tracked import TrackedPacket
from cometary.sampling import FEW
from cometary.sessions.outbox import Outbox
from cometary.sessions.presuming import PresumingOutbox
from cometary.sessions.tracking import forget


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def probes(clock: Clock) -> Probes:
    return Probes(clock)


def probed(probes: Probes, packet: Packet | None = None) -> Packet:
    packet = Packet("a", 1) if packet is None else packet
    probes.look_at(packet)
    return packet


def found(probes: Probes) -> tuple[int, float, int, float]:
    """How many answers, and acknowledgements, there were, and after how many seconds in all."""
    return probes.answered.count, probes.answered.sum, probes.acknowledged.count, probes.acknowledged.sum


def test_the_way_of_a_packet_is_measured_to_its_first_answer_and_to_its_acknowledgement(
    probes: Probes, clock: Clock
) -> None:
    outbox = Outbox(10, 1000)
    outbox.append(Packet("before"))
    outbox.append(probed(probes))
    outbox.append(Packet("behind"))
    clock.time += 1
    outbox.batch(1000)
    clock.time += 1
    outbox.batch(1000)
    outbox.acknowledge(1)
    assert found(probes) == (1, 1.0, 0, 0.0)
    outbox.acknowledge(2)
    assert found(probes) == (1, 1.0, 1, 2.0)
    outbox.acknowledge(3)
    assert found(probes) == (1, 1.0, 1, 2.0)


def test_of_the_many_outboxes_that_take_it_some_measure_it(probes: Probes, clock: Clock) -> None:
    packet = probed(probes)
    outboxes = [Outbox(10, 1000) for _ in range(2 * SPREAD + 1)]
    for outbox in outboxes:
        outbox.append(packet)
    for outbox in outboxes:
        clock.time += 1
        outbox.batch(1000)
    assert found(probes) == (3, 1.0 + (1 + SPREAD) + (1 + 2 * SPREAD), 0, 0.0)


def test_an_outbox_follows_one_at_a_time(probes: Probes, clock: Clock) -> None:
    outbox = Outbox(10, 1000)
    outbox.append(probed(probes))
    clock.time += 1
    outbox.append(probed(probes))
    outbox.batch(1000)
    outbox.acknowledge(2)
    assert found(probes) == (1, 1.0, 1, 1.0)
    outbox.append(probed(probes))
    outbox.batch(1000)
    assert probes.answered.count == 2


def test_what_is_presumed_to_have_arrived_is_not_acknowledged(probes: Probes) -> None:
    outbox = PresumingOutbox(10, 1000, window=0)
    outbox.append(probed(probes))
    outbox.batch(1000)
    assert found(probes) == (1, 0.0, 0, 0.0)
    assert outbox.followed is None


def test_a_packet_that_gives_way_is_followed_no_more(probes: Probes, clock: Clock) -> None:
    outbox = Outbox(10, 1000)
    latest = make_contract("conflate")
    first = TrackedPacket("a", 2, contract=latest)
    probes.look_at(first)
    outbox.admit(first, 0.0, forget)
    outbox.admit(TrackedPacket("a", 3, contract=latest), 0.0, forget)
    clock.time += 1
    outbox.batch(1000)
    outbox.acknowledge(1)
    assert found(probes) == (0, 0.0, 0, 0.0)


def test_most_packets_of_many_have_no_probe(probes: Probes) -> None:
    packets = [probed(probes) for _ in range(2 * FEW)]
    assert [packet.probe is None for packet in packets] == [False] * (FEW + 1) + [True] * (FEW - 1)
