"""The engine of a cluster, as the rest of the cluster sees it: who is there, and the records of sessions.

1.  Everything may be sent twice: an engine sends again what has no answer, because its connection broke or because it
    was told to try later. So doing a thing again changes nothing.
2.  Where a delivery waits there is a plain call and a callback, so that no actor waits. The calls of one turn of the
    scheduler go out in one write, and are answered in order, in a later turn.
3.  A lease says who is there. It makes nodes replaceable; only the generation of a record makes that safe.
4.  After the engine was away, no node is taken to be dead until all have had time to renew their leases (`grace`). If
    it may have lost something meanwhile, it confirms nothing until then either (R9).

`local` is the engine within a process (`cometary.cluster.local`), `redis` the one on Redis or Valkey
(`cometary.cluster.redis`). Every engine has to pass `tests/cluster/conformance`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

from cometary.cluster.change import Change, Verdict
from cometary.cluster.engine_counts import EngineCounts
from cometary.cluster.path_logs import Addition, Appended, ChangedPaths, LogShelf, PathLog
from cometary.cluster.record import Record
from cometary.errors import NodeNameError

Answered = Callable[[Verdict], object]

PIECE: Final = 1_000
"""How many sessions of a node are named at a time: no answer is so long that it holds up others."""

EngineState = Literal["up", "grace", "down"]


class Records(Protocol):
    """The records, and by these the directory of sessions."""

    async def open(self, sid: str, record: Record) -> None:
        """Keep the record of a new session, as durably as the engine is set to.

        A caller that is cancelled, or gets an error, has not opened it: what may have been kept is ended
        (`NOT_OPENED`).

        Raises:
            EngineError: the engine refuses it, or is away; the operator's fault.
        """
        ...

    def commit(self, sid: str, generation: int, version: int, change: Change, answered: Answered) -> None:
        """Apply a change; see `cometary.cluster.record.committed`.

        Args:
            sid: the session.
            generation: of the owner that makes it.
            version: that the record is to have.
            change: the change.
            answered: told the outcome, in the order of the calls and never within one. While the engine is away,
                nothing is told; during the grace only what stands (`cometary.cluster.record.stands`), and the rest
                when that is over.
        """
        ...

    def restore(self, sid: str, record: Record, answered: Answered) -> None:
        """Put back a record that the engine has lost; see `cometary.cluster.record.restored`."""
        ...

    async def adopt(self, sid: str, seen: int) -> Record | str | None:
        """Make this node the owner of a session, of the next generation. During the grace it waits.

        Args:
            sid: the session.
            seen: the generation that was found to be without an owner.

        Returns:
            Its record; which node has it, if it is now of another generation; or None if nobody has it.
        """
        ...

    async def owner(self, sid: str) -> tuple[str, int] | None:
        """Return which node has a session, and in which generation; None if nobody has."""
        ...

    async def sessions_of(self, node: str, after: str = "") -> tuple[Sequence[str], str]:
        """Return a piece of the sessions that a node has, or had: a hint; what holds is each record.

        Args:
            node: its name.
            after: what came with the piece before; "" for the first.

        Returns:
            About `PIECE` ids, of which some may come again in another piece, and what to ask for the next one with; ""
            if there is none. All come that were there from the first piece to the last.
        """
        ...

    async def forget_sessions(self, node: str, sids: Sequence[str]) -> None:
        """Forget that a node had these sessions, now that each of them belongs to another node, or has ended."""
        ...

    async def forget_node(self, node: str) -> None:
        """Forget a node that is gone, and which sessions it had."""
        ...


class Members(Protocol):
    """Who is there."""

    @property
    def node(self) -> str:
        """The name of this node."""
        ...

    @property
    def lease(self) -> float:
        """How long a lease is, in seconds."""
        ...

    async def join(self, address: str) -> None:
        """Take out a lease for this node.

        Args:
            address: where the other nodes reach it.

        Raises:
            NodeNameError: there is another node of this name, or was until a moment ago.
            EngineError: the engine cannot be used. The operator's fault, as above.
        """
        ...

    @property
    def lease_until(self) -> float:
        """When this node's lease runs out by its own clock, counted from before it was renewed."""
        ...

    def alive(self, node: str) -> bool:
        """Whether a node is there, as far as is known."""
        ...

    def address(self, node: str) -> str | None:
        """Return where a node is reached; None if it is not known."""
        ...

    def addresses(self) -> dict[str, str]:
        """Return where each other node is reached that is there, by its name, as far as is known."""
        ...

    async def leave(self) -> None:
        """Give the lease back, for another process to have this node's name; in vain while the engine is away.

        Its sessions are then to be adopted, without waiting for the lease to run out.
        """
        ...

    @property
    def incarnation(self) -> str:
        """Which process of its name this node is."""
        ...

    def incarnation_of(self, node: str) -> str:
        """Return which process of its name another node is; empty if that is not known."""
        ...

    def watch_ousted(self, ousted: Callable[[NodeNameError], object]) -> None:
        """Call `ousted` when another node has the name that this one had, which then no longer renews its lease."""
        ...

    async def look(self) -> None:
        """Ask who is there now, rather than at the next regular time."""
        ...

    def watch(self, gone: Callable[[str], object]) -> None:
        """Call `gone` for every node whose lease runs out, once; on the loop."""
        ...

    def watch_lapses(self, lapsed: Callable[[], object]) -> None:
        """Call `lapsed` when this node's lease had run out and is renewed, and when the engine was away."""
        ...


class Logs(Protocol):
    """What is kept of paths with a history, for all nodes; see `cometary.cluster.path_logs`."""

    def append(self, shelf: LogShelf, new: Addition, appended: Callable[[Appended], object]) -> None:
        """Append an update, once, however often the connection breaks.

        Args:
            shelf: where its path is kept.
            new: the update.
            appended: told what has become of it, in the order of the calls and never within one. While the engine is
                away, nothing is told. That it is refused for good may be told out of order.
        """
        ...

    def claim(self, key: str, value: bytes, seconds: float, had: Callable[[bytes | None], object]) -> None:
        """Make a key stand for a value, unless it stands for one already.

        Args:
            key: the key.
            value: the value; no other call of this or any other node has the same.
            seconds: for how long.
            had: told what it stands for already; None if it stands for `value` now. It is told as `appended` is.
        """
        ...

    async def read_log(self, shelf: LogShelf, path: str, behind: int) -> PathLog:
        """Return all that is kept of a path behind a number; from -1 on for all.

        Raises:
            EngineError: the engine is away; the operator's fault.
        """
        ...

    async def changed_logs(self, shelf: LogShelf, behind: int) -> ChangedPaths:
        """Return the first `PIECE` paths of a shelf with greater numbers than this; raises as `read_log`."""
        ...


class Engine(Records, Members, Logs, Protocol):
    """All of it, for one node."""

    async def run(self) -> None:
        """Keep the connections and the lease; it returns when it is cancelled."""
        ...

    @property
    def state(self) -> EngineState:
        """`grace`: it was away, so no node is taken to be dead yet."""
        ...

    @property
    def counts(self) -> EngineCounts:
        """What is counted about it, for those who watch the server."""
        ...
