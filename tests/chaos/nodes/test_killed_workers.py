"""Workers are killed one after another, with an engine; what their sessions say and hear arrives once and in order."""

from __future__ import annotations

import shutil

from cometary.chaos.bench import Bench
from cometary.chaos.plan import Plan


async def test_workers_that_are_killed_lose_nothing_of_what_is_recorded() -> None:
    plan = Plan(
        mode="kill-recorded-worker",
        sessions=12,
        seconds=1,
        every=0.05,
        workers=2,
        kill_worker_every=0.5,
        lease=0.5,
        drain=5,
        seed=5,
    )
    bench = Bench(plan)
    report = await bench.run()
    assert bench.log is not None
    shutil.rmtree(bench.log)
    assert report.faults == []
    assert report.nodes is not None
    assert report.nodes.count >= 1
    assert report.nodes.moved >= 1
    assert (report.up.wrong, report.down.wrong) == (0, 0)
    assert report.ended == {}
