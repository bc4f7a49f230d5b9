"""What answers clients, and what lets them in."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cometary.config import Address
from cometary.doors.door import Listener
from cometary.gate.binding import binding_of
from cometary.gate.gate import Gate
from cometary.gate.judging import judge_by_namespace, judge_of
from cometary.gate.rate_limit import OpenLimiter
from cometary.sessions.policy import policy_of
from cometary.sessions.settings import session_settings
from cometary.transport.http.access_log import AccessLog
from cometary.transport.http.cors import CorsPolicy
from cometary.transport.http.forwarded import TrustedProxies
from cometary.transport.http.hosts import HostRule
from cometary.transport.http.protocol import Http
from cometary.transport.http.router import Router
from cometary.transport.http.service import Service
from cometary.transport.net.tls import Tls
from cometary.transport.wires.comet.endpoint import CometEndpoint, no_streams
from cometary.transport.wires.comet.settings import STREAMS, WEBSOCKET
from cometary.transport.wires.streams.endpoint import StreamEndpoint, refuse_get
from cometary.transport.wires.streams.event_source import WINDOW, EventSources
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.endpoint import WebSocketEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.app import App, Authenticator
    from cometary.gate.welcoming import Recording
    from cometary.server.doors import Doors
    from cometary.sessions import SessionManager
    from cometary.sessions.locator import Locator
    from cometary.settings import Settings
    from cometary.transport.http.body_queue import BodyQueue
    from cometary.transport.http.exchange import Endpoint
    from cometary.transport.http.limits import Limits
    from cometary.transport.net.certificate import Certificate
    from cometary.transport.wires.comet.endpoint import Streams

CLIENTS: Final = "clients"
"""The name of the listener at which clients connect."""


def make_gate(
    settings: Settings,
    app: App,
    manager: SessionManager,
    authenticator: Authenticator | None,
    *,
    key: bytes,
    locator: Locator,
    recording: Recording | None,
    forward_of: Callable[[str], Any] | None = None,
    now: Callable[[], float],
    start_soon: Callable[..., None],
) -> Gate:
    """Return what lets clients in, for all wires.

    Args:
        settings: how the server is set up.
        app: the application.
        manager: knows the sessions.
        authenticator: says who is let in; None lets all in.
        key: that of the digests of what sessions are bound to.
        locator: finds sessions.
        recording: records them; None if nothing does.
        forward_of: returns what forwards requests of a session, if another node has it; None if there are no others.
        now: reads the clock, in seconds; during an actor's turn it may be slightly behind.
        start_soon: runs an async function beside everything else.
    """
    judges = {name: judge_of(asked) for name, asked in app.namespaces.items() if asked is not None}
    return Gate(
        manager,
        OpenLimiter(settings.opens_per_minute, now),
        app.accepts,
        judge=judge_by_namespace(None if authenticator is None else judge_of(authenticator), judges),
        binding=binding_of(settings.bind, key),
        locator=locator,
        recording=recording,
        forward_of=forward_of,
        start_soon=start_soon,
    )


def public_service(
    settings: Settings,
    doors: Doors,
    gate: Gate,
    limits: Limits,
    *,
    bodies: BodyQueue,
    beside: Sequence[Beside] = (),
) -> Service:
    """Return what answers clients: the comet endpoint, and what doors answer beside it.

    Args:
        settings: how the server is set up.
        doors: those of the server.
        gate: lets clients in.
        limits: what one client may take.
        bodies: has bodies read in their turn.
        beside: the endpoints of other wires.
    """
    router = Router(doors.rest(), doors.site(), doors.upload_bytes())
    for route in doors.routes():
        router.add(route.method, route.path, route.endpoint)
    for wire in beside:
        for method in wire.methods:
            router.add(method, wire.path, wire.endpoint)
    secure = settings.files_of_tls is not None
    cors = CorsPolicy(
        settings.origins,
        credentials=settings.binds_to_cookie,
        public_reads=True,
        effects=(settings.comet, *[wire.path for wire in beside]),
        secure=secure,
    )
    reads: Endpoint = refuse_get
    streams: Streams = no_streams
    if STREAMS in settings.wires:
        reads = endpoint = StreamEndpoint(gate, event_sources(settings, gate))
        streams = endpoint.take
    if WEBSOCKET in settings.wires:
        reads = WebSocketEndpoint(gate, Common(bodies, limits), reads)
    router.add("GET", settings.comet, reads)
    router.add("POST", settings.comet, CometEndpoint(gate, streams))
    hosts = HostRule(settings.hosts, secure=secure)
    service = Service(
        router,
        cors,
        hosts,
        guards=router.guards,
        metered=bodies.metered,
        uploads=router.uploads,
        refusals=bodies.refusals,
    )
    watch_clients(service, settings)
    return service


def change_service(service: Service, settings: Settings) -> None:
    """Have what answers clients go by other origins and hosts."""
    if service.hosts is not None:
        service.hosts.change(settings.hosts)
    service.change(settings.origins)
    watch_clients(service, settings)


def watch_clients(service: Service, settings: Settings) -> None:
    """Say who clients are taken to be, and whether their requests are logged."""
    networks, on = settings.trusted_proxies, settings.access_log == "on"
    service.proxies = TrustedProxies(networks, settings.forwarded) if networks else None
    service.access = AccessLog(addresses=settings.log_addresses == "on") if on else None


class Beside(NamedTuple):
    """A wire that has an endpoint of its own.

    Attributes:
        path: where it is.
        methods: those that it answers; GET includes HEAD.
        endpoint: answers them.
    """

    path: str
    methods: Sequence[str]
    endpoint: Endpoint


def event_sources(settings: Settings, gate: Gate) -> EventSources | None:
    """Return what answers a browser's `EventSource`, if anything proves whose it is."""
    if not settings.binds_to_cookie:
        return None
    return EventSources(gate, replace(policy_of(session_settings(settings)), window=WINDOW))


def public_listener(settings: Settings, service: Service, limits: Limits) -> Listener:
    """Return where clients connect.

    Args:
        settings: how the server is set up.
        service: what answers them.
        limits: what one client may take.
    """
    opened = None if service.hosts is None else service.hosts.listening_at
    address = settings.listen or Address(settings.host, settings.port)
    secure = settings.files_of_tls is not None
    return Listener(CLIENTS, address, partial(Http, service, limits), opened=opened, secure=secure)


def within_tls(listener: Listener, limits: Limits, certificate: Certificate | None) -> Listener:
    """Return a listener at which TLS is spoken, if this is one that should.

    Args:
        listener: where connections come in.
        limits: what one client may take.
        certificate: what is shown there; None if there is none.
    """
    if certificate is None or not listener.secure:
        return listener
    seconds, linger = limits.head_seconds, limits.linger_seconds

    def new_protocol() -> Tls:
        return Tls(listener.new_protocol(), lambda: certificate.context, seconds=seconds, linger=linger)

    return replace(listener, new_protocol=new_protocol)
