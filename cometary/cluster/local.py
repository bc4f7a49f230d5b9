"""The engine within one process: for a single node, and for several of them in a test.

The nodes share a `SharedState`, which is lost with the process. It treats each change as the functions of
`cometary.cluster.record` do, and is the measure for other engines.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import trio

from cometary.cluster import record as records
from cometary.cluster.change import Change, Verdict
from cometary.cluster.engine import PIECE, Answered, EngineState
from cometary.cluster.engine_counts import EngineCounts
from cometary.cluster.membership import LEASE, Lessee, Membership, name_taken
from cometary.cluster.path_logs import Addition, Appended, ChangedPaths, LogShelf, PathLog, SharedLogs
from cometary.cluster.record import Record

TOMBSTONES: Final = 10_000
"""How many sessions that have ended are known as such."""


class SharedState:
    """What all nodes of one process share."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.leases: dict[str, tuple[object, str, float]] = {}
        self.logs = SharedLogs()
        self._tombstones: deque[str] = deque()

    def put(self, sid: str, record: Record | None) -> None:
        """Keep the record of a session."""
        if record is None:
            return
        if record.gone and not (sid in self.records and self.records[sid].gone):
            self._tombstones.append(sid)
            if len(self._tombstones) > TOMBSTONES:
                self.records.pop(self._tombstones.popleft(), None)
        self.records[sid] = record

    def renew(self, node: str, holder: object, address: str, until: float) -> bool:
        """Renew a lease; returns whether it is this node's."""
        before = self.leases.get(node)
        if before is not None and before[0] is not holder and before[2] > trio.current_time():
            return False
        self.leases[node] = (holder, address, until)
        return True

    def lessees(self) -> list[Lessee]:
        """Return who has a lease."""
        now = trio.current_time()
        return [Lessee(node, address, until - now) for node, (_, address, until) in self.leases.items()]


class LocalEngine:
    """The engine of one node; see `cometary.cluster.engine`.

    Args:
        shared: shared with its neighbours.
        node: the node's name.
        lease: seconds.
    """

    state: EngineState = "up"

    def __init__(self, shared: SharedState, node: str, *, lease: float = LEASE) -> None:
        self._shared = shared
        self.node = self._node = node
        self.lease = lease
        self._address = ""
        self._calls: deque[Callable[[], object]] = deque()
        self._called = trio.Event()
        self._membership = Membership(node, lease, self._renew)
        self.alive = self._membership.alive
        self.address = self._membership.neighbours.address
        self.addresses = self._membership.neighbours.addresses
        self.watch = self._membership.watch
        self.incarnation = secrets.token_hex(8)
        self.incarnation_of = self._membership.neighbours.incarnation
        self.watch_ousted = self._membership.watch_ousted
        self.watch_lapses = self._membership.watch_lapses
        self.look = self._membership.look
        self.counts = EngineCounts()

    @property
    def lease_until(self) -> float:
        """When this node's lease runs out by its own clock."""
        return self._membership.lease_until

    async def join(self, address: str) -> None:
        """Take out a lease; see `Members.join`."""
        self._address = address
        await self._membership.renew()

    async def leave(self) -> None:
        """Give the lease back; see `Members.leave`."""
        await trio.lowlevel.checkpoint()
        self._membership.leave()
        self._shared.renew(self._node, self, self._address, trio.current_time())

    async def _renew(self) -> list[Lessee]:
        until = trio.current_time() + self.lease
        if not self._shared.renew(self._node, self, self._address, until):
            raise name_taken(self._node)
        return self._shared.lessees()

    async def run(self) -> None:
        """Answer calls, and keep the lease."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._membership.run)
            while True:
                await self._called.wait()
                self._called = trio.Event()
                calls, self._calls = self._calls, deque()
                for call in calls:
                    call()

    def _call(self, call: Callable[[], object]) -> None:
        self._calls.append(call)
        self._called.set()

    async def open(self, sid: str, record: Record) -> None:
        """Keep the record of a new session."""
        await trio.lowlevel.checkpoint()
        if sid not in self._shared.records:
            self._shared.put(sid, record)

    def commit(self, sid: str, generation: int, version: int, change: Change, answered: Answered) -> None:
        """Apply a change; see `Records.commit`."""
        self.counts.commits += 1

        def apply() -> None:
            verdict, record = records.committed(self._shared.records.get(sid), generation, version, change)
            self._answer(sid, verdict, record, answered)

        self._call(apply)

    def restore(self, sid: str, record: Record, answered: Answered) -> None:
        """Put back a record; see `Records.restore`."""

        def put_back() -> None:
            self._answer(sid, *records.restored(self._shared.records.get(sid), record), answered)

        self._call(put_back)

    def _answer(self, sid: str, verdict: Verdict, record: Record | None, answered: Answered) -> None:
        self._shared.put(sid, record)
        answered(verdict)

    async def adopt(self, sid: str, seen: int) -> Record | str | None:
        """Make this node the owner; see `Records.adopt`."""
        await trio.lowlevel.checkpoint()
        record = self._shared.records.get(sid)
        if record is None or record.gone:
            return None
        adopted = records.adopted(record, self._node, seen)
        self._shared.put(sid, adopted)
        self.counts.adoptions += adopted is not None
        return adopted or record.owner

    async def owner(self, sid: str) -> tuple[str, int] | None:
        """Return which node has a session, and in which generation."""
        await trio.lowlevel.checkpoint()
        record = self._shared.records.get(sid)
        return None if record is None or record.gone else (record.owner, record.generation)

    async def sessions_of(self, node: str, after: str = "") -> tuple[Sequence[str], str]:
        """Return a piece of the sessions that a node has; see `Records.sessions_of`."""
        await trio.lowlevel.checkpoint()
        owned = sorted(
            sid
            for sid, record in self._shared.records.items()
            if sid > after and record.owner == node and not record.gone
        )
        return owned[:PIECE], owned[PIECE - 1] if len(owned) > PIECE else ""

    async def forget_sessions(self, node: str, sids: Sequence[str]) -> None:  # noqa: ARG002 - see `forget_node`
        """See `Records.forget_sessions`."""
        await trio.lowlevel.checkpoint()

    async def forget_node(self, node: str) -> None:  # noqa: ARG002 - each record says whose it is
        """See `Records.forget_node`; it has nothing besides the records."""
        await trio.lowlevel.checkpoint()

    def append(self, shelf: LogShelf, new: Addition, appended: Callable[[Appended], object]) -> None:
        """Append an update to the log of its path; see `Logs.append`."""
        self._call(lambda: appended(self._shared.logs.append(shelf, new, trio.current_time())))

    def claim(self, key: str, value: bytes, seconds: float, had: Callable[[bytes | None], object]) -> None:
        """Have a key stand for a value; see `Logs.claim`."""
        self._call(lambda: had(self._shared.logs.claim(key, value, seconds, trio.current_time())))

    async def read_log(self, shelf: LogShelf, path: str, behind: int) -> PathLog:
        """Return what is kept of a path; see `Logs.read_log`."""
        await trio.lowlevel.checkpoint()
        return self._shared.logs.read(shelf, path, behind, trio.current_time())

    async def changed_logs(self, shelf: LogShelf, behind: int) -> ChangedPaths:
        """Return which paths have something new; see `Logs.changed_logs`."""
        await trio.lowlevel.checkpoint()
        return self._shared.logs.changed(shelf, behind, PIECE)
