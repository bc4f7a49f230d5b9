"""How dynamic children are terminated: all at the same time, or one alone."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import ActorRef
from cometary.errors import (
    ChildStateError,
)
from cometary.supervision import (
    ChildSpec,
    CrashReport,
    DynamicSupervisor,
    SupervisorSpec,
    latest_reports,
    start_child,
    subscribe,
    terminate_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    DeepSleeper,
    Diary,
    Sleeper,
    Worker,
    child,
    company,
    crowd,
    settled,
    the_actor,
    worker,
)

# -- stop ---------------------------------------------------------------------------------


async def test_all_children_are_stopped_at_the_same_time(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(crowd(shutdown=3)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        for number in range(20):
            supervisor.start_child(Sleeper, str(number), diary).tell(2 if number % 2 else 1000)
        await settled()
        began = trio.current_time()
    assert trio.current_time() - began == 3
    assert sum(line.startswith("stop") for line in diary) == 10
    assert "root/crowd kills 10 children that did not stop in time" in caplog.text


async def test_each_child_has_its_own_time_to_stop(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    subtree = ChildSpec("subtree", SupervisorSpec((worker("deep", diary, Sleeper, shutdown=60),)))
    ends: dict[str, float] = {}
    async with company(crowd(shutdown=2)) as root, trio.open_nursery() as nursery:
        supervisor = await child(root, "crowd")
        patient = await start_child(supervisor, worker("patient", diary, Sleeper, shutdown="infinity"))
        hasty = await start_child(supervisor, worker("hasty", diary, Sleeper, shutdown=1))
        killed = await start_child(supervisor, worker("killed", diary, Clerk, shutdown="brutal_kill"))
        usual = await start_child(supervisor, Sleeper, "usual", diary)
        deep = await child(await start_child(supervisor, subtree), "deep")
        for ref, seconds in ((patient, 100), (hasty, 100), (usual, 100), (deep, 40)):
            ref.tell(seconds)
        await settled()
        began = trio.current_time()

        async def note(name: str, ref: ActorRef[Any]) -> None:
            exit_ = await ref.stopped()
            ends[f"{name} {exit_.reason}"] = trio.current_time() - began

        for name, ref in {
            "patient": patient,
            "hasty": hasty,
            "killed": killed,
            "usual": usual,
            "deep": deep,
        }.items():
            nursery.start_soon(note, name, ref)
        await settled()
        await terminate_child(root, "crowd")
    assert ends == {
        "killed killed": 0,
        "hasty killed": 1,
        "usual killed": 2,
        "deep shutdown": 40,
        "patient shutdown": 100,
    }
    assert "stop killed" not in diary


async def test_a_supervisor_started_as_a_class_has_all_the_time_that_it_needs_to_stop(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd()) as root:
        inner = await start_child(await child(root, "crowd"), DynamicSupervisor)
        deep = await start_child(inner, worker("deep", diary, Sleeper, shutdown=60))
        deep.tell(40)
        await settled()
        began = trio.current_time()
    assert trio.current_time() - began == 40
    assert diary[-1] == "stop deep"


async def test_brutal_kill_asks_nobody(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    async with company(crowd(shutdown="brutal_kill")) as root:
        supervisor = the_actor(await child(root, "crowd"))
        refs = [
            supervisor.start_child(Worker if number % 2 else Clerk, str(number), diary)
            for number in range(40)
        ]
        await settled()
        diary.clear()
        for ref in refs[:20]:
            await terminate_child(await child(root, "crowd"), ref)
    assert diary == []
    assert not caplog.records


async def test_very_many_are_stopped_with_turns_for_others_in_between_and_not_after_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cometary.supervision.dynamic_children.BATCH", 10)
    turns: list[int] = []

    async def take_turns(supervisor: DynamicSupervisor) -> None:
        while not supervisor.children.all_terminating:
            await trio.lowlevel.checkpoint()
        while len(supervisor.children):
            turns.append(len(supervisor.children))
            await trio.lowlevel.checkpoint()

    async with company(crowd()) as root, trio.open_nursery() as nursery:
        supervisor = the_actor(await child(root, "crowd"))
        for number in range(100):
            supervisor.start_child(Worker, str(number), Diary())
        await settled()
        nursery.start_soon(take_turns, supervisor)
        await terminate_child(root, "crowd")
    assert 5 <= len(turns) <= 20  # Trio takes the tasks of a round in any order


async def test_what_is_shielded_even_from_a_kill_is_waited_for(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(crowd(shutdown="brutal_kill")) as root:
        the_actor(await child(root, "crowd")).start_child(DeepSleeper, "one", diary).tell(60)
        await settled()
        began = trio.current_time()
    assert trio.current_time() - began == 60
    assert "root/crowd killed 1 children that go on" in caplog.text


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_a_killed_supervisor_leaves_no_orphans(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(crowd(restart="permanent", per="child")) as root:
        supervisor = await child(root, "crowd")
        refs = [the_actor(supervisor).start_child(kind, str(number), diary) for number in range(5)]
        await settled()
        supervisor.kill()
        await settled()
        assert not any(ref.is_alive() for ref in refs)
        assert supervisor.is_alive()
        assert len(the_actor(supervisor).children) == 0


async def test_one_child_is_terminated_for_good(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(crowd(restart="permanent", shutdown=3)) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Worker, "one", diary)
        two = await start_child(supervisor, worker("two", diary, Sleeper, shutdown=5))
        three = await start_child(supervisor, worker("three", diary, shutdown="brutal_kill"))
        two.tell(1000)
        await settled()
        began = trio.current_time()
        for ref in (one, two, three):
            await terminate_child(supervisor, ref)
            assert not ref.is_alive()
        assert trio.current_time() - began == 5
        assert await which_children(supervisor) == ()
        with pytest.raises(ChildStateError, match="no child"):
            await terminate_child(supervisor, one)


async def test_children_that_crash_while_they_are_stopped_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Clumsy(Worker):
        def on_stop(self) -> None:
            raise ZeroDivisionError("clumsy")

    diary = Diary()
    async with company(crowd(restart="permanent")) as root:
        the_actor(await child(root, "crowd")).start_child(Clumsy, "one", diary)
        await settled()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_crash_of_a_child_that_nobody_restarts_is_reported_and_an_ordinary_end_is_not() -> None:
    diary = Diary()
    async with company(crowd(restart="temporary")) as root:
        supervisor = await child(root, "crowd")
        one, two = [await start_child(supervisor, Worker, name, diary) for name in ("one", "two")]
        one.tell("crash")
        two.tell("leave")
        await settled()
        assert [(report.urn, report.action) for report in latest_reports(root)] == [
            (one.actor_urn, "nothing")
        ]


@pytest.mark.parametrize(("shutdown", "reported"), [(3, True), (0.5, True), ("brutal_kill", False)])
async def test_that_a_child_had_to_be_killed_is_reported_if_it_was_to_have_time(
    shutdown: Any, reported: bool, autojump_clock: trio.testing.MockClock
) -> None:
    diary = Diary()
    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, worker("one", diary, Sleeper, shutdown=shutdown))
        one.tell(1000)
        await settled()
        began = trio.current_time()
        await terminate_child(supervisor, one)
        assert trio.current_time() - began == (0 if shutdown == "brutal_kill" else shutdown)
        assert [report.action for report in latest_reports(root)] == ["nothing"] * reported


async def test_of_children_killed_when_all_have_to_stop_one_line_tells_and_no_reports(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary, reports = Diary(), list[CrashReport]()
    async with company(crowd(shutdown=3)) as root:
        subscribe(root, reports.append)
        (await start_child(await child(root, "crowd"), Sleeper, "one", diary)).tell(1000)
        await settled()
    assert reports == []


# -- a stop that is ignored ---------------------------------------------------------------


async def test_one_that_ignores_its_termination_is_killed_and_reported(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(shutdown=3)) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Sleeper, "one", diary)
        one.tell(1000)
        await settled()
        began = trio.current_time()
        await terminate_child(supervisor, one)
        assert trio.current_time() - began == 3
        assert [(report.reason, report.action) for report in latest_reports(root)] == [("killed", "nothing")]


async def test_one_that_is_shielded_even_from_a_kill_is_waited_for(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(crowd(shutdown=3)) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, DeepSleeper, "one", diary)
        one.tell(60)
        await settled()
        began = trio.current_time()
        await terminate_child(supervisor, one)
        assert trio.current_time() - began == 60
    assert "which goes on: it is shielded from cancellation" in caplog.text


async def test_children_that_are_killed_at_once_have_gone_when_all_have_stopped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    left: list[int] = []

    class Own(DynamicSupervisor):
        async def on_stop(self) -> None:  # type: ignore[override]
            await super().on_stop()
            left.append(len(self.children))

    class Slow(Clerk):
        def on_start(self) -> None:
            self.start_task(self.linger)

        async def linger(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(0.5)

    async with company() as root:
        own = await start_child(root, ChildSpec("own", Own, kwargs={"shutdown": "brutal_kill"}))
        await start_child(own, Slow, "a", Diary())
        await settled()
        await terminate_child(root, "own")
    assert left == [0]


async def test_the_arguments_of_a_child_are_known_unless_it_has_a_specification() -> None:
    diary = Diary()
    async with company(crowd()) as root:
        c = await child(root, "crowd")
        by_class = await start_child(c, Clerk, "a", diary)
        by_spec = await start_child(c, ChildSpec("b", Clerk, ("b", diary)))
        children = the_actor(c).children
        assert children.args_of(by_class) == ("a", diary)
        assert children.args_of(by_spec) == ()
