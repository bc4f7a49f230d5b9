"""What a session expects of the application and of the hub, whatever these are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from cometary.actors import Future
    from cometary.packets.packet import Packet
    from cometary.packets.position import Replay
    from cometary.packets.tracked import TrackedPacket
    from cometary.sessions.failure import Failure
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.session import Session


class Application(Protocol):
    """Where sessions report to. Each method may return an awaitable, which is then awaited.

    The calls for one session are made one at a time and in order: sign-on, the packets, sign-off;
    and where one of these fails, right after it the failure.
    """

    def signed_on(self, session: Session, /) -> Awaitable[object] | None:
        """A session has opened."""
        ...

    def resumed(self, session: Session, /) -> Awaitable[object] | None:
        """A recorded session goes on here; its sign-on was elsewhere."""
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


class Paths(NamedTuple):
    """What a session is connected to.

    Attributes:
        listed: patterns, in the order of connecting: all, or as many as were asked for.
        total: how many there are.
    """

    listed: list[str]
    total: int

    def shown(self) -> dict[str, Any]:
        """Return this for an answer, which says how many there are if it does not list all."""
        more = {} if self.total == len(self.listed) else {"path_count": self.total}
        return {"paths": self.listed, **more}


class Question(Protocol):
    """What the client of a session is asked; see `cometary.dispatch.asks`."""

    @property
    def ask(self) -> str:
        """What the client knows it by."""
        ...

    @property
    def answer(self) -> Future[Any]:
        """What it answers: a value, or an `AskError`."""
        ...


class Connect(NamedTuple):
    """For a session that has moved: connect it to the paths that these patterns cover."""

    patterns: tuple[str, ...]
    replay: Replay | None = None


class Disconnect(NamedTuple):
    """For a session that has moved: disconnect it from them."""

    patterns: tuple[str, ...]


class Hub(Protocol):
    """What sends packets to sessions, and connects them to paths; see `cometary.dispatch.hub`."""

    packet: Callable[..., Packet]
    """Returns a packet for a path and a message."""

    tracked: Callable[..., TrackedPacket]
    """Returns one with wishes of its sender, too: `receipt`, `ttl`, `key`."""

    asking: Callable[[SessionKeeper], AbstractContextManager[Question]]
    """Has a question to the client of a session open, until the block ends."""

    answered: Callable[[SessionKeeper, object], None]
    """Takes what the client of a session has sent as an answer."""

    presence_for: Callable[[SessionKeeper, str, int], dict[str, object]]
    """Returns, as plain data, who is on a path that a session hears: `count`, and the first so many `members`."""

    def post(self, keeper: SessionKeeper, packet: Packet, /) -> None:
        """Send a session a packet, but not from within its own turn."""
        ...

    def subscribe(
        self, keeper: SessionKeeper, patterns: Iterable[str], replay: Replay | None = None, /
    ) -> Future[None]:
        """Let a session have every update to the paths that `patterns` cover, and of what is kept what is wished."""
        ...

    def replay(self, keeper: SessionKeeper, replay: Replay, /) -> Future[None]:
        """Send it what is kept of paths that it is connected to."""
        ...

    def unsubscribe(self, keeper: SessionKeeper, patterns: Iterable[str], /) -> Future[None]:
        """Let it have no more of them."""
        ...

    def end(self, keeper: SessionKeeper, reason: str, /) -> None:
        """End a session, behind what it was sent before."""
        ...

    def paths(self, keeper: SessionKeeper, most: int | None = None, /) -> Paths:
        """Return what a session is connected to: the first `most` of it, or all."""
        ...

    def is_connected(self, keeper: SessionKeeper, pattern: str, /) -> bool:
        """Whether a session is connected to this very path, or pattern."""
        ...

    def drop(self, keeper: SessionKeeper, /) -> None:
        """Send the actor of a session nothing any more."""
        ...
