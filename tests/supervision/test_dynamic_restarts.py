"""When a dynamic supervisor restarts a child, when it gives one up, and how long it waits before."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import ActorDeadError, ActorRef, Exit
from cometary.errors import (
    ChildStateError,
    RestartIntensityError,
    StartIgnoredError,
)
from cometary.supervision import (
    Backoff,
    ChildCount,
    CrashReport,
    count_children,
    latest_reports,
    start_child,
    subscribe,
    terminate_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    Delicate,
    Diary,
    Worker,
    child,
    company,
    crowd,
    settled,
    the_actor,
)

# -- intensity ----------------------------------------------------------------------------


async def test_per_supervisor_one_too_many_ends_all(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(crowd(intensity=2)) as root:
        ref = await child(root, "crowd")
        supervisor = the_actor(ref)
        workers = [supervisor.start_child(Worker, str(number), diary) for number in range(4)]
        await settled()
        diary.clear()
        for one in workers[:2]:
            one.tell("crash")
        await settled()
        assert sorted(diary.read()) == ["start 0", "start 1"]
        workers[2].tell("crash")
        await settled()
        assert sorted(diary.read()) == ["stop 0", "stop 1", "stop 3"]
        assert not any(one.is_alive() for one in workers)
        assert len(the_actor(ref).children) == 0  # a new incarnation, behind the same reference
        assert the_actor(ref) is not supervisor
        with pytest.raises(ChildStateError, match="does not run"):
            supervisor.start_child(Worker, "late", diary)


async def test_per_supervisor_the_root_is_told_why() -> None:
    diary = Diary()

    async def run() -> None:
        async with company(crowd(intensity=0), intensity=0) as root:
            one = await start_child(await child(root, "crowd"), Worker, "one", diary)
            one.tell("crash")
            await trio.sleep_forever()

    with pytest.raises(
        RestartIntensityError, match="root: child 'crowd' ended once too often: shutdown"
    ) as caught:
        await run()
    assert isinstance(caught.value.__cause__, RestartIntensityError)
    assert isinstance(caught.value.__cause__.__cause__, RuntimeError)


async def test_the_end_of_one_incarnation_is_not_the_end_of_the_next() -> None:
    diary = Diary()
    async with company(crowd(intensity=0), intensity=1) as root:
        ref = await child(root, "crowd")

        def interfere(report: CrashReport) -> None:
            if report.action == "give_up":
                ref.kill()  # so that its own message to give up comes to the next incarnation

        subscribe(root, interfere)
        (await start_child(ref, Worker, "one", diary)).tell("crash")
        await settled()
        two = await start_child(ref, Worker, "two", diary)
        await settled()
        assert two.is_alive()


async def test_nobody_is_restarted_while_the_supervisor_gives_up() -> None:
    diary = Diary()
    async with company(crowd(intensity=1)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        one, two, three = (supervisor.start_child(Delicate, name, diary) for name in ("one", "two", "three"))
        await settled()
        diary.clear()
        diary.failing_starts["constructor of one"] = 1
        for ref in (one, two, three):  # one waits for its next attempt when two is one too many
            ref.kill()
        await settled()
        assert diary == ["failed constructor of one"]
        assert [report.action for report in latest_reports(root)].count("give_up") == 1


async def test_per_child_one_too_many_gives_up_that_child_alone() -> None:
    diary = Diary()
    given_up: list[tuple[ActorRef[Any], Exit]] = []

    def note(ref: ActorRef[Any], exit_: Exit) -> None:
        assert not ref.is_alive()
        given_up.append((ref, exit_))

    async with company(crowd(per="child", on_give_up=note)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        workers = [supervisor.start_child(Worker, str(number), diary) for number in range(3)]
        for one in workers:
            for _ in range(3):
                one.tell("crash")
        await settled()
        assert not given_up
        assert all(one.is_alive() for one in workers)
        workers[1].tell("crash")
        await settled()
        ((ref, exit_),) = given_up
        assert ref is workers[1]
        assert str(exit_.error) == "1 was told to crash"
        assert [one.is_alive() for one in workers] == [True, False, True]
        assert len(supervisor.children) == 2


@pytest.mark.parametrize("per", ["child", "supervisor"])
async def test_nothing_is_remembered_about_children_that_have_gone(per: str) -> None:
    diary = Diary()
    async with company(crowd(per=per, intensity=1000)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        workers = [supervisor.start_child(Worker, str(number), diary) for number in range(10)]
        for ref in workers:
            ref.tell("crash")
            ref.tell("leave")
        await settled()
        assert len(supervisor.children) == 0
        assert [supervisor.children.restarts_of(ref) for ref in workers] == [0] * 10


async def test_per_child_crashes_that_are_far_apart_are_put_up_with(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowd(per="child", intensity=1, period=5)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        one = supervisor.start_child(Worker, "one", diary)
        for _ in range(10):
            one.tell("crash")
            await trio.sleep(5.1)
        assert one.is_alive()
        assert supervisor.children.restarts_of(one) == 10


async def test_who_is_told_of_a_child_that_was_given_up_may_start_another() -> None:
    diary = Diary()

    def replace(_ref: ActorRef[Any], _exit: Exit) -> None:
        supervisor.start_child(Worker, "substitute", diary)

    async with company(crowd(per="child", intensity=0, on_give_up=replace)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        supervisor.start_child(Worker, "one", diary).tell("crash")
        await settled()
        assert diary.read() == ["start one", "start substitute"]


async def test_an_on_give_up_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()

    def fail(_ref: ActorRef[Any], _exit: Exit) -> None:
        raise LookupError("where is it?")

    async with company(crowd(per="child", intensity=0, on_give_up=fail)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        one, other = (supervisor.start_child(Worker, name, diary) for name in ("one", "other"))
        one.tell("crash")
        await settled()
        assert other.is_alive()
    assert "on_give_up of root/crowd failed" in caplog.text


async def test_a_child_may_be_given_up_without_anybody_being_told(caplog: pytest.LogCaptureFixture) -> None:
    async with company(crowd(per="child", intensity=0)) as root:
        (await start_child(await child(root, "crowd"), Worker, "one", Diary())).tell("crash")
        await settled()
    assert "on_give_up" not in caplog.text


async def test_a_crash_in_on_start_is_a_crash_like_any_other() -> None:
    diary = Diary()
    diary.failing_starts["one"] = 2
    async with company(crowd(per="child")) as root:
        one = the_actor(await child(root, "crowd")).start_child(Worker, "one", diary)
        one.tell("kept")
        await settled()
        assert diary.read() == ["failed one", "failed one", "start one", "one got kept"]


async def test_a_constructor_that_fails_at_a_restart_is_tried_again() -> None:
    diary = Diary()
    async with company(crowd(per="child")) as root:
        supervisor = the_actor(await child(root, "crowd"))
        one = supervisor.start_child(Delicate, "one", diary)
        await settled()
        diary.clear()
        diary.failing_starts["constructor of one"] = 2
        for message in ("crash", "kept"):
            one.tell(message)
        await settled()
        assert diary.read() == [
            "failed constructor of one",
            "failed constructor of one",
            "start constructor of one",
            "start one",
            "one got kept",
        ]


@pytest.mark.parametrize("per", ["child", "supervisor"])
async def test_a_constructor_that_keeps_failing_uses_up_the_intensity(per: str) -> None:
    diary = Diary()
    async with company(crowd(per=per, intensity=3)) as root:
        supervisor = the_actor(await child(root, "crowd"))
        one = supervisor.start_child(Delicate, "one", diary)
        await settled()
        diary.clear()
        diary.failing_starts["constructor of one"] = 1000
        one.tell("crash")
        await settled()
        assert diary.read() == ["failed constructor of one"] * 3
        assert not one.is_alive()


async def test_a_child_between_two_attempts_is_gone_when_the_supervisor_stops() -> None:
    diary = Diary()
    async with company(crowd(per="child")) as root:
        supervisor = await child(root, "crowd")
        one = the_actor(supervisor).start_child(Delicate, "one", diary)
        await settled()
        diary.failing_starts["constructor of one"] = 1
        supervisor.stop(block=False)
        one.kill()  # the constructor fails at once, and the next attempt waits in the mail behind the stop
        answer = one.ask("anybody?", block=False)
        await settled()
        assert not one.is_alive()
    with pytest.raises(ActorDeadError):
        await answer


async def test_a_child_between_two_attempts_can_be_terminated() -> None:
    diary = Diary()
    async with company(crowd(per="child", intensity=1000)) as root:
        supervisor = await child(root, "crowd")
        one = the_actor(supervisor).start_child(Delicate, "one", diary)
        await settled()
        diary.failing_starts["constructor of one"] = 1000
        one.kill()
        await terminate_child(supervisor, one)
        assert not one.is_alive()


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


async def test_less_than_a_second_is_waited_too(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(crowd(backoff=Backoff(0.25, 0.25, 0))) as root:
        one = await start_child(await child(root, "crowd"), Worker, "one", diary)
        await settled()
        one.tell("crash")
        began = trio.current_time()
        await diary.next_line()
        assert trio.current_time() - began == 0.25


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
        assert await count_children(supervisor) == ChildCount(specs=2, active=0, supervisors=0, workers=2)
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


async def test_a_dynamic_child_that_does_not_start_again_in_time_is_killed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()

    class Slow(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            diary.note_start(self.name)
            if diary.count("start a") == 2:
                await trio.sleep(1000)

    async with company(crowd(start_timeout=5, intensity=5)) as root:
        c = await child(root, "crowd")
        a = await start_child(c, Slow, "a", diary)
        a.tell("crash")
        await trio.sleep(10)
        assert diary.count("start a") == 3


async def test_of_a_child_that_is_gone_no_delay_is_remembered(autojump_clock: trio.testing.MockClock) -> None:
    async with company(crowd(backoff=Backoff(1, 10), intensity=5)) as root:
        c = await child(root, "crowd")
        a = await start_child(c, Worker, "a", Diary())
        a.tell("crash")
        await trio.sleep(3)
        assert len(the_actor(c)._delays._streaks) == 1
        await terminate_child(c, a)
        assert the_actor(c)._delays._streaks == {}
