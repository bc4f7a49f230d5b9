"""A plain async function as a child: a listener, a poller, anything that Trio would run in a nursery."""

from __future__ import annotations

import functools

import pytest
import trio
import trio.testing

from cometary.errors import ChildStartError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    SupervisorSpec,
    start_child,
    supervise,
    which_children,
)
from tests.supervision.company import Diary, child, company, leaving_nothing, settled, worker


async def test_a_function_runs_until_it_is_cancelled() -> None:
    diary = Diary()

    async def serve(port: int, *, host: str) -> None:
        diary.append(f"serving {host}:{port}")
        try:
            await trio.sleep_forever()
        finally:
            diary.append("no longer serving")

    async with company(
        worker("a", diary), ChildSpec("serve", serve, (80,), {"host": "here"}), worker("b", diary)
    ):
        await settled()
        assert sorted(diary.read()) == ["serving here:80", "start a", "start b"]
    assert diary == ["stop b", "no longer serving", "stop a"]


async def test_with_task_status_it_has_started_when_it_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()

    async def listen(*, task_status: trio.TaskStatus[int]) -> None:
        await trio.sleep(2)
        diary.append("listening")
        task_status.started(8080)
        await trio.sleep_forever()

    async with company(ChildSpec("listen", listen), worker("next", diary)):
        assert diary == ["listening", "start next"]


@leaving_nothing
async def test_a_function_that_fails_before_it_has_started_is_a_failed_start() -> None:
    async def listen(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("address in use")

    with pytest.raises(ChildStartError) as caught:
        async with supervise([ChildSpec("listen", listen)]):
            pytest.fail("the block must not be entered")
    assert "OSError('address in use')" in str(caught.value)


@leaving_nothing
async def test_the_cause_of_a_failed_start_is_what_the_function_raised_however_deep_it_is() -> None:
    async def listen(*, task_status: trio.TaskStatus[None]) -> None:
        raise OSError("address in use")

    with pytest.raises(ChildStartError, match="child root/net/listen did not start") as caught:
        async with supervise([ChildSpec("net", SupervisorSpec([ChildSpec("listen", listen)]))]):
            pytest.fail("the block must not be entered")
    assert isinstance(caught.value.__cause__, OSError)


@leaving_nothing
async def test_a_function_that_returns_without_having_started_is_a_failed_start() -> None:
    async def listen(*, task_status: trio.TaskStatus[None]) -> None: ...

    with pytest.raises(ChildStartError, match=r"returned without calling task_status.started\(\)"):
        async with supervise([ChildSpec("listen", listen)]):
            pytest.fail("the block must not be entered")


@leaving_nothing
async def test_a_function_that_never_says_that_it_has_started_runs_out_of_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def listen(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep_forever()

    with pytest.raises(ChildStartError, match="did not start within 4 s"):
        async with supervise([ChildSpec("listen", listen, start_timeout=4)]):
            pytest.fail("the block must not be entered")


async def test_started_twice_is_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    async def listen(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.lowlevel.checkpoint()
        task_status.started()

    async with company(ChildSpec("listen", listen, restart="temporary")):
        await settled()
    assert "task_status.started() was called twice" in caplog.text


async def test_a_crash_of_the_function_is_a_crash_of_the_child(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()

    async def work() -> None:
        diary.append("working")
        await trio.lowlevel.checkpoint()
        if len(diary) < 3:
            raise LookupError("nothing to do")
        await trio.sleep_forever()

    async with company(ChildSpec("work", work), intensity=5):
        await settled()
        assert diary == ["working"] * 3
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 2
    assert all("root/work" in record.getMessage() and "work urn:" in record.getMessage() for record in errors)


@pytest.mark.parametrize(("restart", "runs"), [("permanent", 2), ("transient", 1), ("temporary", 1)])
async def test_a_function_that_returns_has_ended_normally(restart: str, runs: int) -> None:
    diary = Diary()

    async def once() -> None:
        diary.append("ran")
        if len(diary) > 1:
            await trio.sleep_forever()

    async with company(ChildSpec("once", once, restart=restart)):  # type: ignore[call-overload]
        await settled()
        assert diary == ["ran"] * runs


async def test_a_function_that_shields_itself_has_its_shutdown_time_to_unwind(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()

    async def flush() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(4)
                diary.append("flushed")

    async with company(ChildSpec("flush", flush)):
        await settled()
    assert diary == ["flushed"]
    assert not caplog.records


async def test_mail_to_a_function_is_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with company(ChildSpec("sleep", trio.sleep_forever)) as root:
        assert await (await child(root, "sleep")).ask("hello?") is None
    assert "A str sent to the function" in caplog.text


async def test_a_partial_is_a_function_too() -> None:
    diary = Diary()

    async def work(name: str, *, task_status: trio.TaskStatus[None]) -> None:
        diary.append(name)
        task_status.started()
        await trio.sleep_forever()

    async with company(ChildSpec("work", functools.partial(work, "partial"))) as root:
        assert [(info.kind, info.state) for info in await which_children(root)] == [("task", "running")]
    assert diary == ["partial"]


async def test_a_dynamic_supervisor_runs_functions_by_specification() -> None:
    diary = Diary()

    async def work(name: str) -> None:
        diary.append(name)
        if len(diary) == 1:
            raise LookupError("the first time is hard")
        await trio.sleep_forever()

    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        await start_child(await child(root, "crowd"), ChildSpec("work", work, ("w",)))
        await settled()
        assert diary == ["w", "w"]


async def test_a_message_to_a_function_is_dropped_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def waiting() -> None:
        await trio.sleep_forever()

    async with company(ChildSpec("f", waiting)) as root:
        (await child(root, "f")).tell("a secret")
        await settled()
    assert "A str sent to the function" in caplog.text
    assert "waiting was dropped" in caplog.text
