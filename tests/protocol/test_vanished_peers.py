"""Peers that vanish without FIN, on a real network that is taken down: in real time, since the kernel is in it."""

from __future__ import annotations

from tests.networks import in_own_network
from tests.protocol.vanishing import DIE, EACH, WAIT

KINDS = 5
SESSIONS = 2

A_SECOND = 1.0
SLACK = 1.0
"""Seconds that a busy machine may be late."""


def test_descriptors_and_actors_of_vanished_peers_come_back() -> None:
    seen = in_own_network("tests/protocol/vanishing.py")
    assert seen["at first"] == [KINDS * EACH, SESSIONS * EACH], "they are to vanish in silence"
    assert seen["in the end"] == [0, 0]
    # The server waits for a packet, answers in vain, and then the die timer runs.
    assert seen["seconds"] <= WAIT + DIE + A_SECOND + SLACK
