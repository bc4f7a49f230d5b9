"""The bench's own server with several workers, each of which is a node: one of them is killed after another."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cometary.chaos.killing import LEAST, LOOK, workers_of
from cometary.chaos.nodes.own_node import OwnNode

if TYPE_CHECKING:
    from random import Random

    from cometary.chaos.nodes.own_node import Place


class OwnWorkers(OwnNode):
    """It, in the place of several nodes.

    Args:
        place: where it is.
        app: what it serves.
        options: more options.
        log: where its log goes.
        workers: how many it has.
    """

    def __init__(self, place: Place, app: str, options: str, log: Path, *, workers: int) -> None:
        self._workers = workers
        super().__init__(place, app, options, "", log)

    def _joins(self) -> str:
        """See `OwnNode`."""
        return f"--workers {self._workers}"

    def _secrets(self) -> dict[str, str]:
        """See `OwnNode`: workers have a secret without being told."""
        return {}

    async def sees(self, others: set[str]) -> bool:  # noqa: ARG002 - there are none
        """Whether so many workers take clients that one of them can be killed."""
        await trio.lowlevel.checkpoint()
        return self._process is not None and len(workers_of(self._process.pid)) >= LEAST

    async def kill_one(self, chance: Random) -> None:
        """Kill one of the workers that take clients, and wait until it has gone."""
        assert self._process is not None  # noqa: S101 - it was started
        workers = workers_of(self._process.pid)
        victim = chance.choice(workers)
        os.kill(victim.pid, signal.SIGKILL)
        while victim in workers:
            await trio.sleep(LOOK)
            workers = workers_of(self._process.pid)

    async def kill(self) -> None:
        """Kill all of it."""
        if self._process is None:
            return
        workers = workers_of(self._process.pid)
        await super().kill()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
