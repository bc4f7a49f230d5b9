"""A socket: one client as a coroutine of the application sees it, which reads what it says and answers.

1.  What the client sends waits for the coroutine to read it, `MOST_WAITING` messages at most; beyond that the session
    hands over nothing more, so that its client is held back, as by any slow handler.
2.  Once the session has ended, what had come before is still read; then the loop over the socket ends. What is sent
    from then on goes nowhere, and harms nobody.
3.  Everyone on the socket's path hears what is broadcast there, whichever wire carries it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, Self

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cometary.app.sockets import Place
    from cometary.sessions import Handshake, Session

MOST_WAITING: Final = 100

AT_ONCE: Final = 0.05
"""Seconds that a volatile message waits for its client at most."""


class Socket:
    """One client; given to the function that `@app.socket` declares.

    Args:
        session: its session.
        place: where it belongs.

    Attributes:
        session: the same.
    """

    __slots__ = ("_come", "_coming", "_place", "session")

    def __init__(self, session: Session, place: Place) -> None:
        self.session = session
        self._place = place
        self._coming, self._come = trio.open_memory_channel[Any](MOST_WAITING)

    @property
    def name(self) -> str:
        """The session's public name, safe to log and to show."""
        return self.session.name

    @property
    def data(self) -> dict[str, Any]:
        """The session's own notes, such as what its client was let in with."""
        return self.session.data

    @property
    def handshake(self) -> Handshake | None:
        """What the client showed of itself when it connected, by Socket.IO; see `Session.handshake`."""
        return self.session.handshake

    @property
    def connected(self) -> bool:
        """Whether the client's session goes on."""
        return self._place.has(self)

    async def send(self, message: Any = None, *, volatile: bool = False) -> None:
        """Send the client a message, and let others have their turn.

        Args:
            message: any value that JSON or CBOR can carry; on Socket.IO a tuple is several arguments.
            volatile: whether it is dropped if it cannot be sent at once.

        Raises:
            UsageError: if it cannot be encoded, or is too large; the caller's fault, nothing was sent.
            MailboxFullError: if far too much is waiting for the session; nobody else's fault, nothing was sent.
        """
        self.session.send(self._place.path, message, ttl=AT_ONCE if volatile else None)
        await trio.lowlevel.checkpoint()

    def broadcast(self, message: Any = None, *, exclude: Collection[Socket] = ()) -> None:
        """Send a message to everybody else on the socket's path.

        Args:
            message: see `send`.
            exclude: others who do not get it. If any are given, it goes to the other sockets of this server, and
                not to those who only hear the path.

        Raises:
            UsageError: see `send`.
            MailboxFullError: far too much is on its way; nothing was sent, or not to all.
        """
        self._place.broadcast(message, self, exclude)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """Return the next message of the client."""
        try:
            return await self._come.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise StopAsyncIteration from None

    def __repr__(self) -> str:
        return f"<Socket {self.name} at {self._place.path!r}>"

    # -- for the place that it is at ----------------------------------------------------------------

    def take(self, message: Any) -> Awaitable[None] | None:
        """Take what the client says; returns what is to be awaited if it has to wait."""
        try:
            self._coming.send_nowait(message)
        except trio.WouldBlock:
            return self._take_later(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return None
        return None

    async def _take_later(self, message: Any) -> None:
        try:
            await self._coming.send(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # nobody reads it any more

    def say_no_more(self) -> None:
        """Take note that the client has gone."""
        self._coming.close()

    def read_no_more(self) -> None:
        """Take note that nobody reads what it says any more."""
        self._come.close()
