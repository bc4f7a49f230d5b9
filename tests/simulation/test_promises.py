"""Whatever hostile proxies and crashes do, every promise of every session is kept; and breaking one shows."""

from __future__ import annotations

import shlex

import pytest

from cometary.chaos.ledger import Counts
from tests.simulation.__main__ import read_plan
from tests.simulation.mutations import AT_THE_END, MUTATIONS
from tests.simulation.report import table
from tests.simulation.run import Plan, simulate

TROUBLED = {
    "changes of wire",
    "crashes of SessionActor",
    "cuts",
    "ends kept from the server",
    "half-closed",
    "repeated",
    "requests by WebSocket",
}


@pytest.mark.parametrize("seed", range(3))
def test_no_packet_is_lost_doubled_or_reordered(seed: int) -> None:
    outcome = simulate(Plan(seed, sessions=50, minutes=3))
    assert not outcome.faults, table(outcome)
    assert outcome.up.wrong == outcome.down.wrong == 0
    assert outcome.up.sent > 1000
    assert outcome.down.sent > 1000
    assert outcome.troubles.keys() >= TROUBLED
    assert {"closed", "timeout"} <= outcome.ended.keys()
    assert {"delivered", "expired", "undelivered"} == outcome.receipts.keys()


@pytest.mark.parametrize("sender", AT_THE_END)
def test_a_rule_that_is_broken_only_while_sessions_end_is_found(sender: str) -> None:
    with AT_THE_END[sender]():
        outcomes = (simulate(Plan(seed, sessions=20, minutes=2)) for seed in range(10))
        assert any(f"{sender}: undelivered" in fault for outcome in outcomes for fault in outcome.faults)


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_broken_rule_is_found_and_the_command_that_is_printed_repeats_it(kind: str) -> None:
    with MUTATIONS[kind]():
        found = next(
            outcome for seed in range(10) if (outcome := simulate(Plan(seed, sessions=20, minutes=2))).faults
        )
        *_, replay = table(found).splitlines()
        command = shlex.split(replay.removeprefix("The same again: "))
        assert command[:3] == ["python", "-m", "tests.simulation"]
        again = simulate(read_plan(command[3:]))
    wrong = Counts()
    wrong += found.up
    wrong += found.down
    assert getattr(wrong, kind), table(found)
    assert again == found


def test_a_run_that_has_tried_nothing_has_failed() -> None:
    outcome = simulate(Plan(1, sessions=0, minutes=0.1))
    assert outcome.faults == [
        "no packet was sent to the application",
        "no packet was sent to a page",
        "no trouble was made",
    ]
