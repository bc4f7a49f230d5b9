"""The dynamic supervisor's own additions to restarts: back-off, and a time-out for a start that never ends."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from cometary.actors import ActorDeadError
from cometary.errors import SpecError, StartIgnoredError
from cometary.supervision import (
    Backoff,
    ChildSpec,
    DynamicSupervisor,
    SupervisorSpec,
    latest_reports,
    start_child,
    terminate_child,
    which_children,
)
from cometary.supervision.restart_policy import Delays
from tests.supervision.company import (
    Clerk,
    DeepSleeper,
    Diary,
    Sleeper,
    Worker,
    child,
    company,
    leaving_nothing,
    settled,
    worker,
)
from tests.supervision.test_dynamic import Delicate, crowd


class Stuck(Clerk):
    """A clerk that never has started, unless it is not its first life."""

    async def on_start(self) -> None:  # type: ignore[override]
        self.diary.append(f"{self.name} tries")
        if self.diary.count(f"{self.name} tries") == 1:
            await trio.sleep_forever()
        super().on_start()


# -- back-off -----------------------------------------------------------------------------


async def test_back_off_waits_longer_and_longer(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(crowd(per="child", intensity=100, backoff=Backoff(1, 5, 0))) as root:
        one = await start_child(await child(root, "crowd"), Worker, "one", diary)
        await settled()
        waits: list[float] = []
        for _ in range(5):
            crashed_at = trio.current_time()
            one.tell("crash")
            await diary.next_line()
            waits.append(round(trio.current_time() - crashed_at))
        assert waits == [1, 2, 4, 5, 5]
        await trio.sleep(6)  # it has run for longer than `max`: it begins anew
        diary.clear()
        one.tell("crash")
        await trio.sleep(1.1)
        assert diary == ["start one"]


async def test_a_child_in_its_back_off_keeps_its_mail_and_its_reference_and_harms_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(per="child", backoff=Backoff(10, 10))) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Worker, "one", diary)
        two = await start_child(supervisor, Worker, "two", diary)
        await settled()
        diary.clear()
        one.tell("crash")
        one.tell("kept")
        two.tell("crash")
        await trio.sleep(5)
        assert [(info.ref, info.state) for info in await which_children(supervisor)] == [
            (one, "restarting"),
            (two, "restarting"),
        ]
        three = await start_child(supervisor, Worker, "three", diary)
        assert await three.ask("hello") == "hello"
        assert diary.read() == ["start three", "three got hello"]
        await trio.sleep(7)
        assert sorted(diary.read()) == ["one got kept", "start one", "start two"]
        assert {info.state for info in await which_children(supervisor)} == {"running"}


async def test_a_constructor_that_fails_waits_too(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(crowd(per="child", intensity=100, backoff=Backoff(1, 100, 0))) as root:
        one = await start_child(await child(root, "crowd"), Delicate, "one", diary)
        await settled()
        diary.clear()
        diary.failing_starts["constructor of one"] = 2
        began = trio.current_time()
        one.tell("crash")
        for _ in range(3):
            await diary.next_line()
        assert trio.current_time() - began == pytest.approx(1 + 2 + 4)


async def test_a_child_that_is_not_needed_any_more_when_its_back_off_is_over_is_forgotten(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Superfluous(Worker):
        def __init__(self, name: str, diary: Diary) -> None:
            super().__init__(name, diary)
            if diary:
                raise StartIgnoredError

    async with company(crowd(backoff=Backoff(10, 10))) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Superfluous, "one", Diary())
        one.tell("crash")
        await trio.sleep(20)
        assert await which_children(supervisor) == ()
        with pytest.raises(ActorDeadError):
            await one.ask("anybody?")


async def test_a_child_that_is_terminated_during_its_back_off_stays_down(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(per="child", backoff=Backoff(10, 10))) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Worker, "one", diary)
        one.tell("crash")
        await settled()
        answer = one.ask("anybody?", block=False)
        await terminate_child(supervisor, one)
        await trio.sleep(60)
        assert diary == ["start one"]
        assert await which_children(supervisor) == ()
        assert [report.action for report in latest_reports(root)] == ["restart"]
        with pytest.raises(ActorDeadError):
            await answer


async def test_a_supervisor_told_to_stop_during_a_back_off_stops_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(backoff=Backoff(100, 100))) as root:
        one = await start_child(await child(root, "crowd"), Worker, "one", diary)
        one.tell("crash")
        await settled()
        began = trio.current_time()
    assert trio.current_time() == began
    assert diary == ["start one"]
    assert not one.is_alive()


async def test_what_the_former_supervisor_had_put_off_is_dropped_by_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(backoff=Backoff(10, 10))) as root:
        supervisor = await child(root, "crowd")
        (await start_child(supervisor, Worker, "one", diary)).tell("crash")
        await settled()
        supervisor.kill()
        await trio.sleep(20)
        assert diary == ["start one"]
        assert await which_children(supervisor) == ()


@given(st.lists(st.floats(0, 30), max_size=20))
def test_each_child_has_a_streak_of_its_own(pauses: list[float]) -> None:
    delays, now = Delays(Backoff(1, 8, 0)), 0.0
    for pause in pauses:
        assert delays.before_restart("the other", now) <= 8
        now += pause
    assert delays.before_restart("first", now) == 1
    assert delays.before_restart("first", now + 1) == 2
    delays.forget("first")
    assert delays.before_restart("first", now + 2) == 1


def test_a_child_begins_anew_once_it_has_run_for_the_longest_wait_and_not_before() -> None:
    delays = Delays(Backoff(1, 5, 0))
    assert delays.before_restart("child", 0) == 1  # it starts at 1
    assert delays.before_restart("child", 1 + 4.9) == 2  # and at 7.9
    assert delays.before_restart("child", 7.9 + 5) == 1


async def test_calls_are_served_while_restarts_fail() -> None:
    diary = Diary()
    async with company(crowd(per="child", intensity=10_000)) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Delicate, "one", diary)
        two = await start_child(supervisor, Worker, "two", diary)
        await settled()
        diary.clear()
        diary.failing_starts = {"constructor of one": 10_000, "two": 10_000}
        one.tell("crash")
        two.tell("crash")
        while len(set(diary)) < 2:
            await trio.lowlevel.checkpoint()
        states = {info.ref: info.state for info in await which_children(supervisor)}
        assert states[one] == "restarting"
        assert states[two] in {"starting", "restarting"}
        for ref in (one, two):
            await terminate_child(supervisor, ref)
        assert len(diary) < 10_000
        assert await which_children(supervisor) == ()


# -- a start that never ends --------------------------------------------------------------


async def test_a_child_that_does_not_start_in_time_has_crashed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(start_timeout=7)) as root:
        supervisor = await child(root, "crowd")
        began = trio.current_time()
        one = await start_child(supervisor, Stuck, "one", diary)
        assert await one.ask("hello") == "hello"
        assert trio.current_time() - began == 7
        assert diary == ["one tries", "one tries", "start one", "one got hello"]
        (report,) = latest_reports(root)
        assert report.error is not None
        assert "did not start within 7 s" in report.error


async def test_a_specification_has_a_start_time_out_of_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(start_timeout=7)) as root:
        supervisor = await child(root, "crowd")
        began = trio.current_time()
        one = await start_child(supervisor, worker("one", diary, Stuck, start_timeout=3))
        await one.ask("hello")
        assert trio.current_time() - began == 3


async def test_a_child_that_has_started_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(crowd(start_timeout=7)) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Sleeper, "one", diary)
        one.tell(100)
        await settled()
        assert not any(timer.running for _, _, timer in one.actor_inbox.system.scheduler.timers._heap)
        await trio.sleep(50)
        assert diary == ["start one"]
        assert one.is_alive()


async def test_a_supervisor_below_may_take_any_time_to_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()

    class Slow(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]
            await trio.sleep(20)
            super().on_start()

    async with company(crowd(start_timeout=7)) as root:
        supervisor = await child(root, "crowd")
        team = ChildSpec("team", SupervisorSpec([worker(name, diary, Slow) for name in "abc"]))
        await start_child(supervisor, team)
        await start_child(supervisor, DynamicSupervisor)
        await trio.sleep(100)
        assert diary == ["start a", "start b", "start c"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"start_timeout": -1}, "start_timeout must be above 0 seconds, not -1"),
        ({"backoff": 3}, "backoff must be a Backoff or None, not 3"),
        ({"keep_mail": "yes"}, "keep_mail must be True or False, not 'yes'"),
    ],
)
@leaving_nothing
async def test_a_wrong_option_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        DynamicSupervisor.start(**options)


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
