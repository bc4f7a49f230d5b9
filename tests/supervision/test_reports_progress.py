"""Progress reports: which child was started, and which again; as data, and in the log for who wants them."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from cometary.errors import ChildStateError, StartIgnoredError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    ProgressReport,
    SupervisorSpec,
    restart_child,
    start_child,
    subscribe_progress,
    terminate_child,
    unsubscribe,
)
from tests.supervision.company import Diary, Worker, child, company, settled, tell, worker


def told(reports: list[ProgressReport]) -> list[tuple[str, str, int]]:
    return [(report.supervisor, report.child, report.restarts) for report in reports]


async def test_it_tells_of_restarts_and_of_children_started_by_call() -> None:
    diary = Diary()
    reports: list[ProgressReport] = []
    async with company(worker("a", diary), intensity=5) as root:
        subscribe_progress(root, reports.append)
        await tell(root, "a", "crash")
        await start_child(root, worker("b", diary))
        await terminate_child(root, "b")
        await restart_child(root, "b")
    assert told(reports) == [("root", "a", 1), ("root", "b", 0), ("root", "b", 0)]
    assert reports[0].actor == "Worker"
    assert reports[0].urn.startswith("urn:uuid:")
    assert json.loads(json.dumps(reports[0].as_dict()))["child"] == "a"


async def test_it_goes_up_the_tree() -> None:
    diary = Diary()
    reports: list[ProgressReport] = []
    team = SupervisorSpec([worker("x", diary), worker("y", diary)], strategy="one_for_all")
    async with company(ChildSpec("team", team)) as root:
        subscribe_progress(root, reports.append)
        await tell(await child(root, "team"), "x", "crash")
    assert told(reports) == [("root/team", "x", 1), ("root/team", "y", 1)]


async def test_it_tells_of_dynamic_children() -> None:
    diary = Diary()
    reports: list[ProgressReport] = []
    async with company(ChildSpec("crowd", DynamicSupervisor, kwargs={"per": "child"})) as root:
        subscribe_progress(root, reports.append)
        ref = await start_child(await child(root, "crowd"), Worker, "one", diary)
        ref.tell("crash")
        await settled()
    assert told(reports) == [("root/crowd", "", 0), ("root/crowd", "", 1)]
    assert {report.urn for report in reports} == {ref.actor_urn}


async def test_a_child_that_does_not_start_is_no_progress() -> None:
    diary = Diary()
    diary.failing_starts["b"] = 1
    reports: list[ProgressReport] = []
    async with company() as root:
        subscribe_progress(root, reports.append)
        with pytest.raises(Exception, match="did not start"):
            await start_child(root, worker("b", diary))
    assert reports == []


async def test_an_observer_may_leave_and_one_that_fails_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    reports: list[ProgressReport] = []

    def fail(report: ProgressReport) -> None:
        raise LookupError("no screen")

    async with company() as root:
        subscribe_progress(root, fail)
        subscribe_progress(root, reports.append)
        await start_child(root, worker("a", diary))
        unsubscribe(root, reports.append)
        await start_child(root, worker("b", diary))
    assert told(reports) == [("root", "a", 0)]
    assert "no screen" in caplog.text


async def test_the_log_has_it_at_level_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "cometary.supervision")
    diary = Diary()
    async with company(worker("a", diary)) as root:
        await tell(root, "a", "crash")
    events = [(record.levelname, vars(record)["structured"]["event"]) for record in caplog.records]
    assert events == [("DEBUG", "child started"), ("ERROR", "child ended"), ("DEBUG", "child restarted")]
    started = caplog.records[0]
    assert started.getMessage().startswith("root/a (Worker urn:uuid:")
    assert started.getMessage().endswith(") started")
    assert isinstance(vars(started)["progress_report"], dict)
    told = dict(vars(started)["progress_report"])
    del told["time"]  # which the record has in its own way
    assert vars(started)["structured"] == {"event": "child started", **told}


async def test_otherwise_the_log_has_none_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.supervision")
    async with company(worker("a", Diary())):
        pass
    assert not caplog.records


async def test_only_a_supervisor_tells_of_progress() -> None:
    async with company(worker("a", Diary())) as root:
        with pytest.raises(ChildStateError):
            subscribe_progress(await child(root, "a"), print)


async def test_of_one_that_is_not_needed_no_start_is_reported() -> None:
    class Unneeded(Worker):
        def on_start(self) -> None:
            raise StartIgnoredError

    async with company() as root:
        seen: list[Any] = []
        subscribe_progress(root, seen.append)
        with pytest.raises(StartIgnoredError):
            await start_child(root, worker("a", Diary(), Unneeded))
        assert seen == []
