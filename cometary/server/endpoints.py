"""What answers at each of a server's two listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from cometary.doors.control.endpoint import ControlEndpoint
from cometary.doors.control.session_list import SessionList
from cometary.gate.binding import binding_of
from cometary.gate.gate import Gate
from cometary.gate.judging import judge_of
from cometary.gate.rate_limit import OpenLimiter
from cometary.sessions.crash_injector import CrashInjector
from cometary.transport.http.cors import CorsPolicy
from cometary.transport.http.files import FileTable
from cometary.transport.http.hosts import HostRule
from cometary.transport.http.router import Router
from cometary.transport.http.service import Service
from cometary.transport.wires.comet.endpoint import CometEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.app import App, Authenticator
    from cometary.dispatch.hub import Hub
    from cometary.doors.control.receipts import ReceiptsEndpoint
    from cometary.sessions import SessionManager
    from cometary.settings import Settings
    from cometary.transport.http.body_queue import BodyQueue


def make_gate(
    settings: Settings,
    app: App,
    manager: SessionManager,
    authenticator: Authenticator | None,
    *,
    key: bytes,
    start_soon: Callable[..., None],
) -> Gate:
    """Return what lets clients in, for all wires.

    Args:
        settings: how the server is set up.
        app: the application.
        manager: knows the sessions.
        authenticator: says who is let in; None lets all in.
        key: that of the digests of what sessions are bound to.
        start_soon: runs an async function beside everything else.
    """
    return Gate(
        manager,
        OpenLimiter(settings.opens_per_minute, trio.current_time),
        app.accepts,
        judge=None if authenticator is None else judge_of(authenticator),
        binding=binding_of(settings.bind, key),
        start_soon=start_soon,
    )


def public_service(settings: Settings, app: App, gate: Gate, *, bodies: BodyQueue) -> Service:
    """Return what answers clients: the comet endpoint, and the application's files.

    Args:
        settings: how the server is set up.
        app: the application.
        gate: lets clients in.
        bodies: has bodies read in their turn.
    """
    files = FileTable()
    for prefix, directory, follow_links in app.directories:
        files.add(prefix, directory, follow_links=follow_links)
    router = Router(files)
    router.add("POST", settings.comet, CometEndpoint(gate))
    cors = CorsPolicy(settings.origins, credentials=settings.binds_to_cookie, public_reads=True)
    return Service(router, cors, HostRule(settings.hosts), metered=bodies.metered)


def control_service(
    settings: Settings,
    manager: SessionManager,
    hub: Hub,
    *,
    receipts: ReceiptsEndpoint,
    tree: Callable[[], dict[str, object]],
    statistics: Callable[[], dict[str, object]],
    bodies: BodyQueue,
    start_soon: Callable[..., None],
) -> Service:
    """Return what answers back-ends: the control interface.

    Args:
        settings: how the server is set up.
        manager: knows the sessions.
        hub: does what back-ends ask for.
        receipts: answers whoever reads receipts.
        tree: describes the supervision tree.
        statistics: counts sessions and packets.
        bodies: has bodies read in their turn.
        start_soon: runs an async function beside everything else.
    """
    crash = CrashInjector(manager).crash if settings.crash_calls == "on" else None
    return Service(
        ControlEndpoint(
            hub,
            tree,
            statistics,
            sessions=SessionList(manager, start_soon),
            receipts=receipts,
            secret=settings.secret,
            crash=crash,
        ),
        # Off loopback it has a secret, and is called by names of its own.
        hosts=HostRule(settings.hosts if settings.control.is_loopback else ()),
        metered=bodies.metered,
    )
