"""Functions that block under supervisors: in threads.

No clock jumps by itself here: to it, a thread that works seems to wait for ever.
"""

from __future__ import annotations

import functools
import threading
import time
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import blocking as blocking_calls
from cometary.errors import ChildStartError, SpecError
from cometary.supervision import (
    ChildSpec,
    InThread,
    abandoned_threads,
    latest_reports,
    supervise,
    terminate_child,
    tree,
    which_children,
)
from tests.supervision.company import Diary, child, company, leaving_nothing, settled, worker
from tests.supervision.threads import PATIENCE, Clerk, Gate, all_returned, until


def pump(diary: Diary, *, stopping: threading.Event) -> None:
    diary.append("pumping")
    assert stopping.wait(PATIENCE)
    diary.append("pumped")


async def test_a_function_runs_in_a_thread_until_it_is_asked_to_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    async with company(worker("a", diary), ChildSpec("pump", InThread(pump), (diary,))) as root:
        await until(lambda: "pumping" in diary)
        assert [(info.id, info.kind) for info in await which_children(root)][1] == ("pump", "thread")
        assert tree(root).children[1].actor == "pump"
    assert diary == ["start a", "pumping", "pumped", "stop a"]
    assert not caplog.records


async def test_a_function_that_does_not_tell_its_parameters_gets_its_arguments_and_no_more() -> None:
    async with company(ChildSpec("max", InThread(max), (1, 2), restart="temporary")) as root:
        await until(lambda: not tree(root).children)
        assert latest_reports(root) == ()


async def test_a_crash_of_the_function_is_a_crash_of_the_child() -> None:
    diary = Diary()

    def work(*, stopping: threading.Event) -> None:
        diary.append("working")
        if len(diary) < 3:
            raise LookupError("nothing to do")
        assert stopping.wait(PATIENCE)

    async with company(ChildSpec("work", InThread(work)), intensity=5) as root:
        await until(lambda: len(diary) == 3)
        assert [report.error for report in latest_reports(root)] == ["LookupError('nothing to do')"] * 2


@pytest.mark.parametrize(("restart", "runs"), [("permanent", 2), ("transient", 1), ("temporary", 1)])
async def test_a_function_that_returns_has_ended_normally(restart: Any, runs: int) -> None:
    diary = Diary()

    def once(*, stopping: threading.Event) -> None:
        diary.append("ran")
        if len(diary) > 1:
            assert stopping.wait(PATIENCE)

    async with company(ChildSpec("once", InThread(once), restart=restart)) as root:
        states = {"permanent": ["running"], "transient": ["stopped"], "temporary": []}
        while [info.state for info in await which_children(root)] != states[restart] or len(diary) < runs:
            await trio.to_thread.run_sync(threading.Event().wait, 0.001)
        assert diary == ["ran"] * runs


async def test_with_task_status_it_has_started_when_it_says_so() -> None:
    diary, gate = Diary(), Gate()

    def listen(*, task_status: trio.TaskStatus[None], stopping: threading.Event) -> None:
        gate.pass_through()
        diary.append("listening")
        task_status.started()
        assert stopping.wait(PATIENCE)

    async def let_go_on() -> None:
        await gate.until_arrived()
        assert diary == []
        gate.open()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(let_go_on)
        async with company(ChildSpec("listen", InThread(listen)), worker("next", diary)):
            assert diary == ["listening", "start next"]


@leaving_nothing
async def test_a_function_that_returns_without_having_started_is_a_failed_start() -> None:
    def listen(*, task_status: trio.TaskStatus[None]) -> None: ...

    with pytest.raises(ChildStartError, match=r"returned without calling task_status.started\(\)"):
        async with supervise([ChildSpec("listen", InThread(listen))]):
            pytest.fail("the block must not be entered")


async def test_a_function_that_cannot_be_asked_has_its_shutdown_time_to_come_to_its_end() -> None:
    diary, gate = Diary(), Gate()

    def save() -> None:
        gate.pass_through()
        diary.append("saved")

    async with company(ChildSpec("save", InThread(save))) as root:
        await gate.until_arrived()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminate_child, root, "save")
            await settled()
            gate.open()
        assert diary == ["saved"]
        assert not abandoned_threads()


async def test_a_function_that_ignores_its_stop_is_abandoned(
    mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    async with company(ChildSpec("deaf", InThread(gate.pass_through), shutdown=3)) as root:
        await gate.until_arrived()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminate_child, root, "deaf")
            await settled()
            mock_clock.jump(3)
        (who,) = abandoned_threads()
        assert "Gate.pass_through (urn:" in who
        assert [report.reason for report in latest_reports(root)] == ["killed"]
    assert "its thread is abandoned and goes on" in caplog.text
    gate.open()
    await all_returned()


async def test_an_abandoned_function_is_told_by_both_means_and_that_is_no_news(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary, gate = Diary(), Gate()

    def poll(*, stopping: threading.Event) -> None:
        gate.pass_through()
        assert stopping.is_set()
        try:
            trio.from_thread.check_cancelled()
        except trio.Cancelled:
            diary.append("cancelled")
            raise

    async with company(ChildSpec("poll", InThread(poll), restart="temporary")) as root:
        await gate.until_arrived()
        (await child(root, "poll")).kill()
        await settled()
        gate.open()
        await all_returned()
    assert diary == ["cancelled"]
    assert "raised" not in caplog.text


async def test_a_function_in_a_thread_can_call_back_to_the_loop() -> None:
    diary = Diary()

    def call_back() -> None:
        trio.from_thread.run_sync(diary.append, "on the loop")

    async with company(ChildSpec("call_back", InThread(call_back), restart="temporary")):
        await until(lambda: diary == ["on the loop"])


async def test_a_function_written_in_c_and_a_partial_are_functions_too() -> None:
    async with company(
        ChildSpec("sleep", InThread(time.sleep), (0,), restart="temporary"),
        ChildSpec("partial", InThread(functools.partial(time.sleep, 0)), restart="temporary"),
    ) as root:
        while await which_children(root):
            await trio.lowlevel.checkpoint()
        assert not latest_reports(root)


async def asynchronous() -> None: ...


@pytest.mark.parametrize("bad", [asynchronous, Clerk, "a string", None])
def test_only_plain_functions_run_in_threads(bad: Any) -> None:
    with pytest.raises(SpecError, match="InThread takes a plain function, not "):
        InThread(bad)


@pytest.mark.parametrize("start", [InThread(pump), Clerk])
@leaving_nothing
async def test_no_thread_is_started_while_too_many_abandoned_ones_run(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = [Gate(), Gate()]
    monkeypatch.setattr(blocking_calls, "ABANDONED_LIMIT", 2)
    specs = [
        ChildSpec(str(number), InThread(gate.pass_through), shutdown="brutal_kill")
        for number, gate in enumerate(gates)
    ]
    async with supervise(specs):
        for gate in gates:
            await gate.until_arrived()
    with pytest.raises(ChildStartError, match="no thread is started while 2 abandoned ones still run"):
        async with supervise([ChildSpec("one more", start, (Diary(),))]):
            pytest.fail("the block must not be entered")
    for gate in gates:
        gate.open()
    await all_returned()
    async with supervise([ChildSpec("one more", start, (Diary(),))]):
        pass
