"""A worker as a child of a supervisor: a process, which runs the same command with its part in the environment.

1.  It has started when it takes clients. If it ends before, so has the attempt to start it, and its status is told.
2.  A worker that ends unasked has crashed, whatever its exit status.
3.  One that is to end is told to (SIGTERM), and waited for; its sessions are told `shutdown`. All of them are told at
    once, before their supervisor stops them one after the other.
4.  Should the process above die, the link ends, and each worker stops by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import trio

from cometary.errors import WorkerEndedError
from cometary.workers.link import Link
from cometary.workers.part import VARIABLE, Part

if TYPE_CHECKING:
    from cometary.workers.messages import Message
    from cometary.workers.relay import Relay


@dataclass(slots=True)
class WorkerProcess:
    """One worker, in all its incarnations.

    Attributes:
        number: its number, from 1.
        workers: how many there are.
        command: starts it.
        listening: the listening sockets of the clients.
        folder: where its control interface is.
        relay: passes on what it has for others.
        successor: who accepts callers when all stop; see `Network`.
    """

    number: int
    workers: int
    command: Sequence[str]
    listening: Sequence[socket.socket]
    folder: Path
    relay: Relay
    successor: Literal["none", "sockets", "port"]
    stopping: bool = False
    process: trio.Process | None = None
    _ready: trio.Event = field(default_factory=trio.Event)

    @property
    def control(self) -> Path:
        """Where its own control interface is."""
        return self.folder / f"worker-{self.number}.sock"

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run it until it ends; for a child specification.

        Raises:
            WorkerEndedError: it has ended unasked.
        """
        self._ready = trio.Event()
        here, there = socket.socketpair()
        with there:
            process = self.process = await self._start(there)
        link = Link(here, self._take)
        self.relay.joined(self.number, link)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.run)
                nursery.start_soon(self._tell_when_ready, task_status)
                await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.relay.left(self.number)
            with trio.CancelScope(shield=True):
                self.send_signal(signal.SIGTERM)
                await process.wait()
            self.process = None
        if not self.stopping:
            raise WorkerEndedError(self.number, how_it_ended(process.returncode), process.returncode)
        await trio.sleep_forever()

    async def _tell_when_ready(self, task_status: trio.TaskStatus[None]) -> None:
        await self._ready.wait()
        task_status.started()

    async def _take(self, message: Message, descriptor: int) -> None:
        await self.relay.take(self.number, message, descriptor)
        if self.number in self.relay.ready:
            self._ready.set()

    async def _start(self, there: socket.socket) -> trio.Process:
        listening = [sock.fileno() for sock in self.listening]
        part = Part(self.number, self.workers, there.fileno(), listening, str(self.control), self.successor)
        self.control.unlink(missing_ok=True)
        start = partial(
            trio.lowlevel.open_process,
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[there.fileno(), *listening],
            start_new_session=True,
            env={**os.environ, VARIABLE: part.written()},
        )
        return await start()

    def stop(self) -> None:
        """Have it stop, and not be started again."""
        self.stopping = True
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


def how_it_ended(status: int | None) -> str:
    """Return how a process has ended, in words."""
    if status is not None and status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"
