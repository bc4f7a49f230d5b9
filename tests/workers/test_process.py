"""A worker as a process: it ends when it is to, whatever it does, and leaves nothing behind."""

from __future__ import annotations

import signal
import socket
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from cometary.errors import WorkerEndedError
from cometary.workers.process import UNREADY_GRACE, WorkerProcess, how_it_ended
from cometary.workers.relay import Relay
from tests.workers.house import nothing_in_common

SLEEPS = ("sleep", "60")
GRACE = 30.0


def a_worker(folder: Path, command: Sequence[str] = SLEEPS) -> WorkerProcess:
    relay = Relay(lambda _: None, nothing_in_common())
    return WorkerProcess(1, 1, command, [], folder, relay, "none", GRACE)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def begun(worker: WorkerProcess) -> trio.Process:
    while worker.process is None:
        await trio.lowlevel.checkpoint()
    return worker.process


@pytest.fixture
def deaf() -> Generator[None]:
    """Have processes that are started take no notice of SIGTERM."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


async def jump(clock: trio.testing.MockClock, seconds: float) -> None:
    await trio.testing.wait_all_tasks_blocked()
    clock.jump(seconds)
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.usefixtures("deaf")
async def test_a_worker_that_does_not_begin_is_killed_if_it_does_not_end_either(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    worker = a_worker(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(nursery.start, worker.run)
        process = await begun(worker)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()  # as its supervisor does, after a time
        with trio.CancelScope(shield=True):
            await jump(mock_clock, UNREADY_GRACE - 1)
            assert process.poll() is None
            mock_clock.jump(1)
    assert process.returncode == -signal.SIGKILL


async def test_a_worker_that_has_closed_its_link_is_told_to_end(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    worker = a_worker(tmp_path)
    with pytest.raises(ExceptionGroup) as raised:  # noqa: PT012
        async with trio.open_nursery() as nursery:
            nursery.start_soon(nursery.start, worker.run)
            process = await begun(worker)
            await trio.testing.wait_all_tasks_blocked()
            worker.relay._links[1]._sock.shutdown(socket.SHUT_RD)
            await jump(mock_clock, GRACE - 1)
            assert process.poll() is None
            mock_clock.jump(1)
    assert raised.group_contains(WorkerEndedError, match="SIGTERM")


async def test_one_that_is_told_to_stop_between_two_incarnations_is_not_started_again(tmp_path: Path) -> None:
    worker = a_worker(tmp_path, ["/nonexistent"])
    worker.stop()
    async with trio.open_nursery() as nursery:
        await nursery.start(worker.run)
        nursery.cancel_scope.cancel()


async def test_one_that_cannot_be_started_leaves_no_descriptor(tmp_path: Path) -> None:
    worker = a_worker(tmp_path, ["/nonexistent"])
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        await worker.run(task_status=trio.TASK_STATUS_IGNORED)
    assert descriptors() == before


async def test_one_that_starts_is_told_to_read_its_configuration_again_when_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, told = a_worker(tmp_path), list[int]()

    def send_signal(_: WorkerProcess, number: int) -> None:
        told.append(number)

    monkeypatch.setattr(WorkerProcess, "send_signal", send_signal)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(nursery.start, worker.run)
        process = await begun(worker)
        try:
            worker.reload()
            await trio.testing.wait_all_tasks_blocked()
            assert not told
            worker._ready.set()
            await trio.testing.wait_all_tasks_blocked()
            assert told == [signal.SIGHUP]
        finally:
            process.kill()
        nursery.cancel_scope.cancel()


def test_how_it_ended_is_told_in_words() -> None:
    assert how_it_ended(3) == "ended with exit status 3"
    assert how_it_ended(-signal.SIGKILL) == "was killed by SIGKILL"
    assert how_it_ended(-40) == "was killed by signal 40"
