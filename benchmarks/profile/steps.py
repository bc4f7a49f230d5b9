"""Steps of Python's interpreter while a mode is played, by stack (`traced` counts them)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.harness.processes import free_ports, running
from benchmarks.harness.workspace import UnavailableError
from benchmarks.profile.callgrind import REPEATABLE, serving
from benchmarks.profile.modes import Mode, Play

SECONDS: Final = 60.0
"""How long is waited for what was counted."""


def count_steps(
    mode: Mode, where: Path, python: str, scratch: Path, *, clients: int, rounds: int
) -> tuple[Mapping[tuple[str, ...], int], int]:
    """Return the steps by stack, the innermost function last, and for how many deliveries.

    Raises:
        UnavailableError: the server does not start, or writes nothing.
    """
    ports, file = free_ports(2), scratch / f"{mode.name}.steps"
    argv = serving(python, ports)
    argv[2:3] = ["benchmarks.profile.traced", str(file)]
    with running(argv, ports=ports, cwd=where, environment=REPEATABLE) as pid:
        with Play(mode, pid, ports, clients) as play:
            play.rounds(1)
            os.kill(pid, signal.SIGUSR1)
            deliveries = play.rounds(1)  # which has it take note of the signal
            deliveries += play.rounds(rounds)
            os.kill(pid, signal.SIGUSR1)
        _await(file)
    lines = [line.rpartition(" ") for line in file.read_text().splitlines()]
    return {tuple(stack.split(";")): int(steps) for stack, _, steps in lines}, deliveries


def _await(file: Path) -> None:
    ends = time.monotonic() + SECONDS
    while not file.exists():
        if time.monotonic() > ends:
            raise UnavailableError("the server has not written its steps")
        time.sleep(0.05)
