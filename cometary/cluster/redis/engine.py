"""The engine on Redis 7 or Valkey; see `cometary.cluster.engine`.

1.  Frequent calls go by the lane; coredis checks whether the server can be the engine, and loads the functions. It does
    both at every new connection: a server that was restarted may have lost the functions.
2.  All keys of a session are in one slot. Which sessions a node has is kept beside them, not in the same step: a hint.
3.  A server that is another process than before may have lost what it had confirmed. What it confirms during the grace
    is not told: when that is over it is asked again, and that answer counts (R9).
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
from cometary.cluster.membership import LEASE, Lessee, Membership, name_taken
from cometary.cluster.record import Record, stands
from cometary.cluster.redis import arguments
from cometary.cluster.redis.admin import administrator, prepare
from cometary.cluster.redis.connection import PATIENCE, open_stream, sign_in, unreachable
from cometary.cluster.redis.lane import Lane
from cometary.cluster.redis.url import read_url
from cometary.cluster.redis.wire import Reply, command
from cometary.errors import EngineError

REMEMBERED: Final = 3600
"""Seconds for which a node is known whose lease has run out."""

RENEW: Final = arguments.function("renew")
MEMBER_KEYS: Final = (2, "cometary:{nodes}:leases", "cometary:{nodes}:who")

START: Final = b"0"
"""Where `SSCAN` begins, and what it answers with at its end."""

LONGEST_WAIT: Final = 10.0
"""Seconds for which an opening or an adoption waits for an engine that is away; an adoption besides for the grace."""


class RedisEngine:
    """The engine of one node.

    Args:
        url: where the server is; see `cometary.cluster.redis.url`.
        node: the node's name.
        lease: seconds.

    Raises:
        EngineError: the URL is wrong; the operator's fault.
    """

    def __init__(self, url: str, node: str, *, lease: float = LEASE) -> None:
        self._url = read_url(url)
        self.node = self._node = node
        self.lease = lease
        self._incarnation = secrets.token_hex(8)
        self._address = ""
        self._membership = Membership(node, lease, self._renew)
        self._server = ""  # which process it is
        self._may_lack = False
        self._restarted = trio.Event()
        self._unconfirmed: list[Callable[[], None]] = []
        self._lane = Lane(str(self._url), self._connect, self._membership.neighbours.away)
        self.alive = self._membership.alive
        self.address = self._membership.neighbours.address
        self.addresses = self._membership.neighbours.addresses
        self.watch = self._membership.watch
        self.watch_lapses = self._membership.watch_lapses

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
            await trio.aclose_forcefully(
                await open_stream(self._url)
            )  # coredis leaves streams when it cannot connect
            self._server = await prepare(self._url)
            asked = trio.current_time()
            reply = await self._tell(self.lease)
        except OSError as error:
            raise EngineError(str(error)) from None
        self._membership.renewed(asked, self._lessees(reply))

    async def look(self) -> None:
        """Ask who is there; see `Members.look`."""
        await trio.lowlevel.checkpoint()
        if self._lane.up:  # else it will be asked as soon as it is there
            await self._membership.look()

    async def leave(self) -> None:
        """Give the lease back; see `Members.leave`."""
        self._membership.leave()
        with trio.move_on_after(PATIENCE), suppress(Exception):
            await self._tell(0)

    async def _tell(self, lease: float) -> object:
        async with administrator(self._url) as client:
            _, *keys = MEMBER_KEYS
            reply: object = await client.fcall(RENEW, [str(key) for key in keys], self._mine(lease))
            return reply

    def _mine(self, lease: float) -> list[str | int]:
        milliseconds = [int(1000 * lease), 1000 * REMEMBERED]
        return [self._node, self._incarnation, self._address, *milliseconds]

    async def _renew(self) -> list[Lessee]:
        if not self._lane.up:
            raise unreachable(self._url, "there is no connection")
        asked = command("FCALL", RENEW, *MEMBER_KEYS, *self._mine(self.lease))
        with trio.move_on_after(PATIENCE):
            return self._lessees(await self._lane.ask(asked))
        self._lane.drop()
        raise unreachable(self._url, "it does not answer")

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

    async def _connect(self) -> trio.abc.Stream:
        stream = await open_stream(self._url)
        try:
            server = await prepare(self._url)
            await sign_in(self._url, stream)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        self._note_server(server)
        return stream

    def _note_server(self, server: str) -> None:
        if self._server and server != self._server:
            self._may_lack = True
            self._restarted.set()
        self._server = server

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
        self._change("commit", sid, arguments.of_change(generation, version, change), answered)

    def restore(self, sid: str, record: Record, answered: Answered) -> None:
        """Put back a record; see `Records.restore`."""
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
                self._lane.call(command("SREM", _index(self._node), sid), _nobody)
            answered(verdict)

        self._lane.call(command("FCALL", arguments.function(name), *arguments.keys(sid), *given), take)

    async def open(self, sid: str, record: Record) -> None:
        """Keep the record of a new session; see `Records.open`."""
        self._lane.call(command("SADD", _index(record.owner), sid), _nobody)
        await self._ask("open", sid, *arguments.of_record(record))

    async def adopt(self, sid: str, seen: int) -> Record | str | None:
        """Make this node the owner; see `Records.adopt`."""
        with trio.move_on_after(self._membership.longest_grace + LONGEST_WAIT) as waited:
            await self._membership.after_grace()
        if waited.cancelled_caught:
            raise self._is_away()
        found = arguments.record_from(await self._ask("adopt", sid, self._node, seen))
        if isinstance(found, Record):
            self._lane.call(command("SADD", _index(self._node), sid), _nobody)
        return found

    async def owner(self, sid: str) -> tuple[str, int] | None:
        """Return which node has a session, and in which generation."""
        return arguments.owner_from(await self._ask("owner", sid))

    async def sessions_of(self, node: str, after: str = "") -> tuple[Sequence[str], str]:
        """Return a piece of the sessions that a node has, or had; see `Records.sessions_of`."""
        reply = await self._wait_for(command("SSCAN", _index(node), after or START, "COUNT", PIECE))
        place, sids = cast("tuple[bytes, list[bytes]]", reply)
        return [sid.decode() for sid in sids], "" if place == START else place.decode()

    async def forget_sessions(self, node: str, sids: Sequence[str]) -> None:
        """Forget that a node had these sessions; see `Records.forget_sessions`."""
        await self._wait_for(command("SREM", _index(node), *sids))

    async def forget_node(self, node: str) -> None:
        """Forget a node that is gone; see `Records.forget_node`."""
        await self._wait_for(command("DEL", _index(node)))

    async def _ask(self, name: str, sid: str, *given: arguments.Argument) -> Reply:
        return await self._wait_for(command("FCALL", arguments.function(name), *arguments.keys(sid), *given))

    async def _wait_for(self, asked: bytes) -> Reply:
        with trio.move_on_after(LONGEST_WAIT):
            return await self._lane.ask(asked)
        raise self._is_away()

    def _is_away(self) -> EngineError:
        return EngineError(f"the engine at {self._url} is away")


def _index(node: str) -> str:
    return f"cometary:of:{node}"


def _nobody(_: Reply) -> None:
    """Is told."""
