"""A worker as a child of a supervisor: a process, which runs the same command with its part in the environment.

1.  It has started when it takes clients. If it ends before, so has the attempt to start it, and its status is told. One
    that is started again counts as started at once: its supervisor starts nobody else meanwhile, and another one may
    have died.
2.  A worker that ends unasked has crashed, whatever its exit status.
3.  One that is to end is told to (SIGTERM), and waited for; its sessions are told `shutdown`. All of them are told at
    once, before their supervisor stops them one after the other. One that has not ended `grace` seconds later is
    killed, and so is one that has closed its link.
4.  If the process above dies, the link ends, and each worker stops by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import trio

from cometary.errors import WorkerEndedError
from cometary.workers.link import Link
from cometary.workers.part import VARIABLE, Part

if TYPE_CHECKING:
    from cometary.workers.family import Family
    from cometary.workers.messages import Message
    from cometary.workers.relay import Relay

UNREADY_GRACE: Final = 5.0


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
        flush_soon: see `Link`.
        grace: how many seconds it has to end once it has been ready; before, it has `UNREADY_GRACE`.
        above: the address of the control interface that all have in common, once that listens.
        family: makes it a node; None where there is no engine.
    """

    number: int
    workers: int
    command: Sequence[str]
    listening: Sequence[socket.socket]
    folder: Path
    relay: Relay
    successor: Literal["none", "sockets", "port"]
    grace: float
    flush_soon: Callable[[Callable[[], None]], None] | None = None
    above: str = ""
    family: Family | None = None
    process: trio.Process | None = None
    _ready: trio.Event = field(default_factory=trio.Event)
    _told: trio.Event = field(default_factory=trio.Event)
    _reloads: bool = False
    _started: bool = False
    _began: bool = False

    @property
    def control(self) -> Path:
        """Where its own control interface is."""
        return self.folder / f"worker-{self.number}.sock"

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run it until it ends; for a child specification.

        Raises:
            WorkerEndedError: it has ended unasked.
        """
        self._ready, self._started = trio.Event(), False
        if not self.stopping:  # else it was told between two incarnations
            status = await self._run_once(task_status)
            if not self.stopping:
                raise WorkerEndedError(self.number, how_it_ended(status), status)
        if not self._started:
            task_status.started()  # else its supervisor, which is to stop, would wait for that
        await trio.sleep_forever()

    async def _run_once(self, task_status: trio.TaskStatus[None]) -> int | None:
        here, there = socket.socketpair()
        with ExitStack() as unless_it_starts, there:
            unless_it_starts.callback(here.close)
            process = self.process = await self._start(there)
            unless_it_starts.pop_all()
        link = Link(here, self._take)
        link.flush_soon = self.flush_soon
        self.relay.joined(self.number, link)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_link, link, nursery.cancel_scope)
                nursery.start_soon(self.relay.watch, self.number, link)
                nursery.start_soon(self._tell_when_ready, task_status)
                nursery.start_soon(self._end_when_told, process)
                await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.relay.left(self.number)
            with trio.CancelScope(shield=True):
                await self._end(process)
            self.process = None
        return process.returncode

    async def _keep_link(self, link: Link, running: trio.CancelScope) -> None:
        await link.run()
        self.relay.left(self.number)
        await trio.sleep(self.grace)  # it is about to end by itself: a signal would hide its exit status
        running.cancel()

    async def _end_when_told(self, process: trio.Process) -> None:
        await self._told.wait()  # it may have been told before there was a process
        await self._end(process)

    async def _end(self, process: trio.Process) -> None:
        self.send_signal(signal.SIGTERM)
        with trio.move_on_after(self.grace if self._ready.is_set() else UNREADY_GRACE):
            await process.wait()
        self.send_signal(signal.SIGKILL)  # if it hangs
        await process.wait()

    async def _tell_when_ready(self, task_status: trio.TaskStatus[None]) -> None:
        if self._began:
            self._tell_started(task_status)
        await self._ready.wait()
        if self._reloads:
            self.reload()
        if not self._started:
            self._tell_started(task_status)
        self._began = True

    def _tell_started(self, task_status: trio.TaskStatus[None]) -> None:
        self._started = True
        task_status.started()

    def _take(self, message: Message, descriptor: int) -> Awaitable[None] | None:
        """Take what it has sent; returns what is to be waited for, if that is not done at once."""
        if self.relay.take_at_once(self.number, message):
            return None
        return self._take_in_time(message, descriptor)

    async def _take_in_time(self, message: Message, descriptor: int) -> None:
        await self.relay.take(self.number, message, descriptor)
        if self.number in self.relay.ready:
            self._ready.set()

    async def _start(self, there: socket.socket) -> trio.Process:
        listening = [sock.fileno() for sock in self.listening]
        control, link = str(self.control), there.fileno()
        node = None if self.family is None else self.family.next(self.number)
        part = Part(self.number, self.workers, link, listening, control, self.successor, self.above, node)
        self.control.unlink(missing_ok=True)
        start = partial(
            trio.lowlevel.open_process,
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[link, *listening],
            start_new_session=True,
            env={**os.environ, VARIABLE: part.written()},
        )
        return await start()

    def stop(self) -> None:
        """Make it stop, and not be started again."""
        self._told.set()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._told.is_set()

    def reload(self) -> None:
        """Make it read its configuration again: as soon as it is ready, since before that the signal would end it."""
        self._reloads = not self._ready.is_set()
        if not self._reloads:
            self.send_signal(signal.SIGHUP)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


def how_it_ended(status: int | None) -> str:
    """Return how a process has ended, in words."""
    if status is not None and status < 0:
        known = {each.value: each.name for each in signal.Signals}
        return f"was killed by {known.get(-status, f'signal {-status}')}"
    return f"ended with exit status {status}"
