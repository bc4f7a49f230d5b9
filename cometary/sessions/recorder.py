"""What stands beside a session whose state is recorded, so that it can go on elsewhere; see `cometary.cluster`.

Most sessions have none, and pay nothing for those that have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.packets.packet import Packet
    from cometary.packets.receipts import Receipt
    from cometary.sessions.actor import SessionActor


class Recorder(Protocol):
    """What a keeper, and everything that has one, has to know of it.

    Attributes:
        handed_on: whether this server has let go of the session since it stops, and others have still to adopt it.
    """

    handed_on: bool

    @property
    def actor(self) -> type[SessionActor]:
        """What runs such a session."""
        ...

    @property
    def generation(self) -> int:
        """How often the session was adopted, plus one."""
        ...

    def sent(self, packet: Packet, /) -> object:
        """Return the message by which its actor is told of a packet that was sent to the session alone."""
        ...

    def connected(self, patterns: Sequence[str], /) -> None:
        """Take note that the session was connected to paths.

        Args:
            patterns: those from which it gets what is routed from now on, and nothing that was kept before.
        """
        ...

    def disconnected(self, patterns: Sequence[str], /) -> None:
        """Take note that the session was disconnected from paths."""
        ...

    def report(
        self, kind: str, write: Callable[[str, int], bytes], may_wait: Callable[[int], bool] | None, /
    ) -> bool:
        """Have a back-end told of something, once that is recorded.

        Args:
            kind: the type of the event.
            write: returns what is sent, given the event's id and its number.
            may_wait: returns whether so many bytes may be recorded, and told then; else they are told, or dropped, at
                once. None if they always may.

        Returns:
            Whether it waits to be recorded, or to be sent.
        """
        ...

    def has_reported(self, *, end: bool) -> bool:
        """Whether there is an event that tells of the session's end; or any."""
        ...

    def note_receipt(self, receipt: Receipt, /) -> None:
        """Give a receipt that was made, once that is recorded."""
        ...

    def leave(self) -> None:
        """Have the session go on elsewhere: this server stops."""
        ...
