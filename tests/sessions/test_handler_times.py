"""How long handlers take is taken of some of their calls, by what they were called for."""

from __future__ import annotations

from time import monotonic

import pytest

from cometary.sampling import FEW
from cometary.sessions import Failure, Packet
from cometary.sessions.handler_times import HandlerTimes
from cometary.sessions.keeper import Call, SignedOff, SignedOn


@pytest.mark.parametrize(
    ("item", "hook"),
    [
        (SignedOn(), "signon"),
        (Packet("a"), "packet"),
        (SignedOff("closed", []), "signoff"),
        (Failure("packet", ValueError()), "failure"),
    ],
)
def test_a_call_counts_for_its_hook(item: Call | Failure, hook: str) -> None:
    times = HandlerTimes()
    times.end(times.begin() - 2.0, item)
    assert {name: each.count for name, each in times.histograms.items() if each.count} == {hook: 1}
    assert 2.0 <= times.histograms[hook].sum < 3.0


def test_only_some_are_taken_and_the_first_since_somebody_has_looked() -> None:
    times = HandlerTimes()
    for _ in range(2 * FEW):
        times.end(times.begin(), Packet("a"))
    taken = times.histograms["packet"].count
    assert FEW <= taken < 2 * FEW
    assert times.begin() == 0.0
    times.were_read()
    assert 0.0 < times.begin() <= monotonic()
