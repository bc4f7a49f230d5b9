"""What a session meets on a WebSocket: the carrier that the connection is, requests, the opening, and who asks.

They know the conversation; it reads the frames, and says what each of these is. See its rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from cometary.gate.opening import NO_TOKEN, Opening
from cometary.sessions import Request
from cometary.sessions.events import Stream
from cometary.transport.wires.comet.bodies import ABSENT, welcome_members
from cometary.transport.wires.websocket.bodies import ack_of, checked_packets
from cometary.transport.wires.websocket.codes import RELEASED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.errors import ProtocolError
    from cometary.gate.opening import Welcome
    from cometary.packets.packet import Packet
    from cometary.transport.wires.websocket.conversation import Conversation
    from cometary.transport.wires.websocket.shapes import FrameBody


class FrameCredentials:
    """What a client shows of itself: the headers of its handshake, and the token of one frame.

    Args:
        peer: the address that it came from.
        headers: those of the handshake; nothing, once they have been looked at.
    """

    __slots__ = ("_headers", "origin", "peer", "token")

    def __init__(self, peer: str, headers: Mapping[bytes, bytes]) -> None:
        origin = headers.get(b"origin")
        self.peer = peer
        self.origin: str | None = None if origin is None else origin.decode(errors="replace")
        self.token: Any = NO_TOKEN
        self._headers: Mapping[bytes, bytes] | None = headers

    def header(self, name: bytes) -> bytes | None:
        """Return the header `name` of the handshake, in lower case; None if there is none."""
        return None if self._headers is None else self._headers.get(name)

    def forget(self) -> None:
        """Let go of the headers and the token: what they prove has been looked at."""
        self.token = NO_TOKEN
        self._headers = None


class FrameStream(Stream):
    """The carrier that a connection is to its session."""

    __slots__ = ("_conversation", "_next_seq")

    wire: ClassVar[str] = "websocket"

    def __init__(self, conversation: Conversation) -> None:
        super().__init__()
        self._conversation = conversation
        self._next_seq = 0

    def admitted(self) -> None:
        """See `Stream`."""
        self._conversation.admitted()

    def taken(self) -> None:
        """See `Stream`."""
        if not self._next_seq:
            self._conversation.send(self._hello(self.carried + 1))

    def _hello(self, first_seq: int) -> bytes:
        self._next_seq = first_seq
        return self._conversation.form.encode({"seq": first_seq, "packets": []})

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        """See `Stream`."""
        conversation = self._conversation
        hello = b"" if self._next_seq else self._hello(first_seq)
        follows = first_seq == self._next_seq
        self._next_seq = first_seq + len(packets)
        return conversation.send(hello + conversation.form.carry(first_seq, packets, follows=follows))

    def beat(self) -> None:
        """See `Stream`."""
        self._conversation.send(self._conversation.form.beat)

    def release(self) -> None:
        """See `Stream`."""
        self._conversation.stream = None  # its session knows
        self._conversation.say_close(RELEASED, "released")

    def refuse(self, error: ProtocolError) -> None:
        """See `Stream`."""
        self._conversation.stream = None
        self._conversation.refuse(error)


class FrameRequest(Request):
    """A request that came in a frame."""

    __slots__ = ("_conversation",)

    holds: ClassVar[bool] = False

    def __init__(self, conversation: Conversation, rid: int, body: FrameBody, size: int) -> None:
        packets = checked_packets(body)
        super().__init__(rid, ack_of(body), packets, close=body.close is True, size=size)
        self._conversation = conversation

    @property
    def address(self) -> str:
        """The address that it came from."""
        return self._conversation.credentials.peer

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """See `Request`; there are packets only if it has closed the session."""
        conversation = self._conversation
        conversation.confirm(self.rid)
        if packets:
            conversation.send(conversation.form.carry(first_seq, packets, follows=False))

    def refuse(self, error: ProtocolError) -> None:
        """See `Request`."""
        self._conversation.tell(error, rid=self.rid)


class FrameOpening(Opening):
    """An opening that came in a frame; the connection becomes the carrier of the session."""

    __slots__ = ("_conversation",)

    def __init__(self, conversation: Conversation, rid: int, body: FrameBody, stream: FrameStream) -> None:
        wait = None if body.wait is ABSENT else body.wait
        super().__init__(rid, conversation.credentials, f"websocket {conversation.form.codec.name}", wait)
        self.stream = stream
        self.resumes = stream.resumes
        self._conversation = conversation

    def opened(self, welcome: Welcome) -> None:
        """Tell the client of its session."""
        conversation = self._conversation
        conversation.opening = None
        conversation.send(conversation.form.encode(welcome_members(welcome)))

    def refuse(self, error: ProtocolError) -> None:
        """See `Opening`."""
        self._conversation.opening = self._conversation.stream = None
        self._conversation.refuse(error)
