"""The lanes to the servers of a Redis Cluster, one for each that has slots.

1.  A call goes to the server that has the slot of its first key; all keys of one call are in one slot.
2.  A server that no longer has a slot says which one has it (`MOVED`), or is about to (`ASK`): the call goes there. A
    call for a slot that is moving, or that no server has at the moment, waits a little and is tried again. Calls of
    one slot keep their order (`cometary.cluster.redis.slot_lines`).
3.  The servers are asked who has what at the start, when one of them says that a slot has moved, and as long as one
    cannot be reached. Calls that wait for a server that no longer has slots go to those that have them.
4.  A server that has taken over from one that is gone may lack what its predecessor had confirmed. The engine is told
    before anything is sent to it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from cometary.cluster.redis.admin import Wanted
from cometary.cluster.redis.asking import Asking, Call, Withdrawals
from cometary.cluster.redis.call_times import CallTimes
from cometary.cluster.redis.connection import ask_once
from cometary.cluster.redis.lane import Lane
from cometary.cluster.redis.one_server import connect, look_at
from cometary.cluster.redis.slot_lines import SlotLines
from cometary.cluster.redis.slots import Address, SlotMap, key_of, redirection_from, slot_of, slots_from
from cometary.cluster.redis.wire import Refusal, command
from cometary.errors import EngineError

if TYPE_CHECKING:
    from cometary.cluster.redis.one_server import Watcher
    from cometary.cluster.redis.places import Place
    from cometary.cluster.redis.url import EngineURL

PAUSE: Final = 0.1
"""Seconds until what cannot be done now is tried again, and until the servers are asked again who has what."""

LATER: Final = frozenset({"TRYAGAIN", "CLUSTERDOWN"})
"""Refusals of what is moving, or of what nobody has."""

ASKING: Final = command("ASKING")
SLOTS: Final = command("CLUSTER", "SLOTS")


class ClusterLanes(Asking):
    """See above.

    Args:
        place: some servers of the cluster.
        watcher: told of its state.
        replicas: how many of each server must hold what is recorded.

    Attributes:
        times: how long calls take.
    """

    def __init__(self, place: Place, watcher: Watcher, replicas: int = 0) -> None:
        self._place = place
        self._watcher = watcher
        self._replicas = replicas
        self._map = SlotMap()
        self._lanes: dict[Address, Lane] = {}
        self._ends: dict[Address, trio.CancelScope] = {}
        self._servers: dict[Address, str] = {}  # which process each is
        self._lines = SlotLines()
        self._withdrawals = Withdrawals()
        self._ask_map = trio.Event()
        self.times = CallTimes()

    # -- calls

    @property
    def up(self) -> bool:
        """Whether there are connections to all."""
        return bool(self._lanes) and self._map.whole and all(lane.up for lane in self._lanes.values())

    def reaches(self, key: str) -> bool:
        """Whether there is a connection to the server that has a key."""
        server = self._map.of(slot_of(key.encode()))
        return server is not None and server in self._lanes and self._lanes[server].up

    def put(self, call: Call) -> None:
        """Have a call made by whichever server has its key (rule 1)."""
        call.slot = slot = slot_of(key_of(call.command))
        server = self._map.of(slot)
        if server is None or server not in self._lanes:
            self._lines.wait(slot, call, later=True)
            self._ask_map.set()
        elif self._lines.may_go(slot, server):
            self._send(slot, call, server)
        else:
            self._lines.wait(slot, call)

    def _send(self, slot: int, call: Call, server: Address) -> None:
        self._lines.sent(slot, server)
        self._lanes[server].put(call)

    def _send_those_that_waited(self, slot: int) -> None:
        server = self._map.of(slot)
        if server is None or server not in self._lanes:
            self._ask_map.set()
        else:
            for call in self._lines.take(slot):
                self._send(slot, call, server)

    def _note_settled(self, call: Call) -> None:
        if call.slot is not None and self._lines.ended(call.slot):
            self._send_those_that_waited(call.slot)

    def note_withdrawn(self, count: int) -> None:
        """Take note that nobody waits for some calls any longer: those that are not on their way are forgotten."""
        if self._withdrawals.worth_it(count, self._lines.waiting):
            self._lines.let_go_of_withdrawn()
        for lane in self._lanes.values():  # whichever has them
            lane.note_withdrawn(count)

    def drop(self) -> None:
        """Let go of all connections: some server does not answer."""
        for lane in self._lanes.values():
            lane.drop()

    def _elsewhere(self, asked: Address, call: Call, refusal: Refusal) -> bool:
        """Send a call where it belongs (rule 2)."""
        later = refusal.text.partition(" ")[0] in LATER
        found = redirection_from(refusal.text, asked.host)
        slot = call.slot
        if slot is None or (found is None and not later):
            return False
        lane = None if found is None else self._lanes.get(found.server)
        if found is not None and lane is not None:
            if found.once and not self._lines.waits(slot):
                lane.put(Call(ASKING, lambda _: None))
                lane.put(call)
                return True
            if not found.once:
                self._map.note_moved(slot, found.server)
        # A server that nobody has told of has a lane when it is known what it is.
        self._lines.wait(slot, call, returned=True, later=lane is None)
        self._ask_map.set()
        self._note_settled(call)
        return True

    # -- servers

    async def prepare(self) -> None:
        """Check that all servers can be the engine.

        Raises:
            OSError: one is not there, or not ready yet.
            EngineError: one cannot; the operator's fault.
        """
        self._map = await self._asked_map()
        if not self._map.whole:
            raise EngineError(f"the engine at {self._place} has no server for some slots: see CLUSTER INFO")
        for server in sorted(self._map.servers):
            self._servers[server] = await look_at(
                self._url(server), Wanted(cluster=True, replicas=self._replicas)
            )

    async def server_of(self, key: str) -> EngineURL:
        """Return where the server is that has a key.

        Raises:
            OSError: nobody knows at the moment.
            EngineError: it is not a cluster; the operator's fault.
        """
        server = (await self._asked_map()).of(slot_of(key.encode()))
        if server is None:
            raise OSError(f"the engine at {self._place} has no server for {key!r}")
        return self._url(server)

    def _url(self, server: Address) -> EngineURL:
        return self._place.servers[0]._replace(host=server.host, port=server.port)

    async def run(self) -> None:
        """Keep the connections."""
        self._ask_map.set()  # time has passed since it was last known, or a crash
        try:
            async with trio.open_nursery() as nursery:
                self._have_lanes(nursery)
                await self._keep_map(nursery)
        finally:
            for server in [*self._lanes]:
                self._end_lane(server)

    async def _keep_map(self, nursery: trio.Nursery) -> None:
        """Ask who has what (rule 3)."""
        while True:
            await self._ask_map.wait()
            self._ask_map = trio.Event()
            try:
                self._take_map(await self._asked_map(), nursery)
            except (OSError, EngineError):
                self._watcher.away()
                self._ask_map.set()
            for slot in self._lines.due():
                self._send_those_that_waited(slot)
            await trio.sleep(PAUSE)
            if self._lines.waiting or not self.up:
                self._ask_map.set()

    async def _asked_map(self) -> SlotMap:
        """Ask any server that answers, first those that are known to have slots."""
        trouble: Exception | None = None
        known = [self._url(server) for server, lane in self._lanes.items() if lane.up]
        for url in [*known, *self._place.servers]:
            try:
                reply = await ask_once(url, SLOTS)
            except (OSError, EngineError) as error:
                trouble = trouble or error
                continue
            if not isinstance(reply, Refusal):
                return slots_from(reply, url.host)
            trouble = trouble or EngineError(f"the engine at {url} {_said(reply)}")
        raise trouble or OSError("there is no server")

    def _take_map(self, found: SlotMap, nursery: trio.Nursery) -> None:
        before, self._map = self._map, found
        if found.may_lack(before):  # rule 4
            self._watcher.may_lack()
        self._have_lanes(nursery)
        for server in self._lanes.keys() - found.servers:
            self._end_lane(server)

    def _have_lanes(self, nursery: trio.Nursery) -> None:
        for server in self._map.servers - self._lanes.keys():
            lane = Lane(
                str(self._url(server)),
                partial(self._connect, server),
                self._note_away,
                replicas=self._replicas,
                elsewhere=partial(self._elsewhere, server),
                settled=self._note_settled,
                times=self.times,
            )
            self._lanes[server] = lane
            self._ends[server] = trio.CancelScope()
            nursery.start_soon(self._run_lane, lane, self._ends[server])

    def _end_lane(self, server: Address) -> None:
        for call in self._lanes.pop(server).take_all():
            if call.slot is not None:  # else it is `ASKING`, which is of that server alone
                self._lines.wait(call.slot, call, returned=True, later=True)
                self._lines.ended(call.slot)
        self._ends.pop(server).cancel()
        self.times.forget()

    async def _run_lane(self, lane: Lane, end: trio.CancelScope) -> None:
        with end:
            await lane.run()

    def _note_away(self) -> None:
        self._watcher.away()
        self._ask_map.set()

    async def _connect(self, server: Address) -> trio.abc.Stream:
        stream, process = await connect(self._url(server), Wanted(cluster=True))
        if self._servers.get(server, process) != process:
            self._watcher.may_lack()
        self._servers[server] = process
        return stream


def _said(refusal: Refusal) -> str:
    if refusal.text.startswith("ERR This instance has cluster support disabled"):
        return "is not a Redis Cluster: name it redis://HOST:PORT/DB"
    if refusal.text.startswith("NOAUTH"):
        return "wants a password: redis+cluster://:PASSWORD@…"
    return f"refuses to say who has what: {refusal.text}"
