"""What a session expects of the application and of the routers, whichever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from cometary.actors import ActorRef
    from cometary.packets.packet import Packet
    from cometary.packets.tracked import TrackedPacket
    from cometary.sessions.failure import Failure
    from cometary.sessions.session import Session


class Application(Protocol):
    """Where sessions report to. Each method may return an awaitable, which is then awaited.

    The calls for one session are made one at a time and in order: sign-on, the packets, sign-off;
    and where one of these fails, right after it the failure.
    """

    def signed_on(self, session: Session, /) -> Awaitable[object] | None:
        """A session has opened."""
        ...

    def received(self, session: Session, packet: Packet, /) -> Awaitable[object] | None:
        """The client has sent a packet."""
        ...

    def signed_off(
        self, session: Session, reason: str, undelivered: Sequence[Packet], /
    ) -> Awaitable[object] | None:
        """The session has ended; `undelivered` are the packets never acknowledged, in order."""
        ...

    def failed(self, failure: Failure, /) -> Awaitable[object] | None:
        """One of these calls, or that for a receipt, has raised; it is not repeated."""
        ...


class PacketMaker(Protocol):
    """Who knows the contracts of paths, and so makes the packets."""

    def packet(self, path: str, message: Any = None, sender: object = None, /) -> Packet:
        """Return a packet without wishes of its sender.

        Raises:
            UsageError: if `path` is none, or it cannot be encoded; the caller's fault.
        """
        ...

    def tracked(
        self,
        path: str,
        message: Any = None,
        sender: object = None,
        /,
        *,
        receipt: str | None,
        ttl: float | None,
        key: str | None,
    ) -> TrackedPacket:
        """Return a packet with them.

        Raises:
            UsageError: if `path` is none, it cannot be encoded, or one of them makes no sense; the
                caller's fault.
        """
        ...


class Router(Protocol):
    """Who sends a session the updates to the paths that it is connected to."""

    def subscribe(self, pattern: str, subscriber: ActorRef[Any], /) -> bool:
        """Send `subscriber` every update to the paths that `pattern` covers from now on.

        Returns:
            False if it had that pattern already.

        Raises:
            PatternError: if it is no pattern; the calling code's fault, nothing has changed.
        """
        ...

    def unsubscribe(self, pattern: str, subscriber: ActorRef[Any], /) -> object:
        """Undo one `subscribe`. Harmless if there was none."""
        ...

    def drop(self, subscriber: ActorRef[Any], /) -> None:
        """Send `subscriber` nothing any more."""
        ...

    def patterns(self, subscriber: ActorRef[Any], most: int | None = None, /) -> Sequence[str]:
        """What `subscriber` is subscribed to, in the order of subscribing: the first `most`, or all."""
        ...

    def count(self, subscriber: ActorRef[Any], /) -> int:
        """To how many patterns `subscriber` is subscribed."""
        ...
