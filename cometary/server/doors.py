"""All doors of one server, as one: what they offer together, and how they close."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from cometary.doors.bosh.door import BoshDoor
from cometary.doors.control.door import ControlDoor
from cometary.doors.files.door import FilesDoor
from cometary.doors.hosting.door import HostingDoor
from cometary.doors.installed import installed_doors
from cometary.doors.manhole.door import ManholeDoor
from cometary.doors.roots.door import RootsDoor
from cometary.doors.stomp.door import StompDoor
from cometary.doors.webhooks.door import WebhooksDoor
from cometary.errors import ConfigError
from cometary.escapes import escapes, exit_in
from cometary.log import get_logger
from cometary.server.takers import Takers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from cometary.config.kinds import Address, UnixAddress
    from cometary.config.section import Section
    from cometary.doors.door import Door, Inside, Listener, Route, Taker
    from cometary.packets.packet import Packet
    from cometary.sessions import Session
    from cometary.sessions.application import Application
    from cometary.supervision import ChildSpec
    from cometary.transport.http.exchange import Endpoint

BUILT_IN: Final[Sequence[type[Door]]] = (
    ControlDoor,
    WebhooksDoor,
    FilesDoor,
    HostingDoor,
    StompDoor,
    RootsDoor,
    BoshDoor,
    ManholeDoor,
)

logger = get_logger("cometary.doors")

D = TypeVar("D", bound="Door")


class Doors:
    """The doors of one server.

    Args:
        settings: how the server is set up.
        kinds: which doors it has; None for those that are built in, and those that are installed beside them.

    Raises:
        ConfigError: two have the same name, or one cannot be loaded; the fault of those who installed or chose them.
    """

    def __init__(self, settings: Section, kinds: Iterable[type[Door]] | None = None) -> None:
        chosen = [*BUILT_IN, *installed_doors()] if kinds is None else [*kinds]
        name, count = max(
            Counter(door.name for door in chosen).items(), key=lambda item: item[1], default=("", 0)
        )
        if count > 1:
            raise ConfigError(f"door {name}", "there are several of this name")
        self._doors = [door(settings) for door in chosen]

    def around(self, application: Application) -> Application:
        """Return what sessions report to."""
        for door in self._doors:
            application = door.around(application)
        return application

    def open(self, inside: Inside) -> None:
        """Let each get ready."""
        for door in self._doors:
            door.open(inside)

    def find(self, kind: type[D]) -> D | None:
        """Return the door of a kind, if there is one."""
        return next((door for door in self._doors if isinstance(door, kind)), None)

    def listeners(self) -> list[Listener]:
        """Return where they take connections of their own."""
        return [listener for door in self._doors for listener in door.listeners()]

    def listening(self, addresses: Mapping[str, Address | UnixAddress]) -> None:
        """Tell them where all listeners are."""
        for door in self._doors:
            door.listening(addresses)

    def routes(self) -> list[Route]:
        """Return what they answer on the clients' listener."""
        return [route for door in self._doors for route in door.routes()]

    def takes(self) -> list[tuple[str, Taker]]:
        """Return which packets of clients they take; all of them are one taker."""
        taken = [each for door in self._doors for each in door.takes()]
        take = Takers(taken).take
        return [(pattern, take) for pattern in dict.fromkeys(pattern for pattern, _ in taken)]

    def rest(self) -> Endpoint | None:
        """Return what answers at all other paths.

        Raises:
            ConfigError: two doors would; whoever chose them is at fault.
        """
        return self._only("rest")

    def site(self) -> Endpoint | None:
        """Return what answers at paths where nothing else is.

        Raises:
            ConfigError: two doors would; whoever chose them is at fault.
        """
        return self._only("site")

    def upload_bytes(self) -> int:
        """Return how many bytes a body may have that the site takes as it comes."""
        return sum(door.upload_bytes() for door in self._doors)

    def _only(self, what: str) -> Endpoint | None:
        answering = [
            (door.name, found) for door in self._doors if (found := getattr(door, what)()) is not None
        ]
        if len(answering) > 1:
            raise ConfigError(
                f"door {answering[1][0]}", f"{answering[0][0]} already answers at all other paths"
            )
        return answering[0][1] if answering else None

    def children(self) -> list[tuple[str, list[ChildSpec]]]:
        """Return what they run, by name; doors that run nothing are left out."""
        return [(door.name, specs) for door in self._doors if (specs := [*door.children()])]

    def reload(self, settings: Section) -> None:
        """Let each go by other settings."""
        for door in self._doors:
            with logged(door):
                door.reload(settings)

    def statistics(self) -> dict[str, Any]:
        """Return what they count."""
        return {name: count for door in self._doors for name, count in door.statistics().items()}

    # -- the way out ------------------------------------------------------------------------

    def abandoned(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        """Tell of a session that ended and could not sign off."""
        for door in self._doors:
            with logged(door):
                door.abandoned(session, reason, undelivered)

    def sessions_ended(self) -> None:
        """Tell that all sessions have ended."""
        for door in self._doors:
            with logged(door):
                door.sessions_ended()

    async def aclose(self, grace: float) -> None:
        """Let them send what is still to be sent, for `grace` seconds at most."""
        with trio.move_on_after(grace):
            async with trio.open_nursery() as nursery:
                for door in self._doors:
                    nursery.start_soon(_close, door)


async def _close(door: Door) -> None:
    with logged(door, escapes):
        await door.aclose()


@contextmanager
def logged(door: Door, goes_on: Callable[[BaseException], object] = exit_in) -> Generator[None]:
    """Log what a door raises where nobody would catch it, except for what `goes_on` says is not its own."""
    try:
        yield
    except BaseException as error:
        if goes_on(error):
            raise
        text = f"The door {door.name} failed"
        logger.exception("door failed", text=text, door=door.name)
