"""The dynamic supervisor: children that come and go, are refused, do not start, and are counted."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorDeadError, Future
from cometary.errors import SpecError, TooManyChildrenError, UsageError
from cometary.supervision import (
    ChildCount,
    ChildSpec,
    DynamicSupervisor,
    SupervisorSpec,
    count_children,
    latest_reports,
    start_child,
    terminate_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    Diary,
    Sleeper,
    Worker,
    child,
    company,
    crowd,
    leaving_nothing,
    settled,
    the_actor,
    worker,
)


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
        wrong: Any = Worker
        with pytest.raises(TypeError):
            await start_child(supervisor, wrong, "too", "many", "arguments")
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
        ({"start_timeout": -1}, "start_timeout must be above 0 seconds, not -1"),
        ({"backoff": 3}, "backoff must be a Backoff or None, not 3"),
        ({"keep_mail": "yes"}, "keep_mail must be True or False, not 'yes'"),
    ],
)
@leaving_nothing
async def test_a_wrong_option_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        DynamicSupervisor.start(**options)


# -- a start that never ends --------------------------------------------------------------


class Stuck(Clerk):
    """A clerk that never has started, unless it is not its first life."""

    async def on_start(self) -> None:  # type: ignore[override]
        self.diary.append(f"{self.name} tries")
        if self.diary.count(f"{self.name} tries") == 1:
            await trio.sleep_forever()
        super().on_start()


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
        timers = one.actor_inbox.system.scheduler.timers
        assert not any(timer.running for _, _, timer in (*timers._near, *timers._far))
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


# -- what it knows ------------------------------------------------------------------------


async def test_children_are_counted_by_sort() -> None:
    diary = Diary()
    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        await start_child(supervisor, ChildSpec("team", SupervisorSpec([worker("x", diary)])))
        await start_child(supervisor, DynamicSupervisor)
        await start_child(supervisor, Worker, "one", diary)
        assert await count_children(supervisor) == ChildCount(specs=3, active=3, supervisors=2, workers=1)


async def test_its_own_methods_are_for_itself_and_say_what_is_for_a_reference() -> None:
    misuse: list[Any] = [DynamicSupervisor.start_child, DynamicSupervisor.start_child_async]
    async with company(crowd()) as root:
        supervisor = await child(root, "crowd")
        for method in misuse:
            for whom in (supervisor, "crowd"):
                with pytest.raises(
                    UsageError, match=r"is no supervisor itself: write `await start_child\(ref, …\)`"
                ):
                    method(whom, Worker, "one", Diary())
        assert (await count_children(supervisor)).specs == 0
