"""Run pytest in a fork of this process, with all imported that is not the project's own.

A test run then costs what its tests cost: Python, pytest and the libraries have long been loaded. Nothing of
`cometary` may be imported here, in order that each fork imports it anew, with the change that it is to try.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Final, NoReturn

OWN: Final = ("cometary", "tests", "conftest", "__main__")
"""The project's own modules begin so; each fork imports them itself."""

PLUGINS: Final = ("trio", "hypothesispytest")
"""Those of pytest that the tests need, named so that no time is spent on looking for others."""

EARLY: Final = "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning"
"""Assertions of a library's plugin, imported before pytest could change them, are none of the project's."""

PR_SET_PDEATHSIG: Final = 1
"""Of Linux, prctl(2): the signal that a process gets when its parent dies."""

MEMORY: Final = 4 << 30
"""Bytes of address space for one run: a mutant may eat without end."""

TIMED_OUT: Final = 1000
"""The status of a run that was ended because it took too long, or waited for what does not come."""

CRASHED: Final = 70
"""The status of a run that an exception has ended, out of pytest itself."""

IDLE: Final = 3.0
"""Seconds without any work after which a run waits for what does not come: tests do not sleep."""

WALL: Final = 20.0
"""How many times its processor time a run may take by the clock: the machine may have other work."""

POLL: Final = 0.01
"""Seconds between two looks at whether a run is over."""


@dataclass(slots=True)
class Run:
    """A fork that runs."""

    pid: int
    ends: float
    idle: float
    output: int
    """The descriptor of what it prints: no object, which a fork of this process would leave unclosed."""
    worked: float = 0
    at: float = field(default_factory=time.monotonic)
    """When its processor time was last seen to be another one, `worked`."""

    def is_late(self) -> bool:
        """Whether it has had its time, or has done nothing for long."""
        now = time.monotonic()
        ticks = work_of(self.pid)
        if ticks != self.worked:
            self.worked, self.at = ticks, now
        return now > self.ends or (now - self.at > self.idle and not has_children(self.pid))

    def text(self) -> str:
        """What it has printed; only to be asked once."""
        with open(self.output, "rb") as file:  # noqa: PTH123 - of a descriptor
            file.seek(0)
            return file.read().decode(errors="replace")


def load(names: Iterable[str]) -> None:
    """Import what every fork needs, but for the project's own."""
    for name in names:
        if name.split(".")[0] not in OWN:
            with suppress(ImportError):
                importlib.import_module(name)
    loaded = [name for name in sys.modules if name.split(".")[0] == "cometary"]
    assert not loaded, f"each fork has to import these itself: {loaded}"
    gc.collect()
    gc.freeze()  # what is there now is never looked through again, in no fork


def start(work: Callable[[], int], seconds: float, idle: float = IDLE) -> Run:
    """Do `work` in a fork, which may take so many seconds of processor time; what it returns is its exit status."""
    run = begin(seconds, idle)
    if run is None:
        _do(work)
    return run


def begin(seconds: float, idle: float = IDLE) -> Run | None:
    """Fork: here it returns the run, and in the fork, with its limits and its own output, None."""
    output = os.memfd_create("output")
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_the_fork(output, int(seconds) + 1)
        return None
    return Run(pid, time.monotonic() + WALL * seconds, idle, output)


def _be_the_fork(output: int, seconds: int) -> None:
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody else would end it then
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        traceback.print_exc()
        os._exit(CRASHED)


def _do(work: Callable[[], int]) -> NoReturn:
    status = CRASHED
    try:
        status = work()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        traceback.print_exc()
    finally:
        os._exit(status)


def finished(runs: Iterable[Run]) -> Iterator[tuple[Run, int]]:
    """Those of `runs` that are over, with their exit statuses; waits until there is one."""
    waiting = list(runs)
    over: list[tuple[Run, int]] = []
    while not over:
        for run in waiting:
            pid, status = os.waitpid(run.pid, os.WNOHANG)
            if pid:
                over.append((run, os.waitstatus_to_exitcode(status)))
            elif run.is_late():
                with suppress(ProcessLookupError):  # it may not have made its group yet
                    os.killpg(run.pid, signal.SIGKILL)
                os.kill(run.pid, signal.SIGKILL)
                os.waitpid(run.pid, 0)
                over.append((run, TIMED_OUT))
        if not over:
            time.sleep(POLL)
    return iter(over)


def work_of(pid: int) -> float:
    """The processor time of a process, in ticks of the system's.

    That of one that waits for a processor, on a busy machine, is no number, lest it be taken for idle.
    """
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return nan if state == "R" else int(fields[10]) + int(fields[11])


def has_children(session: int) -> bool:
    """Whether processes of that session are left besides its first."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and stat.parent.name != str(session):
                return True
    return False


def pytest_with(plugin: object, arguments: Iterable[str], root: Path) -> int:
    """Run pytest here, in a fork; returns its exit status."""
    import pytest  # noqa: PLC0415 - the tests of this module want it as little as its callers

    os.chdir(root)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = False  # pytest keeps there what it has made of the test files
    options = ["-q", "-p", "no:cacheprovider", "-W", EARLY, *(f"-p{name}" for name in PLUGINS)]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))
