"""The bench's own server: a process with the built-in application, on free ports of loopback.

1.  It is in a session of its own, so that a Ctrl-C for the bench does not reach the server.
2.  Options for servers in the environment do not apply to this one.
3.  Its log goes to a file, which is kept only if the run failed: crashes on purpose are logged, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.application import ROOM
from cometary.chaos.guests import SERVING
from cometary.chaos.habits import MODES
from cometary.errors import TargetError

if TYPE_CHECKING:
    from cometary.chaos.plan import Plan

APP: Final = "cometary.chaos.application:app"
SHORT: Final = "--wait 20 --die 15"
"""The protocol's times, in seconds, so that a minute sees them run out again and again."""

PATIENT: Final = "--die 600"
"""The same, for so many sessions that a busy machine may neglect some for long. What is lost shows all the same."""

FEW: Final = 500
"""The number of sessions for which a machine has time."""

KEPT: Final = f"{ROOM} keep history=100 presence=on"
"""What is said to all is numbered for all workers; beats, which are not, take the other way."""

READY: Final = re.compile(rb"cometary: comet (\S+), control (\S+)\n")
STARTING: Final = 30.0
"""Seconds until the server must be ready."""

STOPPING: Final = 15.0
"""Seconds that it has to stop, before it is killed."""


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A running server.

    Attributes:
        comet: the URL of its comet endpoint.
        control: the URL of its control interface.
        pid: its process.
        log: where its log goes.
    """

    comet: str
    control: str
    pid: int
    log: Path


@asynccontextmanager
async def own_server(plan: Plan, beside: int = 0) -> AsyncGenerator[OwnServer]:
    """Run a server until the end of the block.

    Args:
        plan: what it is for.
        beside: the port of what is beside it, for guests that need that; see `guests.SERVING`.

    Raises:
        TargetError: it does not start.
    """
    descriptor, log = tempfile.mkstemp(prefix="cometary-chaos-", suffix=".log")
    try:
        process = await trio.lowlevel.open_process(
            _command(plan, beside),
            stdout=subprocess.PIPE,
            stderr=descriptor,
            env=environment(),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    try:
        ready = await addresses(process, STARTING)
        if ready is None:
            raise TargetError(f"a server of its own does not start; its log is {log}")
        comet, control = ready
        yield OwnServer(comet, control, process.pid, Path(log))
    finally:
        await _stop(process)


def _command(plan: Plan, beside: int) -> list[str]:
    waits_for_die = any(habits.lingers or habits.vanishes for habits in MODES[plan.mode])
    times = SHORT if waits_for_die or plan.sessions <= FEW else PATIENT
    kind = ("--workers", str(plan.workers), "--paths", KEPT) if plan.kills else ("--crash-calls", "on")
    options = f"--port 0 --control 127.0.0.1:0 {times} --log-level error"
    speaks = " ".join(SERVING.get(habits.speaks, "") for habits in MODES[plan.mode]).format(beside=beside)
    return [sys.executable, "-m", "cometary", "serve", APP, *options.split(), *kind, *speaks.split()]


def environment() -> dict[str, str]:
    """Return what a process of the bench's own finds in its environment (rule 2)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMETARY_")}


async def addresses(process: trio.Process, seconds: float) -> tuple[str, str] | None:
    """Wait until a server is ready; returns the URLs of its endpoint and its control interface, or None."""
    line = b""
    with trio.move_on_after(seconds):
        while process.stdout is not None and not line.endswith(b"\n"):
            data = await process.stdout.receive_some()
            if not data:
                break
            line += data
    found = READY.fullmatch(line)
    return None if found is None else (found[1].decode(), found[2].decode())


async def _stop(process: trio.Process) -> None:
    with trio.CancelScope(shield=True):
        process.terminate()
        with trio.move_on_after(STOPPING):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
