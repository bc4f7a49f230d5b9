"""Where the numbers of a server are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cometary.server.metrics.lag import LoopLag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cometary.actors import ActorSystem
    from cometary.dispatch.hub import Hub
    from cometary.server.metrics.crashes import Crashes
    from cometary.sessions import SessionManager
    from cometary.transport.net.channel import Traffic


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a server's numbers are.

    Attributes:
        actors: the system that it lives in.
        manager: its sessions.
        hub: what is sent to them.
        traffic: what its connections have counted.
        connections: returns how many connections there are.
        doors: returns what its doors count.
        crashes: what has crashed.
        build: what runs: labels and their values.
        lag: how late tasks have their turn.
    """

    actors: ActorSystem
    manager: SessionManager
    hub: Hub
    traffic: Traffic
    connections: Callable[[], int]
    doors: Callable[[], Mapping[str, Any]]
    crashes: Crashes
    build: Mapping[str, str]
    lag: LoopLag = field(default_factory=LoopLag)
