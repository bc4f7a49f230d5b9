"""The door of STOMP, if the settings say where it is spoken."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, ClassVar, Final

import trio

from cometary.config.section import Section, section_of
from cometary.doors.control.settings import ControlSection, secrets_of
from cometary.doors.door import Door, Listener, Route
from cometary.doors.stomp.broker import Broker
from cometary.doors.stomp.channel import StompChannel
from cometary.doors.stomp.logins import Logins
from cometary.doors.stomp.settings import StompSection
from cometary.doors.stomp.websocket import StompEndpoint
from cometary.doors.webhooks.reporting import Reporting
from cometary.doors.webhooks.settings import EVENTS, WebhookSection
from cometary.gate.rate_limit import OpenLimiter
from cometary.gate.settings import GateSection
from cometary.supervision import ChildSpec
from cometary.transport.wires.websocket.common import Common

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cometary.doors.door import Inside, Taker
    from cometary.doors.stomp.talk import Talk
    from cometary.doors.webhooks.event_queue import Event
    from cometary.packets.packet import Packet
    from cometary.sessions import Session
    from cometary.sessions.application import Application
    from cometary.transport.net.channel import Floor

TICK: Final = 0.25
"""Seconds between two looks at all clients."""


class StompDoor(Door):
    """Speaks STOMP with back-ends."""

    name: ClassVar[str] = "stomp"
    section: ClassVar[type[Section] | None] = StompSection

    def __init__(self, settings: Section) -> None:
        super().__init__(settings)
        self._section = section_of(settings, StompSection)
        self._message_paths = section_of(settings, WebhookSection).message_paths
        self.secrets = secrets_of(settings)
        self._limiter = OpenLimiter(section_of(settings, GateSection).opens_per_minute, trio.current_time)
        self._on = self._section.stomp is not None or self._section.stomp_websocket is not None
        self._broker: Broker | None = None
        self._reporting: Reporting | None = None
        self._talks: dict[Talk, None] = {}

    def around(self, application: Application) -> Application:
        """Stand between sessions and their application, to tell what happens to them."""
        if not self._on:
            return application
        self._reporting = Reporting(application, self._tell, EVENTS, time.time)
        return self._reporting

    def open(self, inside: Inside) -> None:
        """Make what does the work."""
        if not self._on or self._reporting is None:
            return
        self._limits, self._bodies = inside.limits, inside.bodies
        self._broker = Broker(
            inside.hub, Logins(self.secrets, inside.login, inside.start_soon, self._limiter)
        )
        inside.manager.receipts.announce_to(self._reporting.receipt)

    def listeners(self) -> Sequence[Listener]:
        """Where it is spoken over TCP."""
        if self._section.stomp is None:
            return ()
        secure = self._section.stomp_tls == "on"
        return (Listener(self.name, self._section.stomp, lambda: self._channel, secure=secure),)

    def routes(self) -> Sequence[Route]:
        """Where it is spoken over WebSockets."""
        if self._section.stomp_websocket is None or self._broker is None:
            return ()
        endpoint = StompEndpoint(self._broker, Common(self._bodies, self._limits), self._begin)
        return (Route("GET", self._section.stomp_websocket, endpoint),)

    def takes(self) -> Sequence[tuple[str, Taker]]:
        """What clients may send to back-ends."""
        if self._reporting is None:
            return ()
        return [(pattern, self._reporting.message) for pattern in self._message_paths]

    def reload(self, settings: Section) -> None:
        """Take other secrets, and another limit of logins."""
        self._limiter.per_minute = section_of(settings, GateSection).opens_per_minute
        section = section_of(settings, ControlSection)
        self.secrets.replace(section.secret, section.secrets)

    def children(self) -> Sequence[ChildSpec]:
        """What looks at the clients."""
        return (ChildSpec("heart", self._beat),) if self._on else ()

    def statistics(self) -> Mapping[str, int]:
        """How many clients there are, and what they have done."""
        broker = self._broker
        if broker is None:
            return {}
        return {
            "stomp_clients": len(broker.clients),
            "stomp_sent": broker.sent,
            "stomp_queued": broker.queues.waiting,
        }

    def abandoned(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        """Tell of the end of a session that could not sign off."""
        if self._reporting is not None:
            self._reporting.report_sign_off(session, reason, undelivered)

    def _channel(self, sock: socket.socket, peer: str, floor: Floor) -> StompChannel:
        assert self._broker is not None  # noqa: S101 - nothing listens before `open`
        channel = StompChannel(sock, peer, floor, self._broker, self._limits.body_bytes)
        self._begin(channel.talk)
        return channel

    def _begin(self, talk: Talk) -> None:
        self._talks[talk] = None

    def _tell(self, event: Event) -> bool:
        return self._broker is not None and self._broker.tell(event)

    async def _beat(self) -> None:
        while True:
            await trio.sleep(TICK)
            now = trio.current_time()
            for talk in [*self._talks]:
                if talk.client.has_left:
                    del self._talks[talk]
                else:
                    talk.look(now, TICK)
