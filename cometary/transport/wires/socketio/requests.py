"""What a client in one namespace asks of the gate: a session, and that what it sends there be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from cometary.gate.opening import Opening
from cometary.sessions import Request

if TYPE_CHECKING:
    from cometary.errors import ProtocolError
    from cometary.gate.opening import Welcome
    from cometary.packets.packet import Packet
    from cometary.packets.question import Question
    from cometary.sessions.policy import Policy
    from cometary.transport.wires.engineio.credentials import HandshakeCredentials
    from cometary.transport.wires.socketio.stream import NamespaceStream

WIRE: Final = "socketio"


class NamespaceOpening(Opening):
    """A client asks for a session in one namespace."""

    __slots__ = ("_stream",)

    def __init__(self, stream: NamespaceStream, credentials: HandshakeCredentials, policy: Policy) -> None:
        super().__init__(0, credentials, WIRE, None, policy)
        self.stream = stream
        self.handshake = credentials.handshake
        self._stream = stream

    def opened(self, welcome: Welcome) -> None:
        """See `Opening`."""
        self._stream.opened(welcome)

    def refuse(self, error: ProtocolError) -> None:
        """See `Opening`."""
        self._stream.not_opened(error)


class NamespaceRequest(Request):
    """What a client sends to one namespace."""

    __slots__ = ("_stream",)

    holds: ClassVar[bool] = False

    def __init__(
        self, stream: NamespaceStream, rid: int, packets: Sequence[Packet], *, close: bool, size: int
    ) -> None:
        super().__init__(rid, 0, packets, close=close, size=size)
        self._stream = stream

    @property
    def address(self) -> str:
        """The address that it came from."""
        return self._stream.peer

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:  # noqa: ARG002 - nothing is lacked
        """See `Request`."""
        self._stream.settle(self)

    def refuse(self, error: ProtocolError) -> None:
        """See `Request`."""
        self._stream.settle(self, error)


class Renewal(NamespaceRequest):
    """A token that a client brings for the session that it has there."""

    __slots__ = ("said",)

    def __init__(self, stream: NamespaceStream, rid: int, said: Question) -> None:
        super().__init__(stream, rid, (), close=False, size=0)
        self.said = said

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:  # noqa: ARG002 - nothing is lacked
        """See `Request`."""
        self._stream.renewed(self, None)

    def refuse(self, error: ProtocolError) -> None:
        """See `Request`."""
        self._stream.renewed(self, error)
