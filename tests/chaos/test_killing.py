"""Whose sessions were lost with a worker that was killed."""

from __future__ import annotations

import dataclasses
import os

from cometary.chaos.killing import Deaths, environment_of, workers_of
from cometary.sessions.ids import new_sid, sid_of_worker
from tests.chaos.test_process import PERFECT


def sid(worker: int) -> bytes:
    return sid_of_worker(new_sid(), worker).encode()


def test_the_sessions_of_a_dead_worker_are_those_that_were_opened_before() -> None:
    deaths = Deaths()
    deaths.add(2, 10.0)
    assert deaths.took(sid(2), opened=9.0, now=10.5)
    assert not deaths.took(sid(2), opened=11.0, now=11.5)
    assert not deaths.took(sid(1), opened=9.0, now=10.5)
    assert not deaths.took(b"", opened=9.0, now=10.5)
    assert (deaths.count, deaths.told.count, deaths.told.longest) == (1, 1, 0.5)


def test_what_is_no_worker_is_not_killed() -> None:
    assert environment_of(os.getpid())
    assert workers_of(os.getpid()) == []


def test_a_report_says_how_soon_they_were_told() -> None:
    orphans = {"count": 3, "p50": 0.01, "p99": 0.2, "max": 0.25}
    text = str(dataclasses.replace(PERFECT, killed=2, orphans=orphans))
    assert (
        "2 workers killed, with 3 sessions, which were told of it: p50 10 ms, p99 200 ms, max 250 ms" in text
    )
