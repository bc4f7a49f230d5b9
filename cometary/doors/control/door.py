"""The door of back-ends: the control interface, at a listener of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from cometary.config.section import Section, section_of
from cometary.doors import questions
from cometary.doors.control.across import AcrossNodes
from cometary.doors.control.acting import acting
from cometary.doors.control.callers import CallerTraces
from cometary.doors.control.endpoint import ControlEndpoint
from cometary.doors.control.metrics import MetricsEndpoint
from cometary.doors.control.receipts import ReceiptsEndpoint
from cometary.doors.control.session_list import SessionList
from cometary.doors.control.settings import ControlSection, secrets_of
from cometary.doors.control.watching import watching
from cometary.doors.door import Door, Listener
from cometary.doors.inspector.site import Site
from cometary.sessions.crash_injector import CrashInjector
from cometary.transport.http.hosts import HostRule
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.http.settings import HttpSection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.doors.door import Inside
    from cometary.supervision import ChildSpec


class ControlDoor(Door):
    """Answers the calls of back-ends."""

    name: ClassVar[str] = "control"
    section: ClassVar[type[Section] | None] = ControlSection

    def open(self, inside: Inside) -> None:
        """Make what answers."""
        section = section_of(self.settings, ControlSection)
        self.secrets = secrets_of(self.settings)
        self._site = Site(inside, self.secrets) if section.inspector == "on" else None
        self._receipts = ReceiptsEndpoint(inside.manager.receipts, inside.start_soon)
        endpoint = ControlEndpoint(
            inside.hub,
            inside.tree,
            inside.statistics,
            sessions=SessionList(inside.manager, inside.start_soon),
            receipts=self._receipts,
            operations=inside.operations,
            watching=watching(inside.manager, inside.crashes, inside.operations.nodes),
            acting=acting(inside.hub, inside.manager, inside.actors),
            metrics=MetricsEndpoint(inside.metrics, inside.start_soon),
            secrets=self.secrets,
            crash=CrashInjector(inside.manager).crash if section.crash_calls == "on" else None,
            inspector=None if self._site is None else self._site.router,
        )
        # Off loopback it has a secret, and is called by names of its own.
        names = section_of(self.settings, HttpSection).hosts if section.control.is_loopback else ()
        self._hosts = hosts = HostRule(names)
        probes = inside.hub.probes
        self._across = AcrossNodes(endpoint, inside.others, inside.manager, inside.start_soon)
        reached = self._across if inside.others.own else endpoint
        answering = reached if probes.told is None else CallerTraces(reached, probes)
        self.service = service = Service(answering, hosts=hosts, metered=inside.bodies.metered)
        self.protocol = partial(Http, service, inside.limits)
        self._listener = Listener(
            self.name,
            section.control,
            self.protocol,
            reserve=True,
            opened=hosts.listening_at,
        )

    def answer(self, question: bytes, said: Callable[[bytes | None], None]) -> None:
        """Tell another node what its operators want to see.

        Args:
            question: what that is (`cometary.doors.questions`).
            said: given the answer, now or later; None if there is none.
        """
        asked = questions.read(question)
        if isinstance(asked, questions.Find):
            said(self._across.find(asked.name))
        elif asked is None or self._site is None:
            said(None)
        else:
            self._site.answer(asked, said)

    def listeners(self) -> Sequence[Listener]:
        """Where back-ends connect."""
        return (self._listener,)

    def children(self) -> Sequence[ChildSpec]:
        """Run what the inspector needs."""
        return () if self._site is None else self._site.children()

    def reload(self, settings: Section) -> None:
        """Take other secrets, and names."""
        section = section_of(settings, ControlSection)
        self.secrets.replace(section.secret, section.secrets)
        if section.control.is_loopback:
            self._hosts.change(section_of(settings, HttpSection).hosts)
        if self._site is not None:
            self._site.end_sessions("kicked")
        self.service.change()  # what is remembered about callers was found out with the old ones

    def sessions_ended(self) -> None:
        """Answer those who wait for receipts, and the pages of the inspector."""
        self._receipts.close()
        if self._site is not None:
            self._site.end_sessions("shutdown")

    async def aclose(self) -> None:
        """Wait for the sessions of these pages to end."""
        if self._site is not None:
            await self._site.aclose()
