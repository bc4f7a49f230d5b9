"""Run pytest in a fork of this process, with all imported that is not the project's own.

A test run then costs what its tests cost: Python, pytest and the libraries have long been loaded. Nothing of
`cometary` may be imported here, in order that each fork imports it anew, with the change that it is to try.
"""

from __future__ import annotations

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
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

OWN: Final = ("cometary", "tests", "conftest", "__main__")
"""The project's own modules begin so; each fork imports them itself."""

PLUGINS: Final = ("trio", "hypothesispytest")
"""Those of pytest that the tests need, named so that no time is spent on looking for others."""

EARLY: Final = "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning"
"""Assertions of a library's plugin, imported before pytest could change them, are none of the project's."""

MEMORY: Final = 4 << 30
"""Bytes of address space for one run: a mutant may eat without end."""

TIMED_OUT: Final = -1
"""The status of a run that was ended because it took too long."""

POLL: Final = 0.01
"""Seconds between two looks at whether a run is over."""


@dataclass(slots=True)
class Run:
    """A fork that runs."""

    pid: int
    ends: float
    output: IO[bytes] = field(repr=False)

    def text(self) -> str:
        """What it has printed; only to be asked once."""
        with self.output:
            self.output.seek(0)
            return self.output.read().decode(errors="replace")


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


def start(work: Callable[[], int], seconds: float) -> Run:
    """Do `work` in a fork, which is ended after so many seconds; what it returns is its exit status."""
    output = TemporaryFile()  # noqa: SIM115 - Run.text closes it
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_the_fork(work, output)
    return Run(pid, time.monotonic() + seconds, output)


def _be_the_fork(work: Callable[[], int], output: IO[bytes]) -> None:
    status = 70
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
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
            elif time.monotonic() > run.ends:
                os.killpg(run.pid, signal.SIGKILL)
                os.waitpid(run.pid, 0)
                over.append((run, TIMED_OUT))
        if not over:
            time.sleep(POLL)
    return iter(over)


def pytest_with(plugin: object, arguments: Iterable[str], root: Path) -> int:
    """Run pytest here, in a fork; returns its exit status."""
    import pytest  # noqa: PLC0415 - the tests of this module want it as little as its callers

    os.chdir(root)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = False  # pytest keeps there what it has made of the test files
    options = ["-q", "-p", "no:cacheprovider", "-W", EARLY, *(f"-p{name}" for name in PLUGINS)]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))
