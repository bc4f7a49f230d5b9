"""What the client of a session that can go on elsewhere says of itself, and is told; see `cometary.cluster`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from cometary.sessions.events import Stream


class Resuming(NamedTuple):
    """What it says, in each request, with each stream that it attaches, and with each sign of life on one.

    Attributes:
        generation: the highest that it has seen.
        at: where it is, as it was told; None before it was told anything.
        done: the highest id of a request that was answered; of a stream and a sign of life, which have no id, nothing.
    """

    generation: int
    at: str | None = None
    done: int = 0


class ResumingSign(NamedTuple):
    """A sign of life on a stream, of a client that says where it is; see `Heard`."""

    stream: Stream
    ack: int
    resuming: Resuming


class Placing(Protocol):
    """Says where the client of a stream is behind its packets."""

    @property
    def generation(self) -> int:
        """That of all that the stream brings."""
        ...

    def moved(self, first_seq: int, count: int) -> str | None:
        """Return where the client is behind so many packets from a number on; None if that is where it was."""
        ...

    def place(self, number: int) -> str:
        """Return where it is behind the packet of that number."""
        ...
