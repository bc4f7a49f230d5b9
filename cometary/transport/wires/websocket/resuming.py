"""What a session meets on a WebSocket whose client can go on with it elsewhere.

1.  The hello says the session's generation, which is that of all that comes on this connection. A frame whose packets
    move the client's place says where that is behind them (`at`); a packet of a path moves none, so its frame is the
    same bytes for everybody.
2.  Requests and signs of life say where the client is (`says_of`).
3.  Another node may have the session: then the connection goes there as a whole. If it cannot, because it has already
    come from a node, or its session is on its way, the client is told to come again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from cometary.errors import ElsewhereError, ProtocolError
from cometary.transport.net.resumed import ResumedSocket
from cometary.transport.wires.comet.bodies import with_members, write_answer
from cometary.transport.wires.websocket.bodies import Form
from cometary.transport.wires.websocket.counterparts import FrameRequest, FrameStream
from cometary.transport.wires.websocket.frames import frame

if TYPE_CHECKING:
    from cometary.packets.packet import Packet
    from cometary.sessions.resuming import Placing, Resuming
    from cometary.transport.wires.websocket.conversation import Conversation
    from cometary.transport.wires.websocket.shapes import FrameBody


class PlacingForm(Form):
    """A form that says where the client is (rule 1).

    Args:
        form: the form.
        recorder: knows that.
    """

    __slots__ = ("_recorder",)

    def __init__(self, form: Form, recorder: Placing) -> None:
        super().__init__(form.codec, form.opcode, form.encoding)
        self._recorder = recorder

    def carry(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:
        """See `Form.carry`."""
        at = self._recorder.moved(first_seq, len(packets))
        if at is None:
            return super().carry(first_seq, packets, follows=follows)
        body = write_answer(first_seq, packets, self.codec, follows=follows)
        return frame(self.opcode, with_members(body, {"at": at}, self.codec))


class ResumingFrameStream(FrameStream):
    """The carrier that a connection is to such a session.

    Args:
        conversation: the connection.
        resuming: where the client is that attaches it.
    """

    __slots__ = ("_recorder", "resuming")

    resumes: ClassVar[bool] = True
    travels: ClassVar[bool] = True

    def __init__(self, conversation: Conversation, resuming: Resuming) -> None:
        super().__init__(conversation)
        self.resuming = resuming
        self._recorder: Placing | None = None

    @property
    def recorder(self) -> Placing | None:
        """What knows where the client is; whoever takes the stream sets it."""
        return self._recorder

    @recorder.setter
    def recorder(self, recorder: Placing) -> None:
        self._recorder = recorder
        self._conversation.form = PlacingForm(self._conversation.form, recorder)

    @property
    def gone(self) -> bool:
        """See `Stream`."""
        return self._conversation.stream is not self

    def _hello(self, first_seq: int) -> bytes:
        self._next_seq = first_seq
        members: dict[str, Any] = {"seq": first_seq, "packets": []}
        if self._recorder is not None:
            members["gen"] = self._recorder.generation
        return self._conversation.form.encode(members)

    def refuse(self, error: ProtocolError) -> None:
        """See `Stream`, and rule 3."""
        if isinstance(error, ElsewhereError):
            conversation = self._conversation
            if isinstance(conversation.sock, ResumedSocket) or not conversation.can_be_passed_on:
                error = ProtocolError("shutting-down", "the session is at another node", retry_after=1)
        super().refuse(error)


class ResumingFrameRequest(FrameRequest):
    """A request that came in a frame.

    Args:
        conversation: the connection.
        rid: its id.
        body: the frame.
        size: bytes of it.
        resuming: what its client says.

    Attributes:
        resuming: the same.
        recorder: set by what takes the request; what it has to say is said with packets.
        broken: whether its client has gone; nobody says so, since there is no harm in answering it.
    """

    __slots__ = ("broken", "recorder", "resuming")

    resumes: ClassVar[bool] = True

    def __init__(
        self, conversation: Conversation, rid: int, body: FrameBody, size: int, resuming: Resuming
    ) -> None:
        super().__init__(conversation, rid, body, size)
        self.resuming = resuming
        self.recorder: Any = None
        self.broken = False
