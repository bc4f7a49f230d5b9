"""The other workers or nodes, as one server among several sees them: `cometary.workers`, `cometary.nodes`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import trio

from cometary.dispatch.engine import LocalEngine
from cometary.dispatch.history import Histories
from cometary.doors.others import NO_OTHERS
from cometary.sessions.ids import new_sid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cometary.cluster.engine import Engine as Cluster
    from cometary.cluster.recording import Recording
    from cometary.config.kinds import Address, UnixAddress
    from cometary.dispatch.engine import Engine
    from cometary.doors.control.door import ControlDoor
    from cometary.doors.door import Listener
    from cometary.doors.others import Others
    from cometary.packets.contract_table import Contracts
    from cometary.packets.receipts import ReceiptLog
    from cometary.server.front_end import FrontEnd
    from cometary.sessions.directory import Directory
    from cometary.sessions.flow import Flow
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.locator import Locator, Place
    from cometary.transport.http.limits import Limits
    from cometary.transport.http.service import Service

T = TypeVar("T")


class Colleagues(Protocol):
    """What a server asks of the others, and tells them: `Alone`, `OtherWorkers` or `OtherNodes`."""

    @property
    def place(self) -> tuple[int, int] | None:
        """The number of this one, and how many there are; None if it is alone."""
        ...

    @property
    def others(self) -> Others:
        """The other nodes, as operators reach them from this one."""
        ...

    @property
    def forward_of(self) -> Callable[[str], Any] | None:
        """A function from a session's id to what forwards its requests, or None; None if none are."""
        ...

    def once(self, what: Sequence[T]) -> Sequence[T]:
        """Return which of these are to run here: each, such as an application's task, runs on only one server."""
        ...

    def new_sid(self) -> str:
        """Return an id for a session of this one."""
        ...

    def engine(self, local: Engine, contracts: Contracts, flow: Flow) -> Engine:
        """Return what passes on publications, given what routes them here and what knows how much waits to be."""
        ...

    def locator(self, directory: Directory) -> Locator:
        """Return what finds sessions, given those that are here."""
        ...

    def note_recording(self, recording: Recording, directory: Directory) -> None:
        """Take note of what records sessions, and of those that are here."""
        ...

    def note_receipts(self, receipts: ReceiptLog) -> None:
        """Take note of all receipts from now on."""
        ...

    def spread(self, listener: Listener, limits: Limits) -> Listener:
        """Return a listener whose callers are shared out among all, given what one of them may take."""
        ...

    def seen_at(self, addresses: Mapping[str, Address | UnixAddress]) -> Mapping[str, Address | UnixAddress]:
        """Return where callers find the listeners, given where they are here, by their names."""
        ...

    async def join(self, cluster: Cluster | None) -> None:
        """Join the others, before the server takes clients, by the engine of a cluster, if there is one.

        Raises:
            EngineError: that cannot be used; the operator's fault.
            ConfigError: this one does not go together with the others; the operator's fault.
        """
        ...

    def meet(
        self,
        front_end: FrontEnd,
        control: ControlDoor | None,
        clients: Service,
        gaps: Callable[[str | None], object],
    ) -> None:
        """Take note that the server takes clients.

        Args:
            front_end: what they hand over goes there.
            control: and calls of back-ends there, and
            clients: single requests of clients there.
            gaps: tells the sessions here that they may have missed something, of a path or (None) of all.
        """
        ...

    async def leave(self) -> None:
        """Leave the others: the server has stopped, except for its last answers."""
        ...

    def listed(self) -> list[dict[str, Any]]:
        """Return all nodes as plain data; none if there are no others."""
        ...

    def statistics(self) -> dict[str, int]:
        """Return what is counted of other nodes."""
        ...


class Alone:
    """None at all: a server by itself (`Colleagues`)."""

    place: tuple[int, int] | None = None
    others: Others = NO_OTHERS
    forward_of: Callable[[str], Any] | None = None

    def once(self, what: Sequence[T]) -> Sequence[T]:
        """Return all of it."""
        return what

    def new_sid(self) -> str:
        """Return any new id."""
        return new_sid()

    def engine(self, local: Engine, contracts: Contracts, flow: Flow) -> Engine:  # noqa: ARG002 - nothing to pass on
        """Return what routes here."""
        return local

    def locator(self, directory: Directory) -> Locator:
        """Return the directory: there are no other sessions."""
        return directory

    def note_recording(self, recording: Recording, directory: Directory) -> None:
        """Do nothing: it finds by itself what others have left behind."""

    def note_receipts(self, receipts: ReceiptLog) -> None:
        """Do nothing."""

    def spread(self, listener: Listener, limits: Limits) -> Listener:  # noqa: ARG002
        """Return the same."""
        return listener

    def seen_at(self, addresses: Mapping[str, Address | UnixAddress]) -> Mapping[str, Address | UnixAddress]:
        """Return the same."""
        return addresses

    async def join(self, cluster: Cluster | None) -> None:
        """Tell the engine that this process is there."""
        if cluster is not None:
            await cluster.join("")

    def meet(
        self,
        front_end: FrontEnd,
        control: ControlDoor | None,
        clients: Service,
        gaps: Callable[[str | None], object],
    ) -> None:
        """Do nothing."""

    async def leave(self) -> None:
        """Do nothing."""

    def listed(self) -> list[dict[str, Any]]:
        """Return none."""
        return []

    def statistics(self) -> dict[str, int]:
        """Count nothing."""
        return {}


ALONE: Final = Alone()


class LocatorWithColleagues:
    """Finds sessions, here and on the others (`Locator`).

    Args:
        directory: knows those that are here.
        place_of: returns where a session is that is not here, given its id; None if the directory knows.
    """

    def __init__(self, directory: Directory, place_of: Callable[[str], Place | None]) -> None:
        self._directory = directory
        self._place_of = place_of

    @property
    def living(self) -> dict[str, SessionKeeper]:
        """The sessions that live here."""
        return self._directory.living

    def find(self, sid: str) -> Place:
        """Say where a session is; see `Locator.find`."""
        place = self._place_of(sid)
        return self._directory.find(sid) if place is None else place


def new_engine(contracts: Contracts) -> LocalEngine:
    """Return the engine of a server by itself, which keeps what the contracts say."""
    if not contracts.keeping:
        return LocalEngine()
    return LocalEngine(Histories(contracts, secrets.token_urlsafe(6), trio.current_time))
