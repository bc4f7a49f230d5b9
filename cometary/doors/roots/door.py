"""The door of the Roots family: each protocol where the settings say that it is spoken."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cometary.config.section import Section, section_of
from cometary.doors.control.settings import ControlSection, secrets_of
from cometary.doors.door import Door, Listener
from cometary.doors.roots.firenze import FirenzeEndpoint
from cometary.doors.roots.forest import Ear, Forest
from cometary.doors.roots.http import LITERAL, VALID, DudleyEndpoint, ImperioEndpoint
from cometary.doors.roots.lines import DoloresChannel, ImperioChannel
from cometary.doors.roots.polling import Times
from cometary.doors.roots.settings import RootsSection
from cometary.supervision import ChildSpec
from cometary.transport.http.cors import CorsPolicy
from cometary.transport.http.hosts import HostRule
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.http.settings import HttpSection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cometary.config.kinds import Address
    from cometary.doors.door import Inside
    from cometary.transport.http.exchange import Endpoint
    from cometary.transport.net.channel import Channel, Floor, Protocol


class RootsDoor(Door):
    """Speaks Roots' protocols."""

    name: ClassVar[str] = "roots"
    section: ClassVar[type[Section] | None] = RootsSection

    def __init__(self, settings: Section) -> None:
        super().__init__(settings)
        self.secrets = secrets_of(settings)
        said = self._section = section_of(settings, RootsSection)
        addresses = (said.dudley, said.imperio, said.imperio_http, said.firenze, said.dolores)
        self._on = any(address is not None for address in addresses)
        self._secure = said.roots_tls == "on"
        self._forest: Forest | None = None

    def open(self, inside: Inside) -> None:
        """Make what takes messages."""
        if self._on:
            self._inside = inside
            self._forest = Forest(inside.hub, self.secrets)

    def listeners(self) -> Sequence[Listener]:
        """Where they are spoken."""
        said, forest = self._section, self._forest
        if forest is None:
            return ()
        answers = LITERAL if said.roots_answers == "literal" else VALID
        legacy = said.imperio_lines == "legacy"
        times = Times(said.firenze_hold, said.firenze_delay, said.firenze_die, said.firenze_keep)
        imperio = partial(_imperio, forest=forest, legacy=legacy)
        dolores = partial(_dolores, forest=forest, threads=Path(said.dolores_threads), known=set())
        possible = [
            self._http("dudley", said.dudley, DudleyEndpoint(forest, answers)),
            self._http("imperio-http", said.imperio_http, ImperioEndpoint(forest, answers, legacy=legacy)),
            self._http("firenze", said.firenze, FirenzeEndpoint(forest.dolores, times), browsers=True),
            self._lines("imperio", said.imperio, imperio),
            self._lines("dolores", said.dolores, dolores),
        ]
        return [listener for listener in possible if listener is not None]

    def reload(self, settings: Section) -> None:
        """Take other secrets."""
        section = section_of(settings, ControlSection)
        self.secrets.replace(section.secret, section.secrets)

    def children(self) -> Sequence[ChildSpec]:
        """What hears for all Thestrals."""
        return () if self._forest is None else (ChildSpec("ear", Ear, (self._forest,)),)

    def statistics(self) -> Mapping[str, int]:
        """How many Thestrals there are, and how much was said."""
        forest = self._forest
        if forest is None:
            return {}
        return {
            "roots_thestrals": len(forest.dolores),
            "roots_taken": forest.taken,
            "roots_dropped": forest.dropped,
        }

    def _http(
        self, name: str, address: Address | None, endpoint: Endpoint, *, browsers: bool = False
    ) -> Listener | None:
        if address is None:
            return None
        http = section_of(self.settings, HttpSection)
        secure = self._secure
        hosts = HostRule(http.hosts if address.is_loopback else (), secure=secure)
        cors = CorsPolicy(http.origins if browsers else (), secure=secure)
        service = Service(endpoint, cors, hosts, metered=self._inside.bodies.metered)
        protocol = partial(Http, service, self._inside.limits)
        return Listener(name, address, protocol, opened=hosts.listening_at, secure=secure)

    def _lines(
        self, name: str, address: Address | None, channel: Callable[[socket.socket, str, Floor], Channel]
    ) -> Listener | None:
        if address is None:
            return None
        protocol: Protocol = channel
        return Listener(name, address, lambda: protocol, secure=self._secure)


def _imperio(
    sock: socket.socket, _peer: str, floor: Floor, *, forest: Forest, legacy: bool
) -> ImperioChannel:
    return ImperioChannel(sock, floor, forest, legacy=legacy)


def _dolores(
    sock: socket.socket,
    peer: str,
    floor: Floor,
    *,
    forest: Forest,
    threads: Path,
    known: set[DoloresChannel],
) -> DoloresChannel:
    return DoloresChannel(sock, floor, forest, peer=peer, threads=threads, known=known)
