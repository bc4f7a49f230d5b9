"""The back-end's process: it lives as long as its server, and not a moment longer."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.demo.processes import Demo, running_demo


def eventually(true: Callable[[], bool]) -> None:
    """Wait until it is true: another process has to do something first."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it does not become true"
        time.sleep(0.05)


def exists(pid: int) -> bool:
    """Whether there is such a process, and more of it than what its parent has not asked after."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - no path, a question to the kernel
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def backend_of(demo: Demo) -> int:
    eventually(lambda: demo.backend_pid() is not None)
    pid = demo.backend_pid()
    assert pid is not None
    return pid


def test_it_is_ended_with_the_server() -> None:
    with running_demo() as demo:
        pid = backend_of(demo)
    assert not exists(pid)


def test_it_does_not_outlive_a_server_that_was_killed() -> None:
    with running_demo() as demo:
        pid = backend_of(demo)
        demo.process.kill()
        demo.process.wait(timeout=60)
    eventually(lambda: not exists(pid))


def test_one_that_was_killed_is_started_again() -> None:
    with running_demo() as demo:
        pid = backend_of(demo)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: demo.restarts("application", "back_end") == 1)
        assert backend_of(demo) != pid
