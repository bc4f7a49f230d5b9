"""A client on a WebSocket whose cable is pulled for a while: in real time, since the kernel is in it."""

from __future__ import annotations

from tests.networks import in_own_network


def test_a_session_outlives_a_pulled_cable_and_nothing_is_lost() -> None:
    seen = in_own_network("tests/clients/pulled_cable.py")
    assert seen == {"echoed": list(range(1, 101)), "reopened": [], "same": True}
