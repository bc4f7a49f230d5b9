"""A node is killed and comes back, with a real Redis; what is lost on purpose is found, and nothing else is lost."""

from __future__ import annotations

import shutil

from cometary.chaos.bench import Bench
from cometary.chaos.plan import Plan

APP = "tests/chaos/nodes/losing_application.py:app"
PAGES = 8


async def test_a_loss_that_was_planted_is_found_and_the_death_of_a_node_loses_nothing() -> None:
    plan = Plan(
        mode="kill-node",
        sessions=PAGES,
        seconds=1,
        every=0.05,
        nodes=2,
        lease=0.5,
        fault_every=0.6,
        drain=1,
        seed=5,
    )
    bench = Bench(plan, app=APP)
    report = await bench.run()
    assert bench.log is not None
    shutil.rmtree(bench.log)
    assert report.nodes is not None
    assert report.nodes.faults() == []
    assert report.nodes.count >= 1
    assert report.nodes.moved >= 1
    assert report.nodes.recoveries["count"] >= 1
    assert (report.up.lost, report.up.doubled, report.up.reordered) == (PAGES, 0, 0)
    assert report.down.wrong == 0
    assert report.ended == {}
    assert report.faults == ["not everything arrived once and in order"]
