"""What a supervisor can be asked for at run time, as OTP's supervisor can."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import ActorDeadError
from cometary.errors import ChildStartError, ChildStateError, SpecError
from cometary.supervision import (
    Backoff,
    ChildCount,
    ChildSpec,
    DynamicSupervisor,
    SupervisorSpec,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from tests.supervision.company import Diary, child, company, settled, tell, worker


async def test_a_started_child_stands_to_the_right_of_the_others() -> None:
    diary = Diary()
    async with company(worker("a", diary), strategy="rest_for_one") as root:
        ref = await start_child(root, worker("b", diary))
        assert await child(root, "b") is ref
        assert diary.read() == ["start a", "start b"]
    assert diary == ["stop b", "stop a"]


async def test_a_child_that_does_not_start_is_no_child(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    diary.failing_starts["b"] = 1
    async with company(worker("a", diary)) as root:
        with pytest.raises(ChildStartError, match="root/b did not start: OSError"):
            await start_child(root, worker("b", diary))
        assert [info.id for info in await which_children(root)] == ["a"]
        assert [record.levelname for record in caplog.records if record.name == "cometary.supervision"] == [
            "ERROR"
        ]
        await start_child(root, worker("b", diary))


async def test_an_id_is_given_once_even_to_a_child_that_has_ended() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        await terminate_child(root, "a")
        with pytest.raises(SpecError, match="there is a child root/a already, which is stopped"):
            await start_child(root, worker("a", diary))
        await delete_child(root, "a")
        await start_child(root, worker("a", diary))


@pytest.mark.parametrize("bad", ["a string", None, 7])
async def test_only_a_specification_is_started(bad: Any) -> None:
    async with company() as root:
        with pytest.raises(SpecError, match="must be a ChildSpec"):
            await start_child(root, bad)


async def test_a_terminated_child_stays_down_until_it_is_restarted() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        first = await child(root, "a")
        await terminate_child(root, "a")
        assert diary.read() == ["start a", "stop a"]
        assert not first.is_alive()
        with pytest.raises(ActorDeadError):
            first.tell("anybody?")
        await terminate_child(root, "a")  # once more is no harm
        second = await restart_child(root, "a")
        assert second is not first
        assert diary.read() == ["start a"]


async def test_a_terminated_child_comes_back_when_all_are_restarted() -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("b", diary), strategy="one_for_all") as root:
        await terminate_child(root, "b")
        diary.clear()
        await tell(root, "a", "crash")
        assert diary.read() == ["start a", "start b"]


async def test_a_terminated_temporary_child_is_forgotten() -> None:
    diary = Diary()
    async with company(worker("a", diary, restart="temporary")) as root:
        await terminate_child(root, "a")
        assert await which_children(root) == ()


async def test_terminating_what_has_crashed_a_moment_ago_ends_it() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        ref = await child(root, "a")
        ref.tell("crash")
        await terminate_child(root, "a")  # asked before the supervisor has heard of the crash
        await settled()
        assert diary.read() == ["start a"]
        assert not ref.is_alive()


async def test_what_runs_is_neither_restarted_nor_deleted() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        with pytest.raises(ChildStateError, match="root/a is running"):
            await restart_child(root, "a")
        with pytest.raises(ChildStateError, match="root/a is running"):
            await delete_child(root, "a")


async def test_what_is_being_restarted_is_neither_restarted_nor_deleted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(worker("a", diary), backoff=Backoff(10, 10)) as root:
        await tell(root, "a", "crash")
        with pytest.raises(ChildStateError, match="root/a is restarting"):
            await restart_child(root, "a")
        with pytest.raises(ChildStateError, match="root/a is restarting"):
            await delete_child(root, "a")


async def test_a_restart_on_request_may_fail_and_be_asked_for_again() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        await terminate_child(root, "a")
        diary.failing_starts["a"] = 1
        with pytest.raises(ChildStartError):
            await restart_child(root, "a")
        assert [info.state for info in await which_children(root)] == ["stopped"]
        await restart_child(root, "a")


@pytest.mark.parametrize("call", [terminate_child, restart_child, delete_child, get_childspec])
async def test_a_child_that_is_not_there_is_an_error_of_the_caller(call: Any) -> None:
    async with company() as root:
        with pytest.raises(ChildStateError, match="root has no child 'nobody'"):
            await call(root, "nobody")


async def test_specifications_can_be_read_back() -> None:
    diary = Diary()
    spec = worker("a", diary)
    async with company(spec) as root:
        assert await get_childspec(root, "a") is spec


async def test_children_are_counted_by_sort_and_by_whether_they_live() -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary)])
    async with company(
        worker("a", diary), worker("b", diary), ChildSpec("team", team), ChildSpec("crowd", DynamicSupervisor)
    ) as root:
        await terminate_child(root, "b")
        assert await count_children(root) == ChildCount(specs=4, active=3, supervisors=2, workers=2)


async def test_a_message_that_no_supervisor_knows_is_dropped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        crowd = await child(root, "crowd")
        for ref in (root, crowd):
            assert await ref.ask("what?") is None
    assert [record.getMessage() for record in caplog.records] == [
        "root dropped a message that it does not know: str",
        "root/crowd dropped a message that it does not know: str",
    ]


async def test_what_is_not_a_supervisor_is_refused_and_gets_nothing() -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        ref = await child(root, "a")
        await settled()
        diary.clear()
        for call in (
            lambda: which_children(ref),
            lambda: count_children(ref),
            lambda: start_child(ref, worker("b", diary)),
            lambda: terminate_child(ref, "b"),
            lambda: restart_child(ref, "b"),
            lambda: delete_child(ref, "b"),
            lambda: get_childspec(ref, "b"),
        ):
            with pytest.raises(ChildStateError, match=r"Worker \(urn:.*\) is not a supervisor"):
                await call()
        await settled()
        assert diary == []
