"""Doors: the ways in and out of a server besides the wires of its sessions.

The control interface, the webhooks and the application's files are doors. A package that brings another one names its
class in the entry point group `cometary.doors`, and the server treats it like its own.

1.  A door is made with the settings, before anything else. An error raised then, or in `open`, keeps the server from
    starting.
2.  Then it is asked, once each: what stands between sessions and their application (`around`); after `open`, where it
    listens, what it answers on the clients' listener, which packets of clients it takes, and what it runs. It is told
    where all listeners are (`listening`) before anything is served. Its children are in a supervisor of their own,
    which has the door's name, and are started before the first session; if they crash, no other door is harmed.
3.  On the way out, `sessions_ended` is called once every session has signed off, then `aclose`, during the last
    answers of the front end; its children are stopped last. What these two raise is logged, and keeps no other door
    from closing.
4.  It all happens on the loop: what a door does synchronously has to be short.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from cometary.config.section import Section
from cometary.doors.others import NO_OTHERS, Others

if TYPE_CHECKING:
    from pathlib import Path

    from cometary.actors import ActorRef, ActorSystem
    from cometary.config.kinds import Address, UnixAddress
    from cometary.dispatch.hub import Hub
    from cometary.packets.packet import Packet
    from cometary.sessions import Session, SessionManager
    from cometary.sessions.admission import Verdict
    from cometary.sessions.application import Application
    from cometary.supervision import ChildSpec
    from cometary.transport.http.body_queue import BodyQueue
    from cometary.transport.http.exchange import Endpoint
    from cometary.transport.http.limits import Limits
    from cometary.transport.net.channel import Protocol

    Taker = Callable[[Session, str, Any], object]


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a door takes connections, and what is spoken there.

    Attributes:
        name: what `Running.urls` has it by.
        address: where it is.
        new_protocol: makes what makes the channels; called for each switchboard, one after the other.
        reserve: whether some connections are kept for it that no other listener may have.
        opened: told the addresses that were really taken, with their ports; a Unix socket has none.
        secure: whether it is spoken within TLS, with the certificate of the clients' listener.
    """

    name: str
    address: Address | UnixAddress
    new_protocol: Callable[[], Protocol]
    reserve: bool = False
    opened: Callable[[Iterable[tuple[str, int]]], None] | None = None
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """What a door answers on the clients' listener.

    Attributes:
        method: such as `GET`, which includes HEAD.
        path: exactly as it is sent.
        endpoint: answers it.
    """

    method: str
    path: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Operations:
    """What an operator tells a server.

    Attributes:
        reload: reads the configuration again; returns `changed` and `restart`, the names of options. If it raises a
            `ConfigError`, nothing has changed.
        drain: begins to end all sessions; returns how many there are.
        state: returns how far the server is: `starting`, `ready`, `draining` or `stopping`.
        nodes: returns the nodes of which this server is one, as plain data; none if it is a server by itself.
    """

    reload: Callable[[], dict[str, Any]]
    drain: Callable[[], int]
    state: Callable[[], str]
    nodes: Callable[[], list[dict[str, Any]]] = list


@dataclass(frozen=True, slots=True)
class Inside:
    """What a door finds in the server.

    Attributes:
        manager: knows the sessions.
        hub: sends, connects and ends, whoever asks.
        directories: those whose files the application serves: their prefix, where they are, whether links are followed.
        tree: returns the supervision tree as plain data.
        statistics: returns how many sessions there are, what has become of all packets, and what the doors count.
        bodies: has the bodies of requests read in their turn.
        limits: what one client may take of the front end.
        start_soon: runs an async function beside everything else.
        login: the application's rule for back-ends that give a login and a passcode, `login(login, passcode)`, with the
            answers of authenticators; None for none.
        crashes: returns the latest crash reports as plain data.
        operations: what an operator tells the server.
        metrics: returns the text for a monitoring system and its media type, given the header `Accept`.
        actors: the actor system that all of this belongs to.
        root: returns the root of the supervision tree; once the server has started.
        others: the other nodes, as operators reach them.
        worker: the number of this one of several workers, and how many there are; None if it is alone.
        look_elsewhere: raises an `ElsewhereError` if an id that is unknown here belongs to another process.
    """

    manager: SessionManager
    hub: Hub
    directories: Sequence[tuple[str, Path, bool]]
    tree: Callable[[], dict[str, object]]
    statistics: Callable[[], dict[str, object]]
    bodies: BodyQueue
    limits: Limits
    start_soon: Callable[..., None]
    crashes: Callable[[], list[dict[str, Any]]]
    operations: Operations
    metrics: Callable[[str], Awaitable[tuple[bytes, bytes]]]
    actors: ActorSystem
    root: Callable[[], ActorRef[Any]]
    login: Callable[[str, str], Verdict | Awaitable[Verdict]] | None = None
    look_elsewhere: Callable[[str], None] = lambda _: None
    worker: tuple[int, int] | None = None
    others: Others = NO_OTHERS


class Door:
    """One door; a subclass says which of these it has.

    Args:
        settings: those of the server; `section_of` finds the door's own part in them.

    Attributes:
        name: what the supervision tree and the log call it; no other door may have it.
        section: what an operator can configure; None for nothing.
    """

    name: ClassVar[str]
    section: ClassVar[type[Section] | None] = None

    def __init__(self, settings: Section) -> None:
        self.settings = settings

    def around(self, application: Application) -> Application:
        """Return what sessions report to instead, which passes reports on to `application`; by default that itself."""
        return application

    def open(self, inside: Inside) -> None:
        """Get ready; nothing listens yet."""

    def listeners(self) -> Sequence[Listener]:
        """Return where it takes connections of its own."""
        return ()

    def listening(self, addresses: Mapping[str, Address | UnixAddress]) -> None:
        """Take note where callers find each listener of the server, by its name; nothing is served yet."""

    def routes(self) -> Sequence[Route]:
        """Return what it answers on the clients' listener."""
        return ()

    def takes(self) -> Sequence[tuple[str, Taker]]:
        """Return which packets of clients it takes: a pattern, and what is called with each, as a handler is.

        The application's own handlers of a packet are called first. What is returned answers a client that asks, unless
        one of these has answered; where several doors take a packet, any true answer counts.
        """
        return ()

    def rest(self) -> Endpoint | None:
        """Return what answers there at all paths where nothing else does; only one door may do so."""
        return None

    def site(self) -> Endpoint | None:
        """Return what answers where nothing else does, with its own rules on origins; only one door may do so."""
        return None

    def upload_bytes(self) -> int:
        """Return how many bytes a body may have that its site takes as a stream (`Upload`); 0 if it takes none."""
        return 0

    def children(self) -> Sequence[ChildSpec]:
        """Return what it runs."""
        return ()

    def statistics(self) -> Mapping[str, Any]:
        """Return what it counts, by names that begin with its own."""
        return {}

    def reload(self, settings: Section) -> None:
        """Go by other settings from now on: those of its options that are `live` may differ. Must not raise."""

    def abandoned(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        """Take note of a session that ended without signing off in time when the server stopped."""

    def sessions_ended(self) -> None:
        """Let go of what waits for sessions: all of them have ended, and the server stops."""

    async def aclose(self) -> None:
        """Send what is still to be sent; cancelled when the server waits no longer."""
