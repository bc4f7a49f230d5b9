"""The network of a simulation: descriptors, a poller, and who listens where.

1.  A descriptor is the lowest number that is free, as in POSIX: so one that was closed is soon another's.
2.  The poller is level-triggered. In which order it reports what is ready, chance says.
"""

from __future__ import annotations

import heapq
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, cast

import trio

from cometary.transport.net.listener import Network
from tests.simulation.sockets import (
    ERROR,
    HANG_UP,
    PEER_SHUT,
    READABLE,
    WRITABLE,
    Address,
    Backlog,
    End,
    Listening,
    ignore,
    pair,
)

if TYPE_CHECKING:
    import socket

ALWAYS: Final = ERROR | HANG_UP
FIRST_PORT: Final = 10_000


class PollerError(Exception):
    """What a poller raises that was told to fail."""


class MemoryNetwork:
    """All sockets of one simulation.

    Args:
        chance: draws the order in which sockets are reported.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.open: dict[int, End | Listening] = {}
        self._free: list[int] = []
        self._backlogs: dict[int, Backlog] = {}
        self.fails = False
        """Whether the poller is to fail, once."""

    def front(self) -> Network:
        """Return what a server is given as its network."""
        return Network(self._listen, partial(MemoryPoller, self))

    def connect(self, caller: Address, port: int, *, server: int, client: int) -> End:
        """Connect to the server at a port; with what its end and this one take in, in bytes.

        Raises:
            ConnectionRefusedError: nobody listens there.
        """
        backlog = self._backlogs.get(port)
        if backlog is None or not backlog.listening:
            raise ConnectionRefusedError
        end, other = pair(server, client)
        backlog.call(end, caller)
        return other

    async def _listen(self, host: str, _port: int) -> list[socket.socket]:
        await trio.lowlevel.checkpoint()
        port = FIRST_PORT + len(self._backlogs)
        self._backlogs[port] = backlog = Backlog((host, port))
        return [cast("socket.socket", Listening(backlog, self._enter, self._release))]

    def _enter(self, owner: End | Listening) -> int:
        descriptor = heapq.heappop(self._free) if self._free else len(self.open)
        self.open[descriptor] = owner
        return descriptor

    def _release(self, descriptor: int) -> None:
        del self.open[descriptor]
        heapq.heappush(self._free, descriptor)


class MemoryPoller:
    """Which of the sockets are ready.

    Args:
        network: has them.
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._asked: dict[int, int] = {}
        self._ready: dict[int, None] = {}
        self._task: trio.lowlevel.Task | None = None

    async def wait(self) -> None:
        if any(self._bits(fd) for fd in self._ready):
            await trio.lowlevel.checkpoint()
            return
        self._ready.clear()
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def watch(self, fd: int) -> None:
        assert fd not in self._asked, "watched twice"
        self._network.open[fd].changed = partial(self._touch, fd)
        self._asked[fd] = READABLE
        self._touch(fd)

    def change(self, fd: int, *, reading: bool, writing: bool, ended: bool = False) -> None:
        assert fd in self._asked, "not watched"
        bits = READABLE if reading else 0 if ended else PEER_SHUT
        self._asked[fd] = bits | WRITABLE if writing else bits
        self._touch(fd)

    def forget(self, fd: int) -> None:
        del self._asked[fd]
        self._ready.pop(fd, None)
        self._network.open[fd].changed = ignore

    def poll(self, limit: int) -> list[tuple[int, int]]:
        if self._network.fails:
            self._network.fails = False
            raise PollerError
        found = [(fd, bits) for fd in self._ready if (bits := self._bits(fd))]
        self._ready = {fd: None for fd, _ in found}
        if len(found) > 1:
            self._network.chance.shuffle(found)
        return found[:limit]

    def close(self) -> None:
        assert not self._asked, "still watched"

    def _bits(self, fd: int) -> int:
        return self._network.open[fd].bits & (self._asked[fd] | ALWAYS)

    def _touch(self, fd: int) -> None:
        if not self._bits(fd):
            return
        self._ready[fd] = None
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)
