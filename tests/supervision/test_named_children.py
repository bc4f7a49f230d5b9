"""Children with names: in every incarnation, in whatever is told of them, and never twice."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from cometary.actors import Via, ask, send, system, unregister, whereis
from cometary.errors import (
    ActorEndedError,
    AlreadyStartedError,
    ChildStartError,
    NameTakenError,
    SpecError,
)
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    SupervisorSpec,
    count_children,
    count_partitioned,
    latest_reports,
    partition,
    restart_child,
    start_child,
    subscribe,
    supervise,
    supervisor_statistics,
    terminate_child,
    tree,
    unsubscribe,
    which_children,
)
from tests.supervision.company import Clerk, Delicate, Diary, Worker, child, company, settled, tell, worker


def named(child_id: str, diary: Diary, kind: type[Worker] = Worker, **options: Any) -> ChildSpec:
    return ChildSpec(child_id, kind, (child_id, diary), **options)


KINDS = pytest.mark.parametrize("kind", [Worker, Clerk])


@KINDS
async def test_a_child_has_its_name_in_every_incarnation(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(named("a", diary, kind, name="store")) as root:
        ref = await child(root, "a")
        assert whereis("store") is ref
        send("store", "crash")
        await settled()
        assert whereis("store") is ref
        assert await ask("store", "hello") == "hello"
    assert diary.read() == ["start a", "start a", "a got hello", "stop a"]


async def test_a_name_that_was_taken_away_is_back_after_a_restart() -> None:
    async with company(named("a", Diary(), name="store")) as root:
        unregister("store")
        await tell(root, "a", "crash")
        assert whereis("store") is await child(root, "a")


async def test_a_function_may_have_a_name() -> None:
    silence = trio.Event()

    async def listen() -> None:
        await silence.wait()

    async with company(ChildSpec("listener", listen, name="ears", restart="temporary")):
        assert whereis("ears") is not None
        silence.set()
        await settled()
        assert whereis("ears") is None


@KINDS
async def test_with_its_last_incarnation_the_name_goes(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(named("a", diary, kind, name="store")) as root:
        await terminate_child(root, "a")
        assert whereis("store") is None
        second = await restart_child(root, "a")
        assert whereis("store") is second


async def test_after_a_restart_on_request_that_failed_the_name_is_free_and_nothing_is_left() -> None:
    diary = Diary()
    async with company(named("a", diary, name="store")) as root:
        await terminate_child(root, "a")
        diary.failing_starts["a"] = 1
        with pytest.raises(ChildStartError):
            await restart_child(root, "a")
        assert whereis("store") is None
        await restart_child(root, "a")
        assert whereis("store") is await child(root, "a")


@pytest.mark.parametrize("kind", [Worker, Delicate])
async def test_a_child_whose_name_is_taken_does_not_start(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(named("a", diary, name="store")) as root:
        first = await child(root, "a")
        with pytest.raises(ChildStartError, match="root/b did not start: NameTakenError") as caught:
            await start_child(root, named("b", diary, kind, name="store"))
        assert isinstance(caught.value.__cause__, NameTakenError)
        assert caught.value.__cause__.ref is first
        assert [info.id for info in await which_children(root)] == ["a"]


async def test_a_dynamic_child_may_have_a_name_and_is_refused_if_it_is_taken() -> None:
    async with company(ChildSpec("crowd", DynamicSupervisor, name="crowd")):
        diary = Diary()
        ref = await start_child("crowd", named("a", diary, name=("room", 1)))
        assert whereis(("room", 1)) is ref
        send(("room", 1), "crash")
        await settled()
        assert whereis(("room", 1)) is ref
        with pytest.raises(NameTakenError) as caught:
            await start_child("crowd", named("b", diary, name=("room", 1)))
        assert caught.value.ref is ref
        await terminate_child("crowd", ref)
        assert whereis(("room", 1)) is None
        assert (await count_children("crowd")).active == 0


async def test_a_name_may_be_in_a_registry_of_ones_own() -> None:
    async with system() as actors:
        via = Via(actors.names, "store")
        async with supervise([named("a", Diary(), name=via)]) as root:
            assert whereis("store") is await child(root, "a")
        assert whereis("store") is None


async def test_a_supervisor_is_called_by_its_name() -> None:
    diary = Diary()
    inner = ChildSpec("team", SupervisorSpec([worker("x", diary)]), name="team")
    async with system(), supervise([inner], name="company") as root:
        assert whereis("company") is root
        assert [info.id for info in await which_children("company")] == ["team"]
        assert [info.id for info in await which_children("team")] == ["x"]
        await start_child("team", worker("y", diary))
        await terminate_child("team", "y")
        assert supervisor_statistics("team").starts == 2
        subscribe("team", print)
        unsubscribe("team", print)
        assert latest_reports("team") == ()
        assert tree("company").names == ("company",)
        assert tree("company").children[0].names == ("team",)
    assert diary.read() == ["start x", "start y", "stop y", "stop x"]


async def test_a_partition_is_found_by_the_name_of_its_supervisor() -> None:
    house = ChildSpec("house", PartitionSupervisor, (ChildSpec("share", DynamicSupervisor),), name="house")
    async with company(house):
        ref = partition("house", "lobby")
        await start_child(ref, Worker, "a", Diary())
        assert (await count_partitioned("house")).active == 1
        with pytest.raises(ActorEndedError, match="no actor is called 'hut'"):
            partition("hut", "lobby")
    with pytest.raises(SpecError, match="all partitions cannot have the name 'x'"):
        PartitionSupervisor(ChildSpec("share", DynamicSupervisor, name="x"))


async def test_a_supervisor_that_nobody_is_is_noproc() -> None:
    async with company():
        for call in (which_children, count_children):
            with pytest.raises(ActorEndedError, match="no actor is called 'team'"):
                await call("team")
        for look in (tree, latest_reports, supervisor_statistics):
            with pytest.raises(ActorEndedError, match="no actor is called 'team'"):
                look("team")


@pytest.mark.parametrize("restart", ["permanent", "temporary"])
async def test_a_crash_report_has_the_names(restart: str, caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    async with company(named("a", diary, name="store", restart=restart)) as root:
        await tell(root, "a", "crash")
        (report,) = latest_reports(root)
    assert report.names == ("store",)
    assert f"(Worker 'store' {report.urn}) ended, crashed" in str(report)
    assert "Worker 'store'" in caplog.text


async def test_a_report_of_an_end_that_was_no_crash_has_the_names_too() -> None:
    async with company(named("a", Diary(), name="store")) as root:
        await tell(root, "a", "leave")
        (report,) = latest_reports(root)
        assert (report.reason, report.names) == ("normal", ("store",))


def test_a_name_must_be_a_key() -> None:
    with pytest.raises(SpecError, match="child 'a': a name is what can be a key of a dict, not \\[\\]"):
        ChildSpec("a", Worker, ("a", Diary()), name=[])  # type: ignore[call-overload]


async def test_who_finds_an_id_taken_is_told_by_whom() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        ref = await child(root, "a")
        with pytest.raises(
            AlreadyStartedError, match="there is a child root/a already, which is running"
        ) as caught:
            await start_child(root, worker("a", diary))
        assert caught.value.ref is ref
        await terminate_child(root, "a")
        with pytest.raises(AlreadyStartedError, match="which is stopped") as caught:
            await start_child(root, worker("a", diary))
        assert caught.value.ref is None
        assert isinstance(caught.value, SpecError)
