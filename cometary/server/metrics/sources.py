"""Where the numbers of a server are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cometary.server.metrics.lag import LoopLag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cometary.actors import ActorSystem
    from cometary.cluster.engine_counts import EngineCounts
    from cometary.dispatch.hub import Hub
    from cometary.server.front_end import FrontEnd
    from cometary.server.metrics.crashes import Crashes
    from cometary.sessions import SessionManager


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a server's numbers are.

    Attributes:
        actors: the system that it lives in.
        manager: its sessions.
        hub: what is sent to them.
        front_end: its connections.
        doors: returns what its doors count.
        crashes: what has crashed.
        nodes: returns what is counted of other nodes; nothing on a server by itself.
        engine: what is counted of the engine; None if there is none.
        lag: how late tasks get their turn.
    """

    actors: ActorSystem
    manager: SessionManager
    hub: Hub
    front_end: FrontEnd
    doors: Callable[[], Mapping[str, Any]]
    crashes: Crashes
    nodes: Callable[[], Mapping[str, int]] = dict
    engine: EngineCounts | None = None
    lag: LoopLag = field(default_factory=LoopLag)
