"""The door of the application beside the sessions: it answers what is not the server's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from cometary.config.section import Section, section_of
from cometary.doors.door import Door
from cometary.doors.hosting.environ import Place
from cometary.doors.hosting.settings import HostingSection
from cometary.doors.hosting.workers import Workers
from cometary.doors.hosting.wsgi import WsgiCall
from cometary.errors import ConfigError
from cometary.importing import find_object
from cometary.supervision import ChildSpec
from cometary.transport.http.settings import HttpSection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cometary.doors.door import Inside
    from cometary.doors.hosting.response import Response
    from cometary.transport.http.exchange import Endpoint, Exchange


class HostingDoor(Door):
    """Answers with the WSGI application of the settings; without one it does nothing."""

    name: ClassVar[str] = "hosting"
    section: ClassVar[type[Section] | None] = HostingSection

    def __init__(self, settings: Section) -> None:
        super().__init__(settings)
        self._section = section_of(settings, HostingSection)
        self._workers: Workers | None = None

    def open(self, inside: Inside) -> None:  # noqa: ARG002
        """Import the application.

        Raises:
            ConfigError: there is none of that name, or it cannot be called.
        """
        section, http = self._section, section_of(self.settings, HttpSection)
        if section.wsgi is None:
            return
        found = find_object(section.wsgi, "wsgi")
        if not callable(found):
            raise ConfigError(
                "wsgi", f"{section.wsgi} is of type {type(found).__name__}, which cannot be called"
            )
        self._application = cast("Callable[..., Iterable[bytes]]", found)
        self._place = Place(http.host, http.port, "http" if http.files_of_tls is None else "https")
        self._workers = Workers(self._work, section.wsgi_threads, section.wsgi_queue)

    def _work(self, exchange: Exchange, response: Response) -> None:
        WsgiCall(exchange, self._place, response).run(self._application)

    def site(self) -> Endpoint | None:
        """Have the application answer."""
        return self._workers

    def children(self) -> Sequence[ChildSpec]:
        """The threads that it runs in."""
        return () if self._workers is None else (ChildSpec("workers", self._workers.run),)

    def statistics(self) -> Mapping[str, Any]:
        """How many requests it has, and how many there was no room for."""
        if self._workers is None:
            return {}
        return {"hosting_busy": self._workers.busy, "hosting_refused": self._workers.refused}

    async def aclose(self) -> None:
        """Let what is under way end."""
        if self._workers is not None:
            await self._workers.aclose()
