"""Crash reports: every crash is told once, as data and as one log record."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, system
from cometary.errors import ChildStartError
from cometary.supervision import (
    ChildSpec,
    CrashReport,
    DynamicSupervisor,
    SupervisorSpec,
    latest_reports,
    start_child,
    subscribe,
    unsubscribe,
)
from tests.supervision.company import Clerk, Delicate, Diary, Worker, child, company, settled, tell, worker


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_a_report_says_who_why_on_what_and_what_next(kind: Any) -> None:
    diary = Diary()
    async with company(worker("a", diary, kind), id="top") as root:
        ref = await child(root, "a")
        await tell(root, "a", "crash")
        (report,) = latest_reports(root)
    assert (report.supervisor, report.child, report.actor, report.urn) == (
        "top",
        "a",
        kind.__name__,
        ref.actor_urn,
    )
    assert (report.reason, report.error) == ("crashed", "RuntimeError('a was told to crash')")
    assert report.last_message == "str: 'crash'"
    assert (report.action, report.restarts) == ("restart", 0)
    assert 'raise RuntimeError(f"{self.name} was told to crash")' in report.traceback
    assert json.loads(json.dumps(report.as_dict()))["child"] == "a"


async def test_the_log_record_carries_the_report(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        await tell(root, "a", "crash")
        (report,) = latest_reports(root)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("cometary.supervision", "ERROR")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)
    fields = report.as_dict()
    assert vars(record)["crash_report"] == fields
    in_record = {"time", "traceback"}  # which the record has in its own way
    told = {name: value for name, value in fields.items() if name not in in_record}
    assert vars(record)["structured"] == {"event": "child ended", **told}
    assert record.getMessage().startswith("root/a (Worker urn:uuid:")
    assert record.getMessage().endswith("; it is restarted, restarts so far: 0")


async def test_a_start_that_failed_before_there_was_an_actor_is_told_as_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    diary.failing_starts["constructor of a"] = 1
    with pytest.raises(ChildStartError):
        async with company(worker("a", diary, Delicate)):
            pytest.fail("the block must not be entered")
    [record] = caplog.records
    assert record.getMessage().startswith("root/a (Delicate) did not start, crashed: OSError(")


async def test_what_the_supervisor_does_is_told() -> None:
    diary = Diary()
    reports: list[CrashReport] = []
    team = SupervisorSpec([worker("x", diary)], intensity=1)
    async with company(ChildSpec("team", team), worker("t", diary, restart="temporary")) as root:
        subscribe(root, reports.append)
        await tell(root, "t", "crash")
        supervisor = await child(root, "team")
        for _ in range(2):
            await tell(supervisor, "x", "crash")
    assert [(report.supervisor, report.child, report.action, report.restarts) for report in reports] == [
        ("root", "t", "nothing", 0),
        ("root/team", "x", "restart", 0),
        ("root/team", "x", "give_up", 1),
        ("root", "team", "restart", 0),
    ]


async def test_an_escalation_is_a_warning_because_the_crash_was_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary)], intensity=0)
    async with company(ChildSpec("team", team)) as root:
        await tell(await child(root, "team"), "x", "crash")
    assert [(record.levelname, record.getMessage().split(" ")[0]) for record in caplog.records] == [
        ("ERROR", "root/team/x"),
        ("WARNING", "root/team"),
    ]


@pytest.mark.parametrize("per", ["child", "supervisor"])
async def test_reports_of_dynamic_children_reach_the_root(per: str) -> None:
    diary = Diary()
    reports: list[CrashReport] = []
    async with company(ChildSpec("crowd", DynamicSupervisor, kwargs={"per": per, "intensity": 1})) as root:
        subscribe(root, reports.append)
        crowd = await child(root, "crowd")
        one = await start_child(crowd, Worker, "one", diary)
        two = await start_child(crowd, worker("two", diary))
        for ref in (one, two):
            ref.tell("crash")
            await settled()
    expected = [("root/crowd", "", one.actor_urn, "restart"), ("root/crowd", "two", two.actor_urn, "restart")]
    if per == "supervisor":
        expected[1] = ("root/crowd", "two", two.actor_urn, "give_up")
    found = [(report.supervisor, report.child, report.urn, report.action) for report in reports]
    assert found[:2] == expected


class Named(Worker):
    """An actor that has a name to be shown."""

    @property
    def display_name(self) -> str:
        if self.name == "unsound":
            raise LookupError("no name")
        return f"Mr {self.name}"


@pytest.mark.parametrize(
    ("name", "shown"), [("Smith", "Mr Smith"), ("unsound", "display_name raised LookupError('no name')")]
)
async def test_a_child_without_an_id_is_reported_by_its_name(
    name: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        (await start_child(await child(root, "crowd"), Named, name, diary)).tell("crash")
        await settled()
        (report,) = latest_reports(root)
    assert (report.supervisor, report.child) == ("root/crowd", shown)
    assert caplog.records[0].getMessage().startswith(f"root/crowd/{shown} (Named urn:uuid:")


async def test_a_child_without_an_id_is_reported_by_its_name_when_it_was_killed() -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        (await start_child(await child(root, "crowd"), Named, "Smith", diary)).kill()
        await settled()
        (report,) = latest_reports(root)
    assert (report.child, report.reason) == ("Mr Smith", "killed")


class Secretive(Worker):
    """An actor that says itself what may be known about it."""

    @staticmethod
    def format_message(message: object) -> str:
        return f"a message of {len(str(message))} letters"

    def crash_state(self) -> object:
        return {"name": self.name}


async def test_a_class_decides_how_its_messages_and_its_state_are_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    async with company(worker("a", diary, Secretive)) as root:
        await tell(root, "a", "crash")
        (report,) = latest_reports(root)
    assert report.last_message == "a message of 5 letters"
    assert report.state == {"name": "a"}
    assert "'crash'" not in caplog.text


class Confused(Worker):
    """An actor that fails even to say what is wrong."""

    @staticmethod
    def format_message(message: object) -> str:
        raise LookupError

    def crash_state(self) -> object:
        raise ZeroDivisionError("no state")


async def test_a_report_is_made_even_if_the_actor_cannot_help(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    async with company(worker("a", diary, Confused)) as root:
        await tell(root, "a", "crash")
        (report,) = latest_reports(root)
    assert report.last_message == "str (format_message raised LookupError)"
    assert report.state == "crash_state raised ZeroDivisionError('no state')"


async def test_a_message_is_shown_in_few_words() -> None:
    class Picky(Actor):
        def on_receive(self, message: Any) -> None:
            raise ValueError(message)

    async with company(ChildSpec("picky", Picky)) as root:
        await tell(root, "picky", "x" * 100_000)
        (report,) = latest_reports(root)
    assert report.last_message is not None
    assert report.error is not None
    assert len(report.last_message) < 300
    assert len(report.error) < 300


async def test_an_observer_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    reports: list[CrashReport] = []

    def fail(report: CrashReport) -> None:
        raise LookupError("no screen")

    async with company(worker("a", diary)) as root:
        subscribe(root, fail)
        subscribe(root, reports.append)
        await tell(root, "a", "crash")
        assert diary.count("start a") == 2
        assert len(reports) == 1
    assert "An observer of crash reports failed" in caplog.text


async def test_an_observer_may_leave() -> None:
    diary = Diary()
    reports: list[CrashReport] = []
    async with company(worker("a", diary), intensity=5) as root:
        subscribe(root, reports.append)
        await tell(root, "a", "crash")
        unsubscribe(root, reports.append)
        unsubscribe(root, reports.append)
        await tell(root, "a", "crash")
        assert len(reports) == 1
        assert len(latest_reports(root)) == 2


async def test_only_the_latest_reports_are_remembered() -> None:
    diary = Diary()
    async with company(worker("a", diary), intensity=1000) as root:
        for _ in range(120):
            await tell(root, "a", "crash")
        reports = latest_reports(root)
    assert [report.restarts for report in reports] == list(range(20, 120))


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_without_a_supervisor_the_actor_itself_logs(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        kind.start("a", Diary()).tell("crash")
        await settled()
    assert [(record.name, record.levelname) for record in caplog.records] == [("cometary.actors", "ERROR")]


class TwiceUnlucky(Worker):
    """An actor whose `on_failure` fails too."""

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        raise ZeroDivisionError("and again")


class TwiceUnluckyClerk(TwiceUnlucky):
    """The same, with a task of its own."""

    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


@pytest.mark.parametrize("kind", [TwiceUnlucky, TwiceUnluckyClerk])
async def test_a_failure_of_on_failure_is_told_too(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    async with company(worker("a", diary, kind)) as root:
        await tell(root, "a", "crash")
    told = [(record.name, repr(record.exc_info[1])) for record in caplog.records if record.exc_info]
    assert told == [
        ("cometary.actors", "ZeroDivisionError('and again')"),
        ("cometary.supervision", "RuntimeError('a was told to crash')"),
    ]


async def test_a_crash_while_unwinding_from_a_kill_is_told(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Unlucky(Clerk):
        def on_start(self) -> None:
            self.start_task(self.run)

        async def run(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ZeroDivisionError("in the end")

    diary = Diary()
    async with company(worker("a", diary, Unlucky)):
        await settled()
    assert [repr(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "ZeroDivisionError('in the end')"
    ]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_a_child_that_does_not_start_is_reported_before_its_supervisor_gives_up() -> None:
    diary = Diary()
    diary.failing_starts["b"] = 1
    async with company() as root:
        seen: list[CrashReport] = []
        subscribe(root, seen.append)
        spec = ChildSpec("sub", SupervisorSpec((worker("a", diary), worker("b", diary))))
        with pytest.raises(ChildStartError):
            await start_child(root, spec)
        first = seen[0]
        assert (first.supervisor, first.child, first.action) == ("root/sub", "b", "give_up")


async def test_a_report_says_what_was_being_handled() -> None:
    async with company(worker("a", Diary())) as root:
        await tell(root, "a", "crash")
        await settled()
        assert " while handling str: 'crash'; it is restarted" in str(latest_reports(root)[0])
