"""Kills one worker after another of a server that has several, and knows whose sessions were lost with them.

1.  A worker is killed only while another one takes clients: a server without any is a different trouble.
2.  The sessions of a killed worker are lost, with what is out on them; their pages are told so at once. A session
    that was opened after the death of its worker belongs to the replacement.
3.  The environment of a process says which worker it is. It takes clients when its control interface is there.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import trio

from cometary.chaos.quantiles import Quantiles
from cometary.sessions.ids import worker_of
from cometary.workers.part import VARIABLE

LOOK: Final = 0.05
"""Seconds between two looks at whether there is one to kill."""


class Worker(NamedTuple):
    """A worker that takes clients.

    Attributes:
        number: which one.
        pid: its process.
    """

    number: int
    pid: int


@dataclass(slots=True)
class Deaths:
    """When which worker was killed, and what has come of it.

    Attributes:
        count: how many were killed.
        told: how long it took until the pages with a session there were told, in seconds.
    """

    count: int = 0
    told: Quantiles = field(default_factory=Quantiles)
    _last: dict[int, float] = field(default_factory=dict[int, float])

    def add(self, worker: int, now: float) -> None:
        """Take note of one."""
        self.count += 1
        self._last[worker] = now

    def took(self, sid: bytes, opened: float, now: float) -> bool:
        """Whether a session was lost with its worker (rule 2); the caller has been told just now.

        Args:
            sid: its id.
            opened: when it was asked for.
            now: what time it is.
        """
        died = self._last.get(worker_of(sid.decode()) or 0)
        if died is None or died < opened:
            return False
        self.told.add(now - died)
        return True


class Killing:
    """Kills workers.

    Args:
        above: the process above them.
        every: seconds between two deaths.
        deaths: where they are noted.
        chance: which one is next.
    """

    def __init__(self, above: int, every: float, deaths: Deaths, chance: Random) -> None:
        self._above = above
        self._every = every
        self._deaths = deaths
        self._chance = chance

    async def run(self) -> None:
        """Kill one after another until cancelled."""
        while True:
            await trio.sleep(self._every)
            while len(workers := workers_of(self._above)) < LEAST:  # noqa: ASYNC110 - processes tell nothing
                await trio.sleep(LOOK)
            victim = self._chance.choice(workers)
            self._deaths.add(victim.number, trio.current_time())
            with suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGKILL)


LEAST: Final = 2
"""How many workers must be there for one of them to be killed (rule 1)."""


def workers_of(above: int) -> list[Worker]:
    """Return the workers below a process that take clients."""
    workers: list[Worker] = []
    for task in Path(f"/proc/{above}/task").glob("*/children"):
        for child in task.read_text().split():
            with suppress(OSError, KeyError):  # it has just ended, or has only begun
                part = json.loads(environment_of(int(child))[VARIABLE])
                if Path(part["control"]).exists():
                    workers.append(Worker(part["number"], int(child)))
    return workers


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
