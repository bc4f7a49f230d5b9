"""Socket.IO, if it is spoken: its parts, put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cometary.gate.rate_limit import OpenLimiter
from cometary.server.endpoints import Beside
from cometary.sessions.policy import policy_of
from cometary.sessions.settings import session_settings
from cometary.transport.wires.engineio.endpoint import METHODS, EngineEndpoint
from cometary.transport.wires.engineio.engine import Engine, Times
from cometary.transport.wires.socketio.common import SocketIo, Terms
from cometary.transport.wires.socketio.settings import CUSTOMARY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.app import App
    from cometary.gate.gate import Gate
    from cometary.settings import Settings
    from cometary.transport.http.body_queue import BodyQueue
    from cometary.transport.http.limits import Limits

MOST_UNHEARD: Final = 64
"""Packets on their way beyond which a client is asked for a sign of life."""


def socketio(
    settings: Settings,
    app: App,
    gate: Gate,
    limits: Limits,
    bodies: BodyQueue,
    *,
    now: Callable[[], float],
    start_soon: Callable[..., None],
    new_sid: Callable[[], str],
) -> Sequence[Beside]:
    """Return what answers its clients, if it is spoken: if the operator says so, or the application has namespaces.

    Args:
        settings: how the server is set up.
        app: the application, which says which namespaces there are.
        gate: lets clients in.
        limits: what one client may take.
        bodies: has what comes handed on in its turn.
        now: reads the clock, in seconds.
        start_soon: runs an async function beside everything else.
        new_sid: makes ids.
    """
    path = settings.socketio or (CUSTOMARY if app.namespaces else None)
    if path is None:
        return ()
    all_of_them = SocketIo(gate, terms_of(settings, app))
    times = Times(
        ping_interval=settings.socketio_ping_interval,
        ping_timeout=settings.socketio_ping_timeout,
        connect=settings.socketio_connect_timeout,
    )
    all_of_them.engine = Engine(
        all_of_them.new_talk,
        times,
        limits,
        bodies,
        limiter=OpenLimiter(settings.opens_per_minute, now),
        most=settings.max_sessions,
        start_soon=start_soon,
        new_sid=new_sid,
        look_elsewhere=gate.look_elsewhere,
    )
    return (Beside(path, METHODS, EngineEndpoint(all_of_them.engine)),)


def terms_of(settings: Settings, app: App) -> Terms:
    """Return what clients are offered."""
    sessions = session_settings(settings)
    recovers = settings.socketio_recovery == "on"
    silence = settings.socketio_ping_interval + settings.socketio_ping_timeout
    policy = replace(policy_of(sessions), beat=silence, grace=silence, drop_ends=not recovers)
    return Terms(
        policy,
        app.namespaces.__contains__,
        most_packets=sessions.max_request_packets,
        most_unheard=max(1, min(MOST_UNHEARD, sessions.max_queued_packets // 4)),
        recovers=recovers,
    )
