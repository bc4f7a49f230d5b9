"""The rules of OTP's supervisor manual and of Elixir's dynamic supervisors, and where each is tested.

Most have a test beside others on the same subject, which the table names; those that had none are below it.
"""

from __future__ import annotations

import gc
import importlib.util
import weakref
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import SHUTDOWN, Actor, Exit
from cometary.errors import ChildStateError, StartIgnoredError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    SupervisorSpec,
    count_children,
    delete_child,
    get_childspec,
    latest_reports,
    restart_child,
    start_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    Diary,
    Sleeper,
    Worker,
    child,
    company,
    settled,
    tell,
    worker,
)

RULES = {
    # Flags of a supervisor.
    "the default strategy is one_for_one, and no auto_shutdown": "otp_rules.defaults_are_otps",
    "the default intensity is 1 in 5 s": "supervisor_intensity.the_default_is_one_restart_in_five_seconds",
    "an unknown strategy, intensity, period or auto_shutdown is refused": (
        "spec.a_wrong_supervisor_is_refused"
    ),
    # Fields of a child specification.
    "children are permanent and not significant by default": "otp_rules.defaults_are_otps",
    "shutdown is 5 s for workers and infinity for supervisors": "spec.the_defaults_follow_from_the_kind",
    "a wrong field is refused": "spec.a_wrong_child_is_refused",
    "ids are unique": "calls.an_id_is_given_once_even_to_a_child_that_has_ended",
    "significant and permanent exclude each other": "spec.a_wrong_child_is_refused",
    "significant needs an auto_shutdown": "spec.a_wrong_supervisor_is_refused",
    # start and stop
    "start goes from left to right, stop from right to left": (
        "supervisor_start_and_stop.start_goes_from_left_to_right_and_stop_from_right_to_left"
    ),
    "a start is synchronous": (
        "supervisor_start_and_stop.a_child_is_started_when_the_one_before_it_has_started"
    ),
    "a failed start stops those already started": (
        "supervisor_start_and_stop.a_failed_start_stops_those_already_started_in_reverse_order"
    ),
    "a child may ignore its start": "otp_rules.a_child_that_ignores_its_start_keeps_its_place",
    "a temporary child that ignores its start is forgotten": (
        "otp_rules.a_temporary_child_that_ignores_its_start_is_forgotten"
    ),
    "a shutdown time-out is followed by a kill": (
        "supervisor_start_and_stop.a_child_that_ignores_its_stop_is_killed_when_its_time_is_up"
    ),
    "infinity waits": "supervisor_start_and_stop.infinity_waits_for_as_long_as_it_takes",
    "brutal_kill asks nobody": "supervisor_start_and_stop.brutal_kill_asks_nobody",
    "a normal end of a child that is not permanent is no error during shutdown": (
        "supervisor_start_and_stop.a_child_that_ends_normally_while_it_is_shut_down_is_no_event"
    ),
    "other ends are reported during shutdown": (
        "otp_rules.whatever_reason_is_no_shutdown_is_reported_during_one"
    ),
    "a child cannot hang its supervisor by what it is linked to": (
        "otp_rules.a_child_that_takes_no_signals_does_not_hang_its_supervisor"
    ),
    # restart types
    "the restart type decides": "supervisor_restarts.the_restart_type_decides",
    "abnormal is all but normal and shutdown": "otp_rules.abnormal_is_all_but_normal_and_shutdown",
    "a temporary child is never restarted": (
        "supervisor_restarts.temporary_siblings_are_stopped_and_forgotten"
    ),
    "a temporary child's specification goes when it ends": (
        "supervisor_restarts.only_temporary_children_are_forgotten_when_they_end"
    ),
    # strategies
    "the strategy says who is restarted": "supervisor_restarts.the_strategy_says_who_is_restarted_too",
    "siblings are terminated in reverse order": "supervisor_restarts.the_strategy_says_who_is_restarted_too",
    "teardown is complete before a restart begins": (
        "otp_rules.teardown_is_complete_before_a_restart_begins_under_every_strategy"
    ),
    # restart intensity
    "one too many stops all children": (
        "supervisor_intensity.one_too_many_ends_the_supervisor_so_that_its_own_supervisor_decides"
    ),
    "and the supervisor ends with shutdown": (
        "supervisor_intensity.it_ends_with_shutdown_which_a_transient_child_survives_not"
    ),
    "old restarts do not count": (
        "restart_policy.it_is_exceeded_when_more_restarts_than_allowed_lie_in_one_period"
    ),
    "a failed restart is counted and tried again": (
        "supervisor_intensity.a_restart_that_fails_is_counted_and_tried_again"
    ),
    "not in a loop: calls are served in between": (
        "supervisor_intensity.calls_are_served_between_two_attempts"
    ),
    "nor does a stop wait for the attempts": "bad_input.a_supervisor_told_to_stop_while_restarts_fail_stops",
    "a group is taken up where it failed": (
        "supervisor_intensity.a_sibling_that_fails_to_start_again_is_where_the_next_attempt_begins"
    ),
    # auto_shutdown
    "any_significant": "supervisor_auto_shutdown.any_significant_child_that_ends_takes_all_with_it",
    "all_significant": "supervisor_auto_shutdown.all_significant_waits_for_the_last_one",
    "a restarted significant child ends nothing": (
        "otp_rules.a_significant_child_that_is_restarted_ends_nothing"
    ),
    "its end by the supervisor's own hand ends nothing": (
        "supervisor_auto_shutdown.to_be_terminated_or_restarted_with_a_sibling_is_not_to_end_by_itself"
    ),
    # calls
    "start_child adds to the right": "calls.a_started_child_stands_to_the_right_of_the_others",
    "start_child that fails adds nothing": "calls.a_child_that_does_not_start_is_no_child",
    "terminate_child keeps the specification": "calls.a_terminated_child_stays_down_until_it_is_restarted",
    "unless it is temporary": "calls.a_terminated_temporary_child_is_forgotten",
    "restart_child and delete_child want a child that does not run": (
        "calls.what_runs_is_neither_restarted_nor_deleted"
    ),
    "nor one that is being restarted": "calls.what_is_being_restarted_is_neither_restarted_nor_deleted",
    "an unknown id is an error": "calls.a_child_that_is_not_there_is_an_error_of_the_caller",
    "count_children": "calls.children_are_counted_by_sort_and_by_whether_they_live",
    "get_childspec": "calls.specifications_can_be_read_back",
    # reports
    "every failure is a report": "reports.a_report_says_who_why_on_what_and_what_next",
    # simple_one_for_one, DynamicSupervisor
    "dynamic children are stopped in parallel with one time-out": (
        "dynamic_children.each_child_has_its_own_time_to_stop"
    ),
    "the arguments of temporary dynamic children are not kept": (
        "otp_rules.the_arguments_of_temporary_dynamic_children_are_not_kept"
    ),
    "max_children": "dynamic.there_are_at_most_max_children",
    "dynamic children have no ids": "otp_rules.dynamic_children_have_no_ids",
    "a dynamic child that ignores its start is forgotten": (
        "otp_rules.a_dynamic_child_that_ignores_its_start_is_forgotten"
    ),
    # PartitionSupervisor
    "a key has one partition": "partition.a_key_has_the_same_partition_every_time",
    "partitions are started with their number": "partition.each_may_have_arguments_of_its_own",
}


@pytest.mark.parametrize("test", sorted(set(RULES.values())))
def test_every_rule_has_its_test(test: str) -> None:
    module, name = test.split(".")
    spec = importlib.util.find_spec(f"tests.supervision.test_{module}")
    assert spec is not None
    assert spec.origin is not None
    assert f"def test_{name}(" in Path(spec.origin).read_text()


def test_defaults_are_otps() -> None:
    assert (SupervisorSpec().strategy, SupervisorSpec().auto_shutdown) == ("one_for_one", "never")
    assert (SupervisorSpec().intensity, SupervisorSpec().period) == (1, 5)
    spec = ChildSpec("x", Worker, ("x", Diary()))
    assert (spec.restart, spec.significant) == ("permanent", False)


# -- ignore -------------------------------------------------------------------------------


class Reluctant(Worker):
    """A worker that is not needed as often as the diary says."""

    def on_start(self) -> None:
        if self.diary.failing_starts.get(self.name, 0) > 0:
            self.diary.failing_starts[self.name] -= 1
            raise StartIgnoredError
        super().on_start()


class ReluctantClerk(Reluctant, Clerk):
    """The same, with a task of its own."""


@pytest.mark.parametrize("kind", [Reluctant, ReluctantClerk])
async def test_a_child_that_ignores_its_start_keeps_its_place(
    kind: type[Worker], caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    diary.failing_starts["b"] = 2
    async with company(worker("a", diary), worker("b", diary, kind), worker("c", diary)) as root:
        assert diary.read() == ["start a", "start c"]
        infos = [(info.id, info.ref is None, info.state) for info in await which_children(root)]
        assert infos == [("a", False, "running"), ("b", True, "stopped"), ("c", False, "running")]
        assert (await count_children(root)).active == 2
        with pytest.raises(StartIgnoredError, match="root/b is not needed now"):
            await restart_child(root, "b")
        await restart_child(root, "b")
        assert diary.read() == ["start b"]
    assert diary == ["stop c", "stop b", "stop a"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_child_that_ignores_its_restart_stays_down_and_that_is_no_failure() -> None:
    diary = Diary()
    async with company(
        worker("a", diary, Reluctant), worker("b", diary), strategy="one_for_all", intensity=1
    ) as root:
        diary.clear()
        diary.failing_starts["a"] = 1
        await tell(root, "b", "crash")
        assert diary.read() == ["stop a", "start b"]
        assert [info.state for info in await which_children(root)] == ["stopped", "running"]
        assert len(latest_reports(root)) == 1
        await delete_child(root, "a")


async def test_a_temporary_child_that_ignores_its_start_is_forgotten() -> None:
    diary = Diary()
    diary.failing_starts["a"] = 1
    async with company(worker("a", diary, Reluctant, restart="temporary"), worker("b", diary)) as root:
        assert [info.id for info in await which_children(root)] == ["b"]
        diary.failing_starts["c"] = 1
        with pytest.raises(StartIgnoredError):
            await start_child(root, worker("c", diary, Reluctant, restart="temporary"))
        assert [info.id for info in await which_children(root)] == ["b"]


@pytest.mark.parametrize("kind", [Reluctant, ReluctantClerk])
async def test_a_dynamic_child_that_ignores_its_start_is_forgotten(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor, kwargs={"restart": "permanent"})) as root:
        supervisor = await child(root, "crowd")
        diary.failing_starts["one"] = 1
        one = await start_child(supervisor, kind, "one", diary)
        two = await start_child(supervisor, kind, "two", diary)
        await settled()
        assert not one.is_alive()
        diary.failing_starts["two"] = 1
        two.tell("crash")
        await settled()
        assert not two.is_alive()
        assert await which_children(supervisor) == ()
        assert [report.action for report in latest_reports(root)] == ["restart"]


# -- reasons ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "restarted"), [("normal", False), ("shutdown", False), ("overload", True), ("killed", True)]
)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_abnormal_is_all_but_normal_and_shutdown(
    reason: str, *, restarted: bool, dynamic: bool
) -> None:
    diary = Diary()
    spec = worker("a", diary, restart="transient")
    outer = ChildSpec("crowd", DynamicSupervisor) if dynamic else spec
    async with company(outer) as root:
        ref = await child(root, outer.id)
        if dynamic:
            ref = await start_child(ref, spec)
        await settled()
        ref.stop(block=False, exit=Exit(reason))
        await settled()
        assert diary.count("start a") == 1 + restarted


@pytest.mark.parametrize("dynamic", [False, True])
async def test_whatever_reason_is_no_shutdown_is_reported_during_one(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture, *, dynamic: bool
) -> None:
    diary = Diary()
    spec = worker("a", diary, Sleeper, restart="transient")
    outer = ChildSpec("crowd", DynamicSupervisor) if dynamic else spec
    async with company(outer) as root:
        ref = await child(root, outer.id)
        if dynamic:
            ref = await start_child(ref, spec)
        ref.tell(1)
        await settled()
        ref.stop(block=False, exit=Exit("overload"))  # comes before the supervisor's own
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "ended, overload" in caplog.text


async def test_a_child_that_takes_no_signals_does_not_hang_its_supervisor() -> None:
    diary = Diary()

    class Trapping(Clerk):
        trap_exits = True

        async def on_receive(self, message: Any) -> Any:
            self.diary.append(type(message).__name__)

    class Partner(Actor):
        def on_receive(self, message: Any) -> None: ...

    async with company(worker("a", diary, Trapping)) as root:
        actor: Any = (await child(root, "a")).actor_inbox.actor
        partner = Partner.start()
        actor.link(partner)
        await partner.stop(exit=SHUTDOWN)
        await settled()
    assert diary == ["start a", "ExitSignal", "stop a"]


# -- restarts -----------------------------------------------------------------------------


class Lingering(Clerk):
    """A clerk whose task takes ten seconds to unwind, and notes that."""

    def on_start(self) -> None:
        super().on_start()
        self.start_task(self.linger)

    async def linger(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)
            self.diary.append(f"{self.name} gone")


@pytest.mark.parametrize(
    ("strategy", "happens"),
    [
        ("one_for_one", ["b gone", "start b"]),
        (
            "one_for_all",
            ["b gone", "stop c", "c gone", "stop a", "a gone", "start a", "start b", "start c"],
        ),
        ("rest_for_one", ["b gone", "stop c", "c gone", "start b", "start c"]),
    ],
)
async def test_teardown_is_complete_before_a_restart_begins_under_every_strategy(
    autojump_clock: trio.testing.MockClock, strategy: Any, happens: list[str]
) -> None:
    diary = Diary()
    specs = [worker(name, diary, Lingering, shutdown="infinity") for name in "abc"]
    async with company(*specs, strategy=strategy) as root:
        diary.clear()
        (await child(root, "b")).tell("crash")
        await trio.sleep(100)
        assert diary.read() == happens


@pytest.mark.parametrize(("keep_mail", "got"), [(True, ["a got late"]), (False, [])])
async def test_the_fate_of_a_siblings_mail_is_its_own_choice(
    autojump_clock: trio.testing.MockClock, keep_mail: bool, got: list[str]
) -> None:
    diary = Diary()

    class Slow(Clerk):
        async def on_stop(self) -> None:  # type: ignore[override]
            await trio.sleep(2)

    specs = [worker("a", diary, Slow, keep_mail=keep_mail), worker("b", diary, keep_mail=not keep_mail)]
    async with company(*specs, strategy="one_for_all") as root:
        sibling = await child(root, "a")
        (await child(root, "b")).tell("crash")
        await trio.sleep(1)
        sibling.tell("late")  # while it stops
        await trio.sleep(5)
        assert sorted(diary) == [*got, "start a", "start a", "start b", "start b"]


async def test_a_significant_child_that_is_restarted_ends_nothing() -> None:
    diary = Diary()
    spec = worker("a", diary, restart="transient", significant=True)
    async with company(spec, auto_shutdown="any_significant") as root:
        await tell(root, "a", "crash")
        assert diary.read() == ["start a", "start a"]
        assert root.is_alive()


# -- dynamic ------------------------------------------------------------------------------


class Precious:
    """Something large."""


class Holding(Actor):
    """Holds nothing of what it was given."""

    def __init__(self, _precious: Precious) -> None:
        super().__init__()

    def on_receive(self, message: Any) -> None: ...


@pytest.mark.parametrize(("restart", "kept"), [("temporary", False), ("transient", True)])
async def test_the_arguments_of_temporary_dynamic_children_are_not_kept(restart: str, *, kept: bool) -> None:
    async with company(ChildSpec("crowd", DynamicSupervisor, kwargs={"restart": restart})) as root:
        precious = Precious()
        noticed = weakref.ref(precious)
        ref = await start_child(await child(root, "crowd"), Holding, precious)
        del precious
        await which_children(await child(root, "crowd"))  # so that it has another message in its hand
        gc.collect()
        assert ref.is_alive()
        assert (noticed() is not None) is kept


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("restart", "kept"), [("temporary", False), ("transient", True)])
async def test_the_arguments_of_temporary_children_are_not_kept(
    restart: Any, *, kept: bool, dynamic: bool
) -> None:
    async with company(ChildSpec("all", DynamicSupervisor if dynamic else SupervisorSpec())) as root:
        supervisor = await child(root, "all")
        precious = Precious()
        noticed = weakref.ref(precious)
        spec = ChildSpec("one", Holding, (precious,), restart=restart)
        ref = await start_child(supervisor, spec)
        del precious, spec
        await settled()
        gc.collect()
        assert ref.is_alive()
        assert (noticed() is not None) is kept


async def test_dynamic_children_have_no_ids() -> None:
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        supervisor = await child(root, "crowd")
        for call in (restart_child, delete_child, get_childspec):
            with pytest.raises(
                ChildStateError, match="root/crowd knows its children by reference, not by id"
            ):
                await call(supervisor, "one")
