"""System calls while a mode is played, by name (`strace` counts them)."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.harness.processes import free_ports, running
from benchmarks.harness.workspace import UnavailableError
from benchmarks.profile.callgrind import REPEATABLE, serving
from benchmarks.profile.modes import Mode, Play

SECONDS: Final = 60.0

_line: Final = re.compile(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)")


def count_system_calls(
    mode: Mode, where: Path, python: str, scratch: Path, *, clients: int, rounds: int
) -> tuple[Mapping[str, int], int]:
    """Return the system calls by name, and for how many deliveries.

    Raises:
        UnavailableError: there is no strace, or the server does not start.
    """
    if shutil.which("strace") is None:
        raise UnavailableError("strace is not installed (Debian: strace)")
    ports, file = free_ports(2), scratch / f"{mode.name}.calls"
    with (
        running(serving(python, ports), ports=ports, cwd=where, environment=REPEATABLE) as pid,
        Play(mode, pid, ports, clients) as play,
    ):
        play.rounds(2)
        strace = subprocess.Popen(  # noqa: S603 - all of it is ours
            ["strace", "-f", "-c", "-o", str(file), "-p", str(pid)],  # noqa: S607 - wherever it is
            stderr=subprocess.PIPE,
            text=True,
        )
        _await_attached(strace)
        deliveries = play.rounds(rounds)
        strace.send_signal(signal.SIGINT)
        strace.wait(SECONDS)
    found = [_line.match(line) for line in file.read_text().splitlines()]
    return {each[2]: int(each[1]) for each in found if each and each[2] != "total"}, deliveries


def _await_attached(strace: subprocess.Popen[str]) -> None:
    said = strace.stderr.readline() if strace.stderr else ""
    if "attached" not in said:
        strace.kill()
        strace.wait()
        raise UnavailableError(f"strace: {said.strip()}")
    time.sleep(0.2)  # the other threads
