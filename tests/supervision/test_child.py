"""One child of a supervisor: what is known of it, that its end is told once, and that its reference goes on."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorRef, Down, register, sys, whereis
from cometary.errors import ChildStartError, StartIgnoredError
from cometary.supervision import (
    Backoff,
    ChildSpec,
    CrashReport,
    SupervisorSpec,
    latest_reports,
    restart_child,
    start_child,
    subscribe,
    supervise,
    terminate_child,
    tree,
    which_children,
)
from tests.orders import first_come_first_served
from tests.supervision.company import (
    Clerk,
    Diary,
    Sleeper,
    SlowStart,
    Worker,
    child,
    company,
    crowd,
    leaving_nothing,
    settled,
    tell,
    worker,
)


def told(reports: list[CrashReport]) -> list[tuple[str, str, str]]:
    return [(report.child, report.reason, report.action) for report in reports]


# -- what is known of it ------------------------------------------------------------------


async def test_it_is_starting_until_its_on_start_has_run_at_a_restart_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with company(worker("a", Diary(), SlowStart)) as root:
        await tell(root, "a", "crash")
        assert [node.state for node in tree(root).children] == ["starting"]
        await trio.sleep(3)
        assert [node.state for node in tree(root).children] == ["running"]


async def test_one_that_never_came_to_be_has_no_mail_and_no_name() -> None:
    class Idle(Actor):
        def __init__(self) -> None:
            raise StartIgnoredError

    async with company(ChildSpec("idle", Idle)) as root:
        await settled()
        (node,) = tree(root).children
        assert (node.state, node.mailbox, node.names) == ("stopped", 0, ())


async def test_those_that_wait_for_a_sibling_that_does_not_start_are_stopped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    first_come_first_served()
    diary = Diary()
    specs = [worker(name, diary) for name in "abc"]
    async with company(*specs, strategy="one_for_all", intensity=9, backoff=Backoff(10, 100, 0)) as root:
        diary.failing_starts["a"] = 1
        for name in "ac":
            await tell(root, name, "crash")
        await trio.sleep(11)  # all were to be restarted, and the first has failed
        states = [info.state for info in await which_children(root)]
        assert states == ["restarting", "stopped", "stopped"]
        await trio.sleep(20)
        assert [info.state for info in await which_children(root)] == ["running"] * 3


# -- its end ------------------------------------------------------------------------------


async def test_that_one_has_done_its_work_is_not_told_when_its_supervisor_stops_either() -> None:
    reports: list[CrashReport] = []
    async with company(worker("a", Diary(), restart="transient")) as root:
        subscribe(root, reports.append)
        await tell(root, "a", "leave")
        assert [info.state for info in await which_children(root)] == ["stopped"]
    assert reports == []


async def test_an_end_that_was_reported_is_not_told_again_when_its_supervisor_stops(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reports: list[CrashReport] = []
    async with company(worker("deaf", Diary(), Sleeper, shutdown=3)) as root:
        subscribe(root, reports.append)
        await tell(root, "deaf", 1000)
        await terminate_child(root, "deaf")
    assert told(reports) == [("deaf", "killed", "nothing")]


async def test_a_crash_of_which_the_supervisor_has_not_heard_when_it_stops_is_told_by_then() -> None:
    reports: list[CrashReport] = []
    async with company(worker("a", Diary(), restart="transient"), worker("b", Diary())) as root:
        subscribe(root, reports.append)
        ref = await child(root, "a")
        root.stop(block=False)
        ref.tell("crash")
        await settled()
    assert told(reports) == [("a", "crashed", "nothing")]


@pytest.mark.parametrize(("seconds", "ends"), [(0.25, "stop"), (1000, "killed")])
async def test_less_than_a_second_to_stop_in_is_time_all_the_same(
    autojump_clock: trio.testing.MockClock, seconds: float, ends: str
) -> None:
    diary = Diary()
    reports: list[CrashReport] = []
    async with company(worker("busy", diary, Sleeper, shutdown=0.5)) as root:
        subscribe(root, reports.append)
        await tell(root, "busy", seconds)
        began = trio.current_time()
    assert trio.current_time() - began == min(seconds, 0.5)
    assert diary[1:] + [report.reason for report in reports] == (
        ["stop busy"] if ends == "stop" else ["killed"]
    )


@leaving_nothing
async def test_a_block_that_is_cancelled_has_its_tree_stopped_in_good_order_all_the_same() -> None:
    diary = Diary()

    class Slow(Clerk):
        async def on_stop(self) -> None:  # type: ignore[override]
            await trio.lowlevel.checkpoint()
            super().on_stop()

    with trio.CancelScope() as scope:
        async with supervise([worker("a", diary, Slow)]):
            scope.cancel()
    assert diary == ["start a", "stop a"]


# -- its reference, over restarts ----------------------------------------------------------


async def test_one_that_was_terminated_and_started_again_keeps_its_reference_over_a_crash() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        await terminate_child(root, "a")
        ref = await restart_child(root, "a")
        diary.clear()
        for message in ("crash", "kept"):
            ref.tell(message)
        await settled()
        assert diary == ["start a", "a got kept"]
        assert await child(root, "a") is ref


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_siblings_that_are_restarted_with_one_keep_their_references_and_their_mail(
    kind: type[Worker],
) -> None:
    diary = Diary()
    specs = [worker(name, diary, kind) for name in "abc"]
    async with company(*specs, strategy="one_for_all") as root:
        refs = [await child(root, name) for name in "abc"]
        diary.clear()
        refs[0].tell("crash")
        await settled()
        for ref in refs:
            ref.tell("hello")
        await settled()
        assert sorted(diary)[:3] == ["a got hello", "b got hello", "c got hello"]
        assert [info.ref for info in await which_children(root)] == refs


class Witness(Actor):
    """Notes who has a name at the moment in which it is told of an end."""

    def __init__(self, watched: ActorRef[Any], name: str) -> None:
        super().__init__()
        self.monitor(watched)
        self.name = name
        self.found: list[object] = []

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Down):
            self.found.append(whereis(self.name))
        return self.found


@pytest.mark.parametrize("kind", [Worker, Clerk])
@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_one_that_ends_with_its_supervisor_has_lost_its_name_when_that_is_told(
    kind: type[Worker], end: str
) -> None:
    team = SupervisorSpec([worker("x", Diary(), kind)])
    async with company(ChildSpec("team", team)) as root:
        supervisor = await child(root, "team")
        ref = await child(supervisor, "x")
        register("the one", ref)
        witness = Witness.start(ref, "the one")
        getattr(supervisor, end)()
        await settled()
        assert await witness.ask("whom?") == [None]
        await witness.stop()


@pytest.mark.parametrize("restart", ["permanent", "temporary"])
async def test_a_crash_that_the_former_supervisor_did_not_come_to_hear_of_is_no_business_of_the_next(
    autojump_clock: trio.testing.MockClock, restart: Any
) -> None:
    diary = Diary()
    team = SupervisorSpec(
        [worker("x", diary, restart=restart), worker("slow", diary, SlowStart)], intensity=1
    )
    async with company(ChildSpec("team", team)) as root:
        supervisor = await child(root, "team")
        old, slow = await child(supervisor, "x"), await child(supervisor, "slow")
        diary.clear()
        for ref in (slow, old):  # while the one is restarted, which takes two seconds, the other crashes
            ref.tell("crash")
            await settled()
        supervisor.kill()  # the news of the second crash waits in its mail
        await trio.sleep(10)
        await tell(supervisor, "slow", "crash")  # which is put up with once
        await trio.sleep(10)
        assert diary == ["start x", "start slow", "start slow"]
        assert [info.id for info in await which_children(supervisor)] == ["x", "slow"]
        assert not old.is_alive()


async def test_a_restart_that_fails_is_reported_with_its_own_error() -> None:
    made: list[int] = []

    class Twice(Worker):
        def __init__(self, name: str, diary: Diary) -> None:
            super().__init__(name, diary)
            made.append(1)
            if len(made) == 2:
                raise OSError("made badly")

    async with company(worker("a", Diary(), Twice), intensity=5) as root:
        await tell(root, "a", "crash")
        await settled()
        assert len(made) == 3
        assert ["made badly" in str(report.error) for report in latest_reports(root)] == [False, True]


async def test_one_that_cannot_be_made_again_has_no_reference() -> None:
    made: list[str] = []

    class Once(Worker):
        def __init__(self, name: str, diary: Diary) -> None:
            super().__init__(name, diary)
            made.append(name)
            if len(made) == 2:
                raise OSError("once was enough")

    async with company(worker("a", Diary(), Once)) as root:
        await terminate_child(root, "a")
        with pytest.raises(ChildStartError, match="once was enough"):
            await restart_child(root, "a")
        assert latest_reports(root)[-1].urn is None


async def test_a_child_knows_who_supervises_it() -> None:
    async with company(worker("a", Diary()), crowd()) as root:
        a, c = await child(root, "a"), await child(root, "crowd")
        b = await start_child(c, Worker, "b", Diary())
        told = [(await sys.process_info(each)).supervisor for each in (root, a, b)]
        assert told == [None, root, c]


async def test_one_that_waits_to_be_restarted_is_dead_when_its_supervisor_has_stopped() -> None:
    async with company() as root:
        spec = SupervisorSpec((ChildSpec("a", Worker, ("a", Diary()), name="a"),), backoff=Backoff(100, 1000))
        sub = await start_child(root, ChildSpec("sub", spec))
        ref = await child(sub, "a")
        ref.tell("crash")
        await settled()
        assert ref.is_alive()
        await terminate_child(root, "sub")
        assert not ref.is_alive()
        assert whereis("a") is None
