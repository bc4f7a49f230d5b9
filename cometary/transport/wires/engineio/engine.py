"""What all connections of one Engine.IO endpoint have in common: who they are, and what clients are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.log import get_logger
from cometary.sessions.ids import new_sid
from cometary.transport.codecs import json
from cometary.transport.wires.alarms import Alarms
from cometary.transport.wires.engineio.connection import EngineConnection, Talk

if TYPE_CHECKING:
    from cometary.gate.rate_limit import OpenLimiter
    from cometary.transport.http.body_queue import BodyQueue
    from cometary.transport.http.limits import Limits
    from cometary.transport.wires.engineio.credentials import HandshakeCredentials

logger = get_logger("cometary.transport")

UPGRADE: Final = 10.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long is waited for what, in seconds.

    Attributes:
        ping_interval: from one sign of life to when the next is asked for.
        ping_timeout: for that.
        connect: for a client to connect to anything above Engine.IO.
        upgrade: for a WebSocket that polling is to go on as.
    """

    ping_interval: float
    ping_timeout: float
    connect: float
    upgrade: float = UPGRADE


class Engine:
    """All connections of one endpoint.

    Args:
        new_talk: makes what is said on a new one.
        times: how long is waited for what.
        limits: what one client may take.
        bodies: has what comes handed on in its turn.
        limiter: how many connections an address may begin.
        most: how many there may be.
        start_soon: runs an async function beside everything else.
        new_sid: makes the ids of connections.
        look_elsewhere: raises an `ElsewhereError` if another process has the connection with an id.

    Attributes:
        connections: by their ids.
        alarms: calls what is due.
        bodies: the same.
        limits: the same.
        times: the same.
    """

    def __init__(
        self,
        new_talk: Callable[[EngineConnection], Talk],
        times: Times,
        limits: Limits,
        bodies: BodyQueue,
        *,
        limiter: OpenLimiter,
        most: int,
        start_soon: Callable[..., None],
        new_sid: Callable[[], str] = new_sid,
        look_elsewhere: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.new_talk = new_talk
        self.times = times
        self.limits = limits
        self.bodies = bodies
        self.connections: dict[str, EngineConnection] = {}
        self.alarms = Alarms(start_soon)
        self.until_ping = self.alarms.after("ping", times.ping_interval)
        self.until_pong = self.alarms.after("pong", times.ping_timeout)
        self.new_sid = new_sid
        self.look_elsewhere = look_elsewhere
        self._limiter = limiter
        self._most = most

    def open(self, credentials: HandshakeCredentials) -> EngineConnection:
        """Begin a connection.

        Raises:
            ProtocolError: `too-many-requests` or `too-many-sessions`; try later.
        """
        self.check(credentials.peer)
        return EngineConnection(self, credentials)

    def check(self, peer: str) -> None:
        """Count one more connection of an address; raises as `open` does."""
        self._limiter.check(peer)
        if len(self.connections) >= self._most:
            detail = "the server has as many connections as it may have"
            raise ProtocolError("too-many-sessions", detail, retry_after=1)

    def welcome(self, sid: str, *, upgrades: bool) -> str:
        """Return what a client is told at first."""
        times = self.times
        return json.encode(
            {
                "sid": sid,
                "upgrades": ["websocket"] if upgrades else [],
                "pingInterval": round(times.ping_interval * 1000),
                "pingTimeout": round(times.ping_timeout * 1000),
                "maxPayload": self.limits.body_bytes,
            }
        ).decode()

    def guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return `work` as what never raises: of which the log tells instead."""

        def do() -> None:
            try:
                work()
            except Exception:
                logger.exception(
                    "connection failed", text="what has come on a connection could not be handed on"
                )

        return do
