"""What all workers have in common, kept above them, so that it outlives every worker: histories, and presence.

1.  Whatever is sent to a path with a history gets its number here, in one sequence for all paths, and goes to all
    workers in that order, the one that has sent it included. Each keeps it when it routes it, in the same order. So the
    order of a path is one, for the sessions of all workers and in what is kept; and to read what is kept, or to connect
    and read it, is done within a worker, in one turn, as in a server by itself. That takes the memory once for each
    worker, and once here.
2.  A worker that begins is given a copy of all of it before it listens. Positions belong to the life of this process.
3.  Each worker tells which paths its own sessions are on; when it has ended they are gone at once.
4.  It is bounded as in a server by itself (`cometary.dispatch.shelf`), here and in each worker.

Pure: time and the epoch come in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cometary.dispatch.shelf import Numbers, Shelf
from cometary.workers.messages import Came, Copy, Lifetime, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cometary.packets.contract import Contract
    from cometary.packets.contract_table import Contracts
    from cometary.workers.messages import Numbering, Went


class Told(NamedTuple):
    """What is kept of a packet here.

    Attributes:
        published: what workers tell of it, encoded.
        size: bytes of the packet as JSON, which count against the bounds.
    """

    published: bytes
    size: int


class Common:
    """It.

    Args:
        contracts: which paths have a history.
        epoch: the name of this life of the server, a short text that no other has.
        now: reads the clock, in seconds.
    """

    def __init__(self, contracts: Contracts, epoch: str, now: Callable[[], float]) -> None:
        self._contracts = contracts
        self._numbers = Numbers(epoch)
        self._now = now
        self._shelves: dict[Contract, Shelf[Told]] = {}
        self._members: dict[int, dict[str, dict[str, bytes | None]]] = {}

    def number(self, asked: Numbering) -> int:
        """Give a packet its number, and keep it."""
        number = self._numbers.next().offset
        contract = self._contracts.find(asked.path)
        if contract.history is not None:  # else a worker has begun with another configuration
            shelf = self._shelves.get(contract)
            if shelf is None:
                shelf = self._shelves[contract] = Shelf(contract.history, self._numbers)
            shelf.keep(asked.path, number, Told(asked.published, asked.size), self._now())
        return number

    # -- who is there -------------------------------------------------------------------------

    def came(self, came: Came) -> None:
        """Take note of members that have come to a path, or show something else."""
        self._members.setdefault(came.worker, {}).setdefault(came.path, {}).update(came.members)

    def went(self, went: Went) -> None:
        """Take note of one that is no longer there."""
        paths = self._members.get(went.worker, {})
        members = paths.get(went.path, {})
        members.pop(went.name, None)
        if not members:
            paths.pop(went.path, None)

    def left(self, worker: int) -> None:
        """Take note that a worker has ended, and its sessions with it."""
        self._members.pop(worker, None)

    # -- for a worker that begins -------------------------------------------------------------

    def copy(self) -> Iterator[bytes]:
        """Return all of it as messages (rule 2)."""
        forgotten = max((shelf.forgotten for shelf in self._shelves.values()), default=0)
        yield encode(Lifetime(self._numbers.epoch, self._numbers.latest, forgotten))
        now = self._now()
        for shelf in self._shelves.values():
            for path, kept in shelf.paths():
                packets = [(now - when, number, told.published) for when, number, told in kept.packets]
                yield encode(Copy(path, kept.lost, kept.number, packets))
        for worker, paths in self._members.items():
            for path, members in paths.items():
                yield encode(Came(worker, path, [*members.items()]))
