"""What is said of several nodes, and what fails a run of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cometary.chaos.habits import NODE_TROUBLES, troubles_of
from cometary.chaos.ledger import Counts
from cometary.chaos.nodes.outcome import Outcome
from tests.chaos.test_process import PERFECT

TIMES = {"count": 40.0, "p50": 0.2, "p99": 0.9, "max": 1.25}
GOOD = Outcome(
    mode="kill-node",
    count=3,
    answered={"a": 10, "b": 11, "c": 12},
    again=5,
    unanswered=0,
    refused=0,
    moved=40,
    recoveries=TIMES,
    delays=TIMES,
    interrupted=2,
    gaps=7,
    meanwhile=9,
    since=20,
    held=4,
    delayed=6,
    restarted=("a", "b", "c"),
)
REPORT = dataclasses.replace(PERFECT, mode="kill-node", nodes=GOOD, promised=frozenset())


def test_it_is_said_in_few_lines() -> None:
    text = str(REPORT)
    assert "3 nodes killed (SIGKILL)\n" in text
    assert "requests answered by node: a 10, b 11, c 12; 5 went to another node, 0 to none\n" in text
    assert "40 times a session went on at another node: p50 200 ms, p99 900 ms, max 1250 ms\n" in text
    assert "2 packets were being handled when their node died: reported, not handled again" in text
    assert text.endswith("PASSED: everything arrived once and in order")
    assert "connections broken" not in text


@pytest.mark.parametrize("mode", NODE_TROUBLES)
def test_each_mode_passes_when_all_is_well_and_fails_when_nothing_was_broken(mode: str) -> None:
    nodes = dataclasses.replace(GOOD, mode=mode)
    promised, [trouble] = troubles_of(mode), troubles_of(mode)
    good = dataclasses.replace(REPORT, mode=mode, nodes=nodes, promised=promised, troubles={trouble: 3})
    assert good.passed
    idle = dataclasses.replace(good, troubles={})
    assert len(idle.faults) == 1
    every = "--kill-worker-every" if mode == "kill-recorded-worker" else "--fault-every"
    assert idle.faults[0].endswith(f": more --seconds, or a shorter {every}")
    assert not dataclasses.replace(good, up=Counts(), down=Counts()).passed
    for wrong in (Counts(5, 4, lost=1), Counts(5, 6, doubled=1), Counts(5, 5, reordered=1)):
        assert not dataclasses.replace(good, up=wrong).passed
        assert not dataclasses.replace(good, down=wrong).passed


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"answered": {"a": 1, "b": 0, "c": 0}}, "node b, c has answered nothing"),
        (
            {"meanwhile": 0},
            "nothing was answered while something was broken: more --sessions, or a shorter --every",
        ),
        (
            {"moved": 0},
            "no session has gone on at another node: more --sessions, or a longer --fault-lasts",
        ),
        ({"since": 0}, "nothing was answered any more once something was broken"),
        ({"mode": "partition", "held": 0}, "nothing was held back"),
        ({"mode": "slow-engine", "delayed": 0}, "no answer of the engine was delayed"),
        (
            {"mode": "rolling-restart", "restarted": ("b",)},
            "node a, c was not restarted: more --seconds, or a shorter --fault-every",
        ),
        ({"mode": "rolling-restart", "refused": 1, "unanswered": 2}, "clients have seen 3 errors"),
    ],
)
def test_what_was_not_tried_fails_a_run(members: dict[str, Any], reason: str) -> None:
    report = dataclasses.replace(REPORT, nodes=dataclasses.replace(GOOD, **members))
    assert REPORT.passed
    assert report.faults == [reason]


def test_sessions_need_not_move_where_no_node_is_touched() -> None:
    for mode in ("slow-engine", "engine-restart"):
        assert not dataclasses.replace(GOOD, mode=mode, moved=0).faults()


def test_nothing_can_be_answered_while_there_is_no_engine() -> None:
    assert not dataclasses.replace(GOOD, mode="engine-restart", meanwhile=0).faults()
