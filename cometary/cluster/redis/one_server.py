"""The lane to the one server that accepts writes: always the same, or the one that sentinels say is the master.

1.  Whether a server can be the engine is checked, and the functions are loaded, at every new connection: a server
    that was restarted may have lost them.
2.  How many replicas it has is checked when the node starts; later it makes do with fewer until there are enough
    again.
3.  A server that is not the same process as before may have lost what was confirmed: it was restarted, or a replica
    has taken its place. The engine is told before anything is sent to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

import trio

from cometary.cluster.redis.admin import Wanted, prepare
from cometary.cluster.redis.call_times import CallTimes
from cometary.cluster.redis.connection import open_stream, sign_in
from cometary.cluster.redis.lane import Lane
from cometary.errors import EngineError

if TYPE_CHECKING:
    from cometary.cluster.redis.url import EngineURL


class Watcher(NamedTuple):
    """Who is told of an engine's state.

    Attributes:
        away: told whenever it, or a part of it, cannot be reached.
        may_lack: told when it may have lost what it had confirmed.
        every: seconds between two questions who the master is.
    """

    away: Callable[[], object]
    may_lack: Callable[[], object]
    every: float


async def connect(url: EngineURL, wanted: Wanted) -> tuple[trio.abc.Stream, str]:
    """Connect to a server that can be the engine; returns what tells its process from any other, too.

    Raises:
        OSError: it is not there, or not ready yet.
        EngineError: it cannot; the operator's fault.
    """
    stream = await open_stream(url)
    try:
        server = await prepare(url, wanted)
        await sign_in(url, stream)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream, server


async def look_at(url: EngineURL, wanted: Wanted) -> str:
    """Check that a server can be the engine; returns what tells its process from any other.

    Raises:
        OSError: it is not there, or not ready yet.
        EngineError: it cannot; the operator's fault.
    """
    await trio.aclose_forcefully(await open_stream(url))  # coredis leaves streams when it cannot connect
    return await prepare(url, wanted)


class OneServer:
    """See above.

    Args:
        name: what it is called in the log.
        find: returns where it is.
        watcher: told of its state.
        replicas: how many must hold what is recorded.
        moves: whether that place may change while there is a connection.

    Attributes:
        times: how long calls take.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Awaitable[EngineURL]],
        watcher: Watcher,
        replicas: int = 0,
        *,
        moves: bool = False,
    ) -> None:
        self._find = find
        self._watcher = watcher
        self._replicas = replicas
        self._moves = moves
        self._at: EngineURL | None = None
        self._server = ""  # which process it is
        self.times = CallTimes()
        self._lane = Lane(name, self._connect, watcher.away, replicas=replicas, times=self.times)
        self.call = self._lane.call
        self.ask = self._lane.ask
        self.drop = self._lane.drop

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._lane.up

    def reaches(self, key: str) -> bool:  # noqa: ARG002 - see `ClusterLanes`
        """Whether there is a connection to the server that has a key."""
        return self._lane.up

    async def prepare(self) -> None:
        """Check that the server can be the engine.

        Raises:
            OSError: it is not there, or not ready yet.
            EngineError: it cannot; the operator's fault.
        """
        self._server = await look_at(await self._find(), Wanted(replicas=self._replicas))

    async def server_of(self, key: str) -> EngineURL:  # noqa: ARG002 - see `ClusterLanes`
        """Return where the server is that has a key."""
        return await self._find()

    async def run(self) -> None:
        """Keep the connection."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._lane.run)
            if self._moves:
                nursery.start_soon(self._follow)

    async def _connect(self) -> trio.abc.Stream:
        url = await self._find()
        stream, server = await connect(url, Wanted())
        self._at = url
        if self._server and server != self._server:
            self._watcher.may_lack()
        self._server = server
        return stream

    async def _follow(self) -> None:
        """Let go of a server that is the master no more (`cometary.cluster.redis.sentinels`, rule 2)."""
        while True:
            await trio.sleep(self._watcher.every)
            try:
                found = await self._find()
            except (OSError, EngineError):
                continue
            if self._lane.up and found != self._at:
                self._lane.drop(f"is at {found} now")
