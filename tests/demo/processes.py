"""The demo as a process of its own, as `make demo` starts it."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cometary.connector import Connector
from tests.servers import ENVIRONMENT, READY, Process, started

SECRET = "the-secret-of-this-test"


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that runs."""

    port: int
    control: str
    process: Process

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def backend_pid(self) -> int | None:
        """The process id of its back-end, which is its only child, if there is one now."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = "".join(children.read_text(encoding="ascii") for children in threads).split()
        return int(pids[0]) if pids else None

    def restarts(self, *path: str) -> int:
        """How often the child at this path below the root of the tree has been restarted."""
        with Connector(self.control, SECRET) as connector:
            node: dict[str, Any] = connector.tree()
        for name in path:
            node = next(child for child in node["children"] if child["id"] == name)
        return int(node["restarts"])


@contextmanager
def running_demo() -> Generator[Demo]:
    """Run the demo on free ports, with a secret, until the end of the block."""
    arguments = ["demo", "--port", "0", "--control", "127.0.0.1:0"]
    with (
        Path(os.devnull).open("wb") as log,
        started(arguments, {**ENVIRONMENT, "COMETARY_SECRET": SECRET}, stderr=log.fileno()) as process,
    ):
        try:
            assert process.stdout is not None
            ready = READY.fullmatch(process.stdout.readline())
            assert ready, "the demo does not start"
            yield Demo(int(ready[2]), ready[3], process)
            if process.poll() is None:
                process.terminate()
                assert process.wait(timeout=60) == 0, "the demo does not stop as it should"
        finally:
            process.kill()
