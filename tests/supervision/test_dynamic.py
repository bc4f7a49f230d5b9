"""The dynamic supervisor: children come and go, crash alone, and stop together."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorDeadError, ActorRef, Exit, Future
from cometary.errors import ChildStateError, RestartIntensityError, SpecError, TooManyChildrenError
from cometary.supervision import (
    ChildCount,
    ChildSpec,
    CrashReport,
    DynamicSupervisor,
    SupervisorSpec,
    count_children,
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
    leaving_nothing,
    settled,
    worker,
)


def crowd(**options: Any) -> ChildSpec:
    return ChildSpec("crowd", DynamicSupervisor, kwargs=options)


def the_actor(ref: ActorRef[Any]) -> DynamicSupervisor:
    """The supervisor itself, as code on the loop may hold it."""
    actor = ref.actor_inbox.actor
    assert isinstance(actor, DynamicSupervisor)
    return actor


async def test_children_are_started_by_message_or_by_a_plain_call() -> None:
    diary = Diary()
    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        asked = await start_child(supervisor, Worker, "asked", diary)
        called = the_actor(supervisor).start_child(Clerk, "called", diary)
        specified = the_actor(supervisor).start_child(worker("specified", diary))
        await settled()
        assert sorted(diary.read()) == ["start asked", "start called", "start specified"]
        assert [info.ref for info in await which_children(supervisor)] == [asked, called, specified]
        assert [info.id for info in await which_children(supervisor)] == ["", "", "specified"]
    assert sorted(diary) == ["stop asked", "stop called", "stop specified"]


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_a_crashed_child_is_restarted_and_the_others_never_notice(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(crowd()) as root:
        supervisor = the_actor(await child(root, "crowd"))
        one, other = (supervisor.start_child(kind, name, diary) for name in ("one", "other"))
        for message in ("crash", "kept"):
            one.tell(message)
        other.tell("hello")
        await settled()
        assert sorted(diary.read()) == [
            "one got kept",
            "other got hello",
            "start one",
            "start one",
            "start other",
        ]
        assert supervisor.children.restarts_of(one) == 1


@pytest.mark.parametrize(
    ("restart", "end", "restarted"),
    [
        ("permanent", "leave", True),
        ("permanent", "kill", True),
        ("transient", "leave", False),
        ("transient", "kill", True),
        ("temporary", "crash", False),
        ("temporary", "kill", False),
    ],
)
@pytest.mark.parametrize("by_spec", [False, True])
async def test_the_restart_type_decides(restart: Any, end: str, *, restarted: bool, by_spec: bool) -> None:
    diary = Diary()
    async with company(crowd(restart="temporary" if by_spec else restart)) as root:
        ref = await child(root, "crowd")
        supervisor = the_actor(ref)
        if by_spec:
            one = supervisor.start_child(worker("one", diary, restart=restart))
        else:
            one = supervisor.start_child(Worker, "one", diary)
        await settled()
        if end == "kill":
            one.kill()
        else:
            one.tell(end)
        await settled()
        assert one.is_alive() == restarted
        assert diary.count("start one") == 1 + restarted
        assert len(supervisor.children) == restarted


async def test_mail_is_dropped_on_demand() -> None:
    diary = Diary()
    async with company(crowd(keep_mail=False)) as root:
        one = the_actor(await child(root, "crowd")).start_child(Worker, "one", diary)
        for message in ("crash", "dropped"):
            one.tell(message)
        await settled()
        assert diary.read() == ["start one", "start one"]


async def test_there_are_at_most_max_children() -> None:
    diary = Diary()
    async with company(crowd(max_children=2)) as root:
        supervisor = await child(root, "crowd")
        one = await start_child(supervisor, Worker, "one", diary)
        await start_child(supervisor, Worker, "two", diary)
        with pytest.raises(TooManyChildrenError, match="root/crowd has 2 children"):
            await start_child(supervisor, Worker, "three", diary)
        await terminate_child(supervisor, one)
        await start_child(supervisor, Worker, "three", diary)


async def test_a_constructor_that_raises_makes_no_child() -> None:
    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        with pytest.raises(TypeError):
            await start_child(supervisor, Worker, "too", "many", "arguments")
        assert await count_children(supervisor) == ChildCount(0, 0, 0, 0)


async def test_a_constructor_that_kills_its_own_actor_makes_no_child() -> None:
    class Suicidal(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.actor_ref.kill()

        def on_receive(self, message: Any) -> None: ...

    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        ref = await start_child(supervisor, Suicidal)
        assert not ref.is_alive()
        assert await count_children(supervisor) == ChildCount(0, 0, 0, 0)


async def test_an_actor_that_its_own_constructor_has_killed_leaves_no_trace_and_no_question_open() -> None:
    answers: list[Future[Any]] = []

    class Suicidal(Actor):
        def __init__(self) -> None:
            super().__init__()
            answers.append(self.actor_ref.ask("anybody?", block=False))
            self.actor_ref.kill()

        def on_receive(self, message: Any) -> None: ...

    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        ref = await start_child(supervisor, Suicidal)
        with pytest.raises(ActorDeadError):
            await answers[0]
        with pytest.raises(ActorDeadError):
            await ref.ask("and now?")


@pytest.mark.parametrize("bad", ["a string", str, None])
async def test_only_actors_and_specifications_are_started(bad: Any) -> None:
    async with company(crowd()) as root:
        with pytest.raises(SpecError, match="an actor's class or a ChildSpec"):
            await start_child(await child(root, "crowd"), bad)


async def test_a_significant_child_is_refused() -> None:
    diary = Diary()
    async with company(crowd()) as root:
        spec = worker("one", diary, restart="transient", significant=True)
        with pytest.raises(SpecError, match="no auto_shutdown"):
            await start_child(await child(root, "crowd"), spec)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"per": "galaxy"}, "per must be one of supervisor, child, not 'galaxy'"),
        ({"restart": "never"}, "restart must be one of"),
        ({"intensity": -1}, "intensity must be a whole number"),
        ({"period": 0}, "period must be above 0"),
        ({"shutdown": "soon"}, "shutdown must be one of brutal_kill, infinity"),
        ({"max_children": 1.5}, "max_children must be a whole number"),
    ],
)
@leaving_nothing
async def test_a_wrong_option_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        DynamicSupervisor.start(**options)


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
        assert supervisor.count_children().specs == 0
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


class Delicate(Worker):
    """A worker whose constructor fails when the diary says so."""

    def __init__(self, name: str, diary: Diary) -> None:
        super().__init__(name, diary)
        diary.note_start(f"constructor of {name}")


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
        for number in range(20):
            supervisor.start_child(Worker if number % 2 else Clerk, str(number), diary)
        await settled()
        diary.clear()
    assert diary == []
    assert not caplog.records


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
        await terminate_child(supervisor, one)
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


# -- what it knows ------------------------------------------------------------------------


async def test_children_are_counted_by_sort() -> None:
    diary = Diary()
    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        await start_child(supervisor, ChildSpec("team", SupervisorSpec([worker("x", diary)])))
        await start_child(supervisor, DynamicSupervisor)
        await start_child(supervisor, Worker, "one", diary)
        assert await count_children(supervisor) == ChildCount(specs=3, active=3, supervisors=2, workers=1)
