"""Half an hour of trouble for hundreds of pages; `make hour` has twice as many live through an hour."""

from __future__ import annotations

from tests.simulation.report import table
from tests.simulation.run import Plan, simulate

HALF_AN_HOUR = Plan(
    11, sessions=200, minutes=30, send_every=600, cut_every=400, crash_every=1, wait=300
)  # few packets a page, and many pages


def test_half_an_hour_of_trouble_breaks_no_promise_to_hundreds_of_pages() -> None:
    outcome = simulate(HALF_AN_HOUR)
    assert not outcome.faults, table(outcome)
    assert outcome.up.sent > 800
    assert sum(outcome.ended.values()) > 500
    for trouble, least in LEAST.items():
        assert outcome.troubles[trouble] > least, table(outcome)


LEAST = {  # each must be exceeded
    "cuts": 500,
    "repeated": 500,
    "half-closed": 80,
    "ends kept from the server": 150,
    "crashes of SessionActor": 500,
    "crashes of SessionSupervisor": 0,
    "crashes of Dispatcher": 0,
    "crashes of FunctionActor": 0,
    "crashes of the front end": 0,
}
