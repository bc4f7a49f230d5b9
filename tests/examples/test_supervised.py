"""The shop of the documentation: a till crashes, and nobody but its customer loses anything."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import trio.testing

from examples.supervised import CUSTOMERS, run

PROGRAM = Path(__file__).parents[2] / "examples/supervised.py"


async def test_what_can_be_paid_is_paid(autojump_clock: trio.testing.MockClock) -> None:
    sums, _, _ = await run(CUSTOMERS)
    assert sums == {"ann": 3.5, "cat": 2.25, "bob": 1.0}


async def test_the_tree_shows_which_till_was_restarted(autojump_clock: trio.testing.MockClock) -> None:
    _, drawing, _ = await run(CUSTOMERS)
    assert drawing == [
        "shop (Supervisor, running, restarts: 0)",
        "  ledger (Ledger, running, restarts: 0)",
        "  tills (DynamicSupervisor, running, restarts: 0)",
        "    ann (Till, running, restarts: 0)",
        "    bob (Till, running, restarts: 1)",
        "    cat (Till, running, restarts: 0)",
    ]


async def test_the_report_tells_who_but_not_how_much(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    _, _, (crash,) = await run(CUSTOMERS)
    assert crash.state == {"customer": "bob"}
    assert crash.last_message == "a payment of 9 characters"
    assert "while handling a payment of 9 characters; it is restarted" in caplog.text


async def test_a_till_that_keeps_crashing_is_given_up_alone(autojump_clock: trio.testing.MockClock) -> None:
    sums, drawing, crashes = await run([("bob", "?")] * 4 + [("ann", "1")])
    assert sums == {"ann": 1.0}
    assert [line.split()[0] for line in drawing] == ["shop", "ledger", "tills", "ann"]
    assert [crash.action for crash in crashes] == ["restart"] * 3 + ["give_up"]


def test_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert "{'customer': 'bob'}" in capsys.readouterr().out
