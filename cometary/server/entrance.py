"""The entrance of a server: what clients meet, from its listeners to the gate.

It is put together from the inside out: the gate, what answers requests with it, the listeners where they come in, and
the front end that has them all.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from cometary.server.csp import csp
from cometary.server.endpoints import (
    change_service,
    make_gate,
    public_listener,
    public_service,
    within_tls,
)
from cometary.server.front_end import FrontEnd
from cometary.server.socketio import socketio
from cometary.sessions.settings import session_settings
from cometary.transport.http.protocol import Http

if TYPE_CHECKING:
    from cometary.app import App, Authenticator
    from cometary.doors.door import Inside, Listener
    from cometary.gate.gate import Gate
    from cometary.server.colleagues import Colleagues
    from cometary.server.core import Core
    from cometary.server.doors import Doors
    from cometary.server.endpoints import Beside
    from cometary.settings import Settings
    from cometary.transport.http.service import Service
    from cometary.transport.net.certificate import Certificate
    from cometary.transport.net.listener import Network


class Entrance:
    """The entrance of one server.

    Args:
        settings: how the server is set up.
        app: its application.
        core: what it leads to.
        doors: those of the server, open.
        inside: what they have found in it.
        authenticator: says who is let in; None lets all in.
        colleagues: the other workers, or nodes.
        network: where connections come from.
        certificate: what is shown where TLS is spoken; None if it is not.
        listens: whether clients connect here; else their requests are handed to the service.

    Attributes:
        gate: lets clients in.
        service: what answers clients.
        front_end: has all listeners, and their connections.
    """

    def __init__(
        self,
        settings: Settings,
        app: App,
        core: Core,
        doors: Doors,
        inside: Inside,
        *,
        authenticator: Authenticator | None,
        colleagues: Colleagues,
        network: Network,
        certificate: Certificate | None,
        listens: bool,
    ) -> None:
        self._settings, self._app, self._doors, self._inside = settings, app, doors, inside
        self._colleagues, self._certificate = colleagues, certificate
        self._scheduler = inside.actors.scheduler
        self.gate = self._new_gate(core, authenticator)
        self.service = self._new_service()
        clients = [self._clients_listener()] if listens else []
        self.front_end = self._new_front_end([*clients, *self._doors_listeners()], network)
        core.manager.flow.pressed = lambda: self.front_end.pressed

    def _new_gate(self, core: Core, authenticator: Authenticator | None) -> Gate:
        return make_gate(
            self._settings,
            self._app,
            core.manager,
            authenticator,
            key=secrets.token_bytes(32),
            locator=core.locator,
            recording=core.recording,
            forward_of=self._colleagues.forward_of,
            now=self._scheduler.now,
            start_soon=self._inside.start_soon,
        )

    def _new_service(self) -> Service:
        limits, bodies = self._inside.limits, self._inside.bodies
        beside = [*self._socketio(), *self._csp()]
        return public_service(self._settings, self._doors, self.gate, limits, bodies=bodies, beside=beside)

    def _socketio(self) -> list[Beside]:
        inside = self._inside
        spoken = socketio(
            self._settings,
            self._app,
            self.gate,
            inside.limits,
            inside.bodies,
            now=self._scheduler.now,
            start_soon=inside.start_soon,
            new_sid=inside.manager.new_sid,
        )
        return [*spoken]

    def _csp(self) -> list[Beside]:
        inside = self._inside
        spoken = csp(
            self._settings, self.gate, inside.limits, allows=self._allows, start_soon=inside.start_soon
        )
        return [*spoken]

    def _allows(self, origin: bytes, host: bytes) -> bool:
        return self.service.allows(origin, host)

    def _clients_listener(self) -> Listener:
        limits = self._inside.limits
        public = public_listener(self._settings, self.service, limits)
        return self._colleagues.spread(within_tls(public, limits, self._certificate), limits)

    def _doors_listeners(self) -> list[Listener]:
        limits, certificate = self._inside.limits, self._certificate
        return [within_tls(each, limits, certificate) for each in self._doors.listeners()]

    def _new_front_end(self, listeners: list[Listener], network: Network) -> FrontEnd:
        speak_http = partial(Http, self.service, self._inside.limits)
        return FrontEnd(listeners, network, self._scheduler, speak_http, self._inside.bodies.begin_turn)

    def change(self, settings: Settings) -> None:
        """Let clients in, and answer them, by other settings from now on."""
        self._settings = settings
        self.gate.change(session_settings(settings), settings.opens_per_minute)
        change_service(self.service, settings)
