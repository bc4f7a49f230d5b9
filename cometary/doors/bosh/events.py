"""What goes into the machine of a BOSH session, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from cometary.doors.bosh.bodies import Body


class Answerable(Protocol):
    """An HTTP request."""

    def answer(self, status: int, body: bytes, content: str) -> None:
        """Answer it; if nobody waits any more, this does nothing."""
        ...


class Asked:
    """A request of the client has come.

    Args:
        body: what it says.
        request: is answered.
        now: the time, in seconds of the shell's clock.
    """

    __slots__ = ("body", "now", "request")

    def __init__(self, body: Body, request: Answerable, now: float) -> None:
        self.body = body
        self.request = request
        self.now = now

    @property
    def key(self) -> str | None:
        """What proves that it is from the session's client; None if it has no key."""
        key = self.body.attributes.get("key")
        return None if key is None else key.lower()

    def __repr__(self) -> str:
        return f"<Asked {self.body.rid}, {len(self.body.children)} elements>"


class Gone(NamedTuple):
    """The connection of a request broke before it was answered."""

    asked: Asked
    now: float


class Arrived(NamedTuple):
    """The XMPP server has sent elements; none if it has opened a stream on which it sends nothing unasked."""

    elements: Sequence[bytes]
    now: float


class ServerEnded(NamedTuple):
    """Nothing more will come from the XMPP server.

    Attributes:
        condition: what the client is told.
        elements: what came last.
    """

    condition: str
    elements: Sequence[bytes]
    now: float


class End(NamedTuple):
    """End the session, by a condition."""

    condition: str


class Answer(NamedTuple):
    """For the shell: answer a request."""

    asked: Asked
    body: bytes
    status: int = 200


class Forward(NamedTuple):
    """For the shell: send elements to the XMPP server."""

    elements: Sequence[bytes]


class Restart(NamedTuple):
    """For the shell: begin another stream on the connection to the XMPP server."""


class Reading(NamedTuple):
    """For the shell: whether the XMPP server is read."""

    on: bool


class Leave(NamedTuple):
    """For the shell: end the stream with the XMPP server.

    Attributes:
        undelivered: what the client was never sent.
    """

    undelivered: Sequence[bytes] = ()
