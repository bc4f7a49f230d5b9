"""The engine on Redis 7 or Valkey: one server, a master with sentinels, or a cluster; see `cometary.cluster.engine`.

1.  Frequent calls go over the lane, or lanes (`cometary.cluster.redis.connections`); coredis checks whether each
    server can be the engine, and loads the functions.
2.  All keys of a session are in one slot. Which sessions a node has is kept beside them, not in the same step: a
    hint. The fact that a node has any is kept long after its lease is forgotten: a node that joins treats it as one
    that has just gone.
3.  A server that is not the same process as before may have lost what it had confirmed. What it confirms during the
    grace is not told: when that is over it is asked again, and that answer counts (R9).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, cast

import trio

from cometary.cluster.change import Change, Verdict
from cometary.cluster.engine import PIECE, Answered, EngineState
from cometary.cluster.engine_counts import EngineCounts
from cometary.cluster.membership import LEASE, RENEWALS, Lessee, Membership, name_taken
from cometary.cluster.record import NOT_OPENED, Record, stands
from cometary.cluster.redis import arguments
from cometary.cluster.redis.admin import administrator
from cometary.cluster.redis.connection import PATIENCE
from cometary.cluster.redis.connections import connections_to
from cometary.cluster.redis.keys import MEMBER_KEYS, SESSION_KEYS, Keys
from cometary.cluster.redis.logs import RedisLogs
from cometary.cluster.redis.one_server import Watcher
from cometary.cluster.redis.places import read_place
from cometary.cluster.redis.wire import Reply, command
from cometary.errors import EngineError

REMEMBERED: Final = 3600
"""Seconds for which a node is known whose lease has run out."""

RENEW: Final = arguments.function("renew")

START: Final = b"0"
"""Where `SSCAN` begins, and what it answers with at its end."""

LONGEST_WAIT: Final = 10.0
"""Seconds for which an opening or an adoption waits for an engine that is away; an adoption besides for the grace."""


class RedisEngine:
    """The engine of one node.

    Args:
        url: where it is; see `cometary.cluster.redis.places`.
        node: the node's name.
        lease: seconds.
        keys: those that the cluster uses; None for the usual ones.
        replicas: how many must hold what is recorded before it counts as recorded.

    Raises:
        EngineError: the URL is wrong; the operator's fault.
    """

    def __init__(
        self, url: str, node: str, *, lease: float = LEASE, keys: Keys | None = None, replicas: int = 0
    ) -> None:
        self._place = read_place(url)
        self._keys = keys or Keys()
        self.node = self._node = node
        self.lease = lease
        self.incarnation = secrets.token_hex(8)
        self._address = ""
        self._membership = Membership(node, lease, self._renew)
        self._may_lack = False
        self._restarted = trio.Event()
        self._unconfirmed: list[Callable[[], None]] = []
        watcher = Watcher(self._membership.neighbours.away, self._note_loss, lease / RENEWALS)
        self._lane = connections_to(self._place, watcher, replicas)
        self.counts = EngineCounts(self._lane.times.histogram)
        self.alive = self._membership.alive
        self.address = self._membership.neighbours.address
        self.addresses = self._membership.neighbours.addresses
        self.watch = self._membership.watch
        self.incarnation_of = self._membership.neighbours.incarnation
        self.watch_ousted = self._membership.watch_ousted
        self.watch_lapses = self._membership.watch_lapses
        self.watch_lapses(self._have_node_known)
        logs = RedisLogs(self._keys, self.incarnation, self._lane.call, self._wait_for)
        self.append, self.read_log, self.changed_logs = logs.append, logs.read_log, logs.changed_logs
        self.claim = logs.claim

    # -- who is there

    @property
    def lease_until(self) -> float:
        """When this node's lease runs out by its own clock."""
        return self._membership.lease_until

    @property
    def state(self) -> EngineState:
        """Whether the engine is there."""
        if not self._lane.up:
            return "down"
        return "grace" if self._membership.in_grace else "up"

    async def join(self, address: str) -> None:
        """Take out a lease; see `Members.join`."""
        self._address = address
        try:
            await self._lane.prepare()
            asked = trio.current_time()
            lessees = self._lessees(await self._tell(self.lease))
            lessees += await self._forgotten({lessee.node for lessee in lessees})
        except OSError as error:
            raise EngineError(str(error)) from None
        self._membership.renewed(asked, lessees)

    async def look(self) -> None:
        """Ask who is there; see `Members.look`."""
        await trio.lowlevel.checkpoint()
        if self._lane.reaches(self._keys.nodes):  # else it will be asked as soon as it is there
            await self._membership.look()

    async def leave(self) -> None:
        """Give the lease back; see `Members.leave`."""
        self._membership.leave()
        with trio.move_on_after(PATIENCE), suppress(Exception):
            await self._tell(0)

    async def _tell(self, lease: float) -> object:
        async with administrator(await self._lane.server_of(self._keys.nodes)) as client:
            reply: object = await client.fcall(RENEW, self._keys.members, self._mine(lease))
            return reply

    async def _forgotten(self, known: set[str]) -> list[Lessee]:
        """Return the nodes that had sessions, and have gone too long ago for their leases to be known."""
        async with administrator(await self._lane.server_of(self._keys.nodes)) as client:
            await client.sadd(self._keys.nodes, [self._node])
            names = {name.decode() for name in await client.smembers(self._keys.nodes)}
        return [Lessee(name, "", 0.0) for name in names - known]

    def _have_node_known(self) -> None:
        """Record that this node has sessions: it was taken to be dead, or the engine has lost that."""
        self._lane.call(command("SADD", self._keys.nodes, self._node), _nobody)

    def _mine(self, lease: float) -> list[str | int]:
        milliseconds = [int(1000 * lease), 1000 * REMEMBERED]
        return [self._node, self.incarnation, self._address, *milliseconds]

    async def _renew(self) -> list[Lessee]:
        if not self._lane.reaches(self._keys.nodes):
            raise self._cannot_be_asked("there is no connection")
        asked = command("FCALL", RENEW, MEMBER_KEYS, *self._keys.members, *self._mine(self.lease))
        with trio.move_on_after(PATIENCE):
            try:
                reply = await self._lane.ask(asked)
            except EngineError as error:
                raise OSError(str(error)) from None
            return self._lessees(reply)
        self._lane.drop()
        raise self._cannot_be_asked("it does not answer")

    def _cannot_be_asked(self, why: str) -> OSError:
        return OSError(f"the engine at {self._place} cannot be reached: {why}")

    def _lessees(self, reply: object) -> list[Lessee]:
        lessees = arguments.lessees_from(reply)
        if lessees is None:
            raise name_taken(self._node)
        return lessees

    # -- the connection

    async def run(self) -> None:
        """Keep the connection, and the lease."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._lane.run)
            nursery.start_soon(self._membership.run)
            nursery.start_soon(self._confirm_after_grace)

    def _note_loss(self) -> None:
        """It may lack what it had confirmed: rule 3."""
        self._membership.neighbours.away()
        self._may_lack = True
        self._restarted.set()

    async def _confirm_after_grace(self) -> None:
        """Ask again what was not told, whenever all have had time to put back what was lost (rule 3)."""
        while True:
            await self._restarted.wait()
            self._restarted = trio.Event()
            await self._membership.after_grace()
            self._may_lack = False
            again, self._unconfirmed = self._unconfirmed, []
            for ask in again:
                ask()

    # -- records

    def commit(self, sid: str, generation: int, version: int, change: Change, answered: Answered) -> None:
        """Apply a change; see `Records.commit`."""
        self.counts.commits += 1
        self._change("commit", sid, arguments.of_change(generation, version, change), answered)

    def restore(self, sid: str, record: Record, answered: Answered) -> None:
        """Put back a record; see `Records.restore`."""
        self._lane.call(command("SADD", self._keys.of_node(record.owner), sid), _nobody)
        self._change("restore", sid, arguments.of_record(record), answered)

    def _change(self, name: str, sid: str, given: Sequence[arguments.Argument], answered: Answered) -> None:
        lacking = self._may_lack

        def take(reply: Reply) -> None:
            verdict = arguments.VERDICTS[cast("int", reply)]
            if not stands(verdict, lacking=lacking or self._may_lack):
                self._unconfirmed.append(partial(self._change, name, sid, given, answered))
                if not self._may_lack:  # the grace has ended meanwhile
                    self._restarted.set()
                return
            if reply == arguments.OVER or verdict is Verdict.FENCED:
                self._lane.call(command("SREM", self._keys.of_node(self._node), sid), _nobody)
            answered(verdict)

        def let_go(_: EngineError) -> None:
            answered(Verdict.FENCED)  # what cannot be recorded is nobody's, and no other session waits for it

        self._lane.call(self._call(name, sid, given), take, let_go)

    async def open(self, sid: str, record: Record) -> None:
        """Keep the record of a new session; see `Records.open`."""
        index = command("SADD", self._keys.of_node(record.owner), sid)
        undo = partial(self.commit, sid, record.generation, record.version, NOT_OPENED, _nobody)
        await self._wait_for(index, self._call("open", sid, arguments.of_record(record)), undo=undo)

    async def adopt(self, sid: str, seen: int) -> Record | str | None:
        """Make this node the owner; see `Records.adopt`."""
        with trio.move_on_after(self._membership.longest_grace + LONGEST_WAIT) as waited:
            await self._membership.after_grace()
        if waited.cancelled_caught:
            raise self._is_away()
        found = arguments.record_from(await self._ask("adopt", sid, self._node, seen))
        if isinstance(found, Record):
            self.counts.adoptions += 1
            self._lane.call(command("SADD", self._keys.of_node(self._node), sid), _nobody)
        return found

    async def owner(self, sid: str) -> tuple[str, int] | None:
        """Return which node has a session, and in which generation."""
        return arguments.owner_from(await self._ask("owner", sid))

    async def sessions_of(self, node: str, after: str = "") -> tuple[Sequence[str], str]:
        """Return a piece of the sessions that a node has, or had; see `Records.sessions_of`."""
        reply = await self._wait_for(
            command("SSCAN", self._keys.of_node(node), after or START, "COUNT", PIECE)
        )
        place, sids = cast("tuple[bytes, list[bytes]]", reply)
        return [sid.decode() for sid in sids], "" if place == START else place.decode()

    async def forget_sessions(self, node: str, sids: Sequence[str]) -> None:
        """Forget that a node had these sessions; see `Records.forget_sessions`."""
        await self._wait_for(command("SREM", self._keys.of_node(node), *sids))

    async def forget_node(self, node: str) -> None:
        """Forget a node that is gone; see `Records.forget_node`."""
        await self._wait_for(command("DEL", self._keys.of_node(node)))
        await self._wait_for(command("SREM", self._keys.nodes, node))

    async def _ask(self, name: str, sid: str, *given: arguments.Argument) -> Reply:
        return await self._wait_for(self._call(name, sid, given))

    def _call(self, name: str, sid: str, given: Sequence[arguments.Argument]) -> bytes:
        keys = self._keys.of_session(sid)
        return command("FCALL", arguments.function(name), SESSION_KEYS, *keys, *given)

    async def _wait_for(self, *asked: bytes, undo: Callable[[], object] | None = None) -> Reply:
        with trio.move_on_after(LONGEST_WAIT):
            return await self._lane.ask(*asked, undo=undo)
        raise self._is_away()

    def _is_away(self) -> EngineError:
        return EngineError(f"the engine at {self._place} is away")


def _nobody(_: object) -> None:
    """Is told."""
