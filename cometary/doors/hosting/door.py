"""The door of the application beside the sessions: it answers what is not the server's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from cometary.config.section import Section, section_of
from cometary.doors.door import Door
from cometary.doors.hosting.asgi import AsgiHost
from cometary.doors.hosting.environ import Place
from cometary.doors.hosting.settings import HostingSection
from cometary.doors.hosting.workers import Workers
from cometary.doors.hosting.wsgi import WsgiCall
from cometary.errors import ConfigError
from cometary.importing import find_object
from cometary.supervision import ChildSpec
from cometary.transport.http.settings import HttpSection
from cometary.transport.wires.websocket.common import Common

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cometary.doors.door import Inside
    from cometary.doors.hosting.host import Host
    from cometary.doors.hosting.response import Response
    from cometary.transport.http.exchange import Endpoint, Exchange


class HostingDoor(Door):
    """Answers with the WSGI or ASGI application of the settings; without one it does nothing."""

    name: ClassVar[str] = "hosting"
    section: ClassVar[type[Section] | None] = HostingSection

    def __init__(self, settings: Section) -> None:
        super().__init__(settings)
        self._section = section_of(settings, HostingSection)
        self._host: Host | None = None

    def open(self, inside: Inside) -> None:
        """Import the application.

        Raises:
            ConfigError: there is none of that name, it cannot be called, or there are two.
        """
        section, http = self._section, section_of(self.settings, HttpSection)
        self._place = Place(http.host, http.port, "http" if http.files_of_tls is None else "https")
        if section.wsgi is not None and section.asgi is not None:
            raise ConfigError(
                "asgi", "one application answers at all other paths, and wsgi names another one"
            )
        if section.wsgi is not None:
            self._application = find_application(section.wsgi, "wsgi")
            self._host = Workers(self._work, section.wsgi_threads, section.wsgi_queue)
        elif section.asgi is not None:
            application, on_asyncio = find_application(section.asgi, "asgi"), section.asgi_loop == "asyncio"
            common = Common(inside.bodies, inside.limits)
            most = section.asgi_requests
            self._host = AsgiHost(application, self._place, most, common, on_asyncio=on_asyncio)

    def _work(self, exchange: Exchange, response: Response) -> None:
        WsgiCall(exchange, self._place, response).run(self._application)

    def site(self) -> Endpoint | None:
        """Have the application answer."""
        return self._host

    def upload_bytes(self) -> int:
        """See `Door.upload_bytes`."""
        return 0 if self._host is None else self._section.upload_bytes

    def children(self) -> Sequence[ChildSpec]:
        """What it runs in."""
        return () if self._host is None else (ChildSpec("application", self._host.run),)

    def statistics(self) -> Mapping[str, Any]:
        """How many requests it has, and how many it had no room for."""
        if self._host is None:
            return {}
        return {"hosting_busy": self._host.busy, "hosting_refused": self._host.refused}

    async def aclose(self) -> None:
        """Let what is under way end."""
        if self._host is not None:
            await self._host.aclose()


def find_application(name: str, option: str) -> Callable[..., Any]:
    """Import an application.

    Raises:
        ConfigError: there is none of that name, or it cannot be called.
    """
    found = find_object(name, option)
    if not callable(found):
        raise ConfigError(option, f"{name} is of type {type(found).__name__}, which cannot be called")
    return cast("Callable[..., Any]", found)
