"""The connections to an engine of any kind: one server, a master that sentinels watch, or a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from cometary.cluster.redis.cluster_lanes import ClusterLanes
from cometary.cluster.redis.one_server import OneServer, Watcher
from cometary.cluster.redis.sentinels import Sentinels

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.cluster.redis.call_times import CallTimes
    from cometary.cluster.redis.places import Place
    from cometary.cluster.redis.url import EngineURL
    from cometary.cluster.redis.wire import Reply
    from cometary.errors import EngineError


class Connections(Protocol):
    """What makes the engine do things."""

    @property
    def up(self) -> bool:
        """Whether all of it can be reached."""
        ...

    def reaches(self, key: str) -> bool:
        """Whether the server that has a key can be reached."""
        ...

    @property
    def times(self) -> CallTimes:
        """How long it takes to answer."""
        ...

    def call(
        self,
        command: bytes,
        answered: Callable[[Reply], object],
        refused: Callable[[EngineError], object] = ...,
        /,
    ) -> None:
        """Have a command done; `answered` is told the reply on the loop, or `refused` that it can never be done."""
        ...

    async def ask(self, *commands: bytes, undo: Callable[[], object] | None = None) -> Reply:
        """Have commands done, and wait for the reply to the last one; see `cometary.cluster.redis.asking`."""
        ...

    def drop(self) -> None:
        """Let go of the connections: something does not answer."""
        ...

    async def prepare(self) -> None:
        """Check that it can be the engine.

        Raises:
            OSError: it is not there, or not ready yet.
            EngineError: it cannot; the operator's fault.
        """
        ...

    async def server_of(self, key: str) -> EngineURL:
        """Return where the server is that has a key.

        Raises:
            OSError: nobody knows at the moment.
            EngineError: the place is not what its URL says; the operator's fault.
        """
        ...

    async def run(self) -> None:
        """Keep the connections until cancelled."""
        ...


def connections_to(place: Place, watcher: Watcher, replicas: int) -> Connections:
    """Return what connects to an engine.

    Args:
        place: where it is.
        watcher: told of its state.
        replicas: how many must hold what is recorded before it counts as recorded.
    """
    if place.kind == "cluster":
        return ClusterLanes(place, watcher, replicas)
    if place.kind == "sentinel":
        return OneServer(str(place), Sentinels(place).find, watcher, replicas, moves=True)
    [server] = place.servers

    async def find() -> EngineURL:
        await trio.lowlevel.checkpoint()
        return server

    return OneServer(str(place), find, watcher, replicas)
