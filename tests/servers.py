"""The server as a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.forks import Fork, fork

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
"""For programs that import cometary."""

ECHO = "tests/clients/echo_application.py:app"
"""An application that sends back what it gets."""

READY = re.compile(
    r"cometary: comet (https?://127\.0\.0\.1:(\d+)/comet), control (http://127\.0\.0\.1:\d+)\n"
)

Process = Fork | subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that takes requests."""

    comet: str
    port: int
    control: str
    process: Process

    def stop(self) -> None:
        """Stop it gracefully, and wait until it has."""
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0

    @property
    def origin(self) -> str:
        """What the URLs of its pages begin with."""
        return self.comet.removesuffix("/comet")


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running_server(
    app: str,
    *options: str,
    port: int = 0,
    cwd: Path = ROOT,
    log: IO[bytes] | None = None,
    descriptors: int | None = None,
    **environment: str,
) -> Generator[RunningServer]:
    """Run `cometary serve` on free ports until the end of the block.

    Args:
        app: MODULE:APP, seen from the repository's root; none if it is empty.
        options: more of the command line.
        port: the port of the comet endpoint, if it must be a certain one.
        cwd: the directory to run it in.
        log: where its log goes, if not to this process's standard error.
        descriptors: how many it may have at most, if not as many as this process.
        environment: more variables of the environment.
    """
    names = [app] if app else []
    arguments = ["serve", *names, "--port", str(port), "--control", "127.0.0.1:0", *options]
    stderr = 2 if log is None else log.fileno()
    variables = {**ENVIRONMENT, **environment}
    with started(arguments, variables, cwd, stderr=stderr, descriptors=descriptors) as process:
        try:
            assert process.stdout is not None
            ready = READY.fullmatch(process.stdout.readline())
            assert ready, "the server does not start"
            yield RunningServer(ready[1], int(ready[2]), ready[3], process)
        finally:
            process.kill()


def started(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path = ROOT,
    *,
    stderr: int = 2,
    descriptors: int | None = None,
) -> Process:
    """Start `cometary`: as a fork, unless Python itself is to start otherwise than it did here (see `fork`)."""
    if for_python(environment) == for_python(ENVIRONMENT):
        return fork(arguments, environment, cwd, stderr=stderr, descriptors=descriptors)
    command = [sys.executable, "-m", "cometary", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment, cwd=cwd
    )


def for_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python itself goes by, once and for all, when it starts."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}
