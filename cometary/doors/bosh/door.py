"""The BOSH door, if the settings say where BOSH is spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import trio

from cometary.config.section import Section, section_of
from cometary.doors.bosh.endpoint import BoshEndpoint
from cometary.doors.bosh.script import to_be_escaped
from cometary.doors.bosh.sessions import BoshSupervisor, Sessions
from cometary.doors.bosh.settings import BoshSection
from cometary.doors.bosh.terms import Offer
from cometary.doors.bosh.upstream import Server, tls_with
from cometary.doors.door import Door, Route
from cometary.errors import ConfigError
from cometary.gate.rate_limit import OpenLimiter
from cometary.gate.settings import GateSection
from cometary.supervision import ChildSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cometary.doors.door import Inside


class BoshDoor(Door):
    """Speaks BOSH with XMPP clients."""

    name: ClassVar[str] = "bosh"
    section: ClassVar[type[Section] | None] = BoshSection

    def __init__(self, settings: Section) -> None:
        super().__init__(settings)
        self._section = said = section_of(settings, BoshSection)
        self._sessions = None if said.bosh is None else Sessions(_server(said), said.bosh_sessions)

    def open(self, inside: Inside) -> None:
        """Make what answers."""
        self._inside = inside
        if self._sessions is not None:
            self._sessions.new_sid = inside.manager.new_sid
        per_minute = section_of(self.settings, GateSection).opens_per_minute
        self._limiter = OpenLimiter(per_minute, trio.current_time)

    def routes(self) -> Sequence[Route]:
        """Where it is spoken."""
        path, sessions = self._section.bosh, self._sessions
        if path is None or sessions is None:
            return ()
        operations = self._inside.operations
        endpoint = BoshEndpoint(
            sessions,
            _offer(self._section),
            self._limiter,
            ready=lambda: operations.state() == "ready",
            now=trio.current_time,
            look_elsewhere=self._inside.look_elsewhere,
        )
        if self._section.bosh_script == "off":
            return (Route("POST", path, endpoint),)
        to_be_escaped()  # now, not while the first client waits
        return (Route("POST", path, endpoint), Route("GET", path, endpoint))

    def reload(self, settings: Section) -> None:
        """Take the new limit on how many sessions one address opens."""
        self._limiter.per_minute = section_of(settings, GateSection).opens_per_minute

    def children(self) -> Sequence[ChildSpec]:
        """What runs the sessions."""
        return () if self._sessions is None else (ChildSpec("sessions", BoshSupervisor, (self._sessions,)),)

    def statistics(self) -> Mapping[str, int]:
        """How many sessions there are, and how many were opened."""
        sessions = self._sessions
        return {} if sessions is None else {"bosh_sessions": len(sessions), "bosh_opened": sessions.opened}

    def sessions_ended(self) -> None:
        """End the BOSH sessions as well."""
        if self._sessions is not None:
            self._sessions.shut_down()


def _offer(said: BoshSection) -> Offer:
    return Offer(
        frozenset([host.lower() for host in said.xmpp_hosts]),
        said.bosh_wait,
        said.bosh_hold,
        said.bosh_inactivity,
        said.bosh_polling,
        said.bosh_pause,
    )


def _server(said: BoshSection) -> Server:
    if said.xmpp_ca is not None:
        try:
            tls_with(said.xmpp_ca)
        except OSError as error:
            raise ConfigError("xmpp-ca", f"no certificates can be read from it: {error}") from error
    return Server(said.xmpp, said.xmpp_tls, said.xmpp_ca)
