"""The server as a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
"""For programs that import cometary."""

ECHO = "tests/clients/echo_application.py:app"
"""An application that sends back what it gets."""

READY = re.compile(
    r"cometary: comet (https?://127\.0\.0\.1:(\d+)/comet), control (http://127\.0\.0\.1:\d+)\n"
)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that takes requests."""

    comet: str
    port: int
    control: str
    process: subprocess.Popen[str]

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
    limit = [] if descriptors is None else ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"]
    names = [app] if app else []
    command = [
        sys.executable,
        "-m",
        "cometary",
        "serve",
        *names,
        "--port",
        str(port),
        "--control",
        "127.0.0.1:0",
    ]
    with subprocess.Popen(
        [*limit, *command, *options],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**ENVIRONMENT, **environment},
        cwd=cwd,
    ) as process:
        try:
            assert process.stdout is not None
            ready = READY.fullmatch(process.stdout.readline())
            assert ready, "the server does not start"
            yield RunningServer(ready[1], int(ready[2]), ready[3], process)
        finally:
            process.kill()
