"""A server whose log is a pipe that nobody reads, and clients who make it log more than a pipe holds."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from tests.fuzzing.bystander import open_session, post
from tests.servers import ECHO, RunningServer, running_server

CRASHES: Final = 60
"""Reports of more than a pipe's 64 KiB, many times."""


@contextmanager
def server_with_a_stuck_log(read: list[bytes]) -> Generator[RunningServer]:
    """Run one until the end of the block.

    Args:
        read: gets what was in the pipe, once the server has ended.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as rest:
        try:
            with os.fdopen(writer, "wb") as log, running_server(ECHO, "--wait", "0.1", log=log) as server:
                yield server
        finally:
            read.append(rest.read())


async def crash(port: int, times: int = CRASHES) -> None:
    """Have so many handlers crash, each in a session of its own."""
    for _ in range(times):
        sid = (await open_session(port)).decode()
        await post(port, {"sid": sid, "rid": 2, "packets": [{"path": "count", "message": "no number"}]})
