"""The comet protocol on a WebSocket: what comes in a frame becomes a session's, what a session has becomes frames.

1.  The first frame opens a session, or attaches the connection to one; or it is a probe, which is said again, and does
    not count as the first. Until a session is there further frames wait: nobody knows yet whose they are.
2.  Then each frame is a request of that session, or an acknowledgement, or both. No request is held: the connection
    itself is the carrier.
3.  A request is confirmed by the highest `rid` that was processed: with the next frame that is sent, or in one of its
    own within a second or so (`CONFIRM`). An error of a request is told with its `rid`, and changes nothing.
4.  An error of the connection itself, the end of its session, and that another carrier has come or the client is
    silent, are told once, and close it (`codes`).
5.  When the session has taken the connection, its client is told the number of the packet that comes next. From then
    on the number of a frame's first packet is left out when it follows on.
6.  A session writes to its connection until that is full, and again when all was sent (`Stream.write`).
7.  The session of a client that can resume may have to be looked for elsewhere: until it is found, what the handshake
    and the first frame have shown is kept, for the connection to be passed on with.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, cast

from cometary.errors import ElsewhereError, ProtocolError
from cometary.gate.opening import NO_TOKEN
from cometary.sessions.resuming import ResumingSign
from cometary.transport.wires.comet.bodies import ABSENT
from cometary.transport.wires.comet.senders import LONGEST_OPENING
from cometary.transport.wires.websocket.bodies import (
    Form,
    ack_of,
    brings_token,
    check_opening,
    check_sign,
    is_probe,
    read_frame,
    rid_of,
    says_of,
)
from cometary.transport.wires.websocket.channel import DEAF, OPEN, WebSocketChannel
from cometary.transport.wires.websocket.client_frames import NO_MASK, masked
from cometary.transport.wires.websocket.codes import UNSUPPORTED, code_of
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.counterparts import (
    FrameCredentials,
    FrameOpening,
    FrameRequest,
    FrameStream,
)
from cometary.transport.wires.websocket.frames import frame
from cometary.transport.wires.websocket.resuming import ResumingFrameRequest, ResumingFrameStream

if TYPE_CHECKING:
    from cometary.gate.gate import Gate
    from cometary.transport.net.channel import Channel, Floor
    from cometary.transport.net.deadlines import DeadlineQueue
    from cometary.transport.wires.websocket.shapes import FrameBody

CONFIRM: Final = 1.0
"""Seconds."""


class Conversation(WebSocketChannel):
    """One connection that speaks the comet protocol; for the arguments see `WebSocketChannel`.

    Args:
        gate: lets clients in.
        form: how frames are written.
        credentials: what the client has shown of itself.
        handshake: the request that it began with; nothing if nobody needs it.

    Attributes:
        form: the same.
        credentials: the same.
        stream: what the session writes to; None once that is finished.
        opening: the opening that has not been answered yet.
    """

    __slots__ = (
        "_asked",
        "_confirmed",
        "_first",
        "_gate",
        "_greeted",
        "_handshake",
        "_processed",
        "credentials",
        "form",
        "opening",
        "stream",
    )

    def __init__(
        self,
        sock: socket.socket,
        floor: Floor,
        common: Common,
        greeting: bytes,
        beyond: bytes,
        *,
        gate: Gate,
        form: Form,
        credentials: FrameCredentials,
        handshake: bytes = b"",
    ) -> None:
        super().__init__(sock, floor, common, greeting, beyond)
        self._handshake = handshake
        self._greeted = len(greeting)
        self._first = b""  # the frame that asks for a session, while it is asked for
        self._gate = gate
        self.form = form
        self.credentials = credentials
        self.stream: FrameStream | None = None
        self.opening: FrameOpening | None = None
        self._asked = False  # whether the gate has been asked for a session
        self._confirmed = 0  # the highest rid that the client was told of
        self._processed = 0  # the highest that there is to tell of

    # -- what the channel asks ------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and no session goes on."""
        return not self._asked and super().idle

    @property
    def longest(self) -> int:
        """Bytes of a message at most; without a session there is little to say."""
        return self._limits.body_bytes if self.ready and self._asked else LONGEST_OPENING

    @property
    def ready(self) -> bool:
        """Whether it is known whose a further frame is."""
        stream = self.stream
        return not self._asked or (stream is not None and bool(stream.sid))

    @property
    def awaited(self) -> DeadlineQueue[Channel] | None:
        """The deadline of the first frame, or of a confirmation."""
        if not self._asked:
            return self._floor.deadline("first frame", self._limits.head_seconds)
        return self._confirmation_deadline() if self._processed > self._confirmed else None

    def _confirmation_deadline(self) -> DeadlineQueue[Channel]:
        return self._floor.deadline("confirmation", CONFIRM)

    def expire(self) -> None:
        """Say what is to be confirmed; or else see `WebSocketChannel`."""
        if self._deadline is None or self._deadline is not self._confirmation_deadline():
            super().expire()
        else:
            if self._processed > self._confirmed:
                self.send(b"")
            self._settle()

    def drained(self) -> None:
        """Have the session write on."""
        if self.stream is not None:
            self._gate.writable(self.stream)

    def left(self) -> None:
        """Tell the session that its carrier has gone."""
        stream, self.stream = self.stream, None
        opening, self.opening = self.opening, None
        if opening is not None:
            self._gate.withdraw(opening)
        elif stream is not None:
            self._gate.leave(stream)

    # -- what comes -------------------------------------------------------------------------------

    def received(self, opcode: int, payload: bytes) -> None:
        """Take a frame."""
        form = self.form
        if opcode != form.opcode:
            self.say_close(UNSUPPORTED, f"frames hold {form.codec.name} here")
            return
        stream, rid = self.stream, None
        try:
            body = read_frame(payload, form.codec)
            if stream is None:
                self._take_first(body, opcode, payload)
            elif body.rid is not ABSENT:
                rid = body.rid
                self._take_request(stream, rid, body, len(payload))
            else:
                check_sign(body)
                self._hear(stream, body)
        except ProtocolError as error:
            if rid is None and stream is not None:
                rid = rid_of(payload, form.codec)
            if rid is None:
                self.refuse(error)
            else:
                self.tell(error, rid=rid)

    def _take_first(self, body: FrameBody, opcode: int, payload: bytes) -> None:
        if is_probe(body):
            self.send(frame(opcode, payload))
            self._expect(None)  # the frame that follows has a time of its own
            self._settle()
            return
        credentials, sid = self.credentials, body.sid
        rid = check_opening(body) if sid is ABSENT else 0
        self._asked = True
        says = says_of(body)
        self.stream = stream = FrameStream(self) if says is None else ResumingFrameStream(self, says)
        credentials.token = NO_TOKEN if body.token is ABSENT else body.token
        if sid is ABSENT:
            self.opening = opening = FrameOpening(self, rid, body, stream)
            self._gate.open(opening)
        else:
            self._first = masked(opcode, payload, NO_MASK)
            self._gate.attach(sid, stream, ack_of(body), credentials if self._gate.guards else None)
        if not stream.resumes:
            self._forget_first()
        self._settle()

    def _forget_first(self) -> None:
        """Let go of the handshake and what the first frame has shown: the gate has read them."""
        self._handshake = self._first = b""
        self.credentials.forget()

    def admitted(self) -> None:
        """Take note that the session is there."""
        self._forget_first()
        if not self._reading:  # else it is at it
            self.go_on()

    def _hear(self, stream: FrameStream, body: FrameBody) -> None:
        """Take a sign of life."""
        says = says_of(body) if stream.resumes else None
        if says is None:
            self._gate.hear(stream, ack_of(body))
        else:
            self._gate.hear_resuming(ResumingSign(stream, ack_of(body), says))

    def _take_request(self, stream: FrameStream, rid: int, body: FrameBody, size: int) -> None:
        says = says_of(body) if stream.resumes else None
        if says is None:
            request = FrameRequest(self, rid, body, size)
        else:
            request = ResumingFrameRequest(self, rid, body, size, says)
        if not brings_token(body):
            self._gate.submit_further(stream.sid, request)
            return
        self.credentials.token = body.token
        self._gate.submit_further(stream.sid, request, self.credentials)
        self.credentials.token = NO_TOKEN

    # -- what goes --------------------------------------------------------------------------------

    def send(self, data: bytes) -> bool:
        """Send frames, behind what is to be confirmed.

        Returns:
            Whether the kernel has taken all.
        """
        if self._processed > self._confirmed:
            self._confirmed = self._processed
            data = self.form.confirmation(self._confirmed) + data
        return self.send_frame(data)

    def confirm(self, rid: int) -> None:
        """Have the client told, before long, that all its requests up to `rid` have been processed."""
        self._processed = max(rid, self._processed)
        if self._deadline is None and self._stage == OPEN:
            self._expect(self._due())

    def tell(self, error: ProtocolError, **members: int) -> None:
        """Tell the client of an error."""
        self.note_refusal(error.condition)
        self.send(self.form.encode({**error.body_in_full(), **members}))

    def refuse(self, error: ProtocolError) -> None:
        """Tell the client of an error, and close; or hand the connection over, if another process has the session."""
        elsewhere = isinstance(error, ElsewhereError) and error.pass_on is not None
        if elsewhere and self.can_be_passed_on:
            self._hand_over(cast("ElsewhereError", error))
            return
        self.tell(error)
        reason = error.members.get("reason")
        self.say_close(code_of(error), error.condition if reason is None else f"{error.condition}: {reason}")

    @property
    def can_be_passed_on(self) -> bool:
        """Whether another process can go on with the connection."""
        return bool(self._handshake and self._first) and self._all_is_sent()

    def _hand_over(self, error: ElsewhereError) -> None:
        """Have another process go on: from the handshake, which is not answered again, and the frame that asks."""
        rest = b"" if self._reader is None else self._reader.rest()
        successor = error.pass_on(self._handshake, self._greeted)
        channel = successor(self.sock, self.credentials.peer, self._floor, self._first + rest)
        self._stage, self._reader = DEAF, None
        self._expect(None)
        self._floor.replace(self, channel)
