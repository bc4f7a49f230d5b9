"""A client in one namespace: the carrier of that session, through which its events are handed to it.

1.  It asks the gate for a session of its own; or, if the client says that it had one (`Returning`), to be attached to
    that. If that cannot be, it asks for another, and the client sees that it was not recovered.
2.  The client is told that it is connected once the session has taken the stream, before anything else of it. Until
    then what it sends waits.
3.  What it sends is a request of the session, one at a time, since Socket.IO counts nothing and confirms nothing:
    what comes meanwhile waits, and goes together with the next. A request that comes too fast is put off
    (`too-many-requests`), and made again when the session says, with half as much in it, since it may be too much at
    once. More than `MOST_PENDING` bytes do not wait (`room`): then the client is not read. What was put off when the
    stream is released is given up, as all that waits is: the session has another carrier by then, and what that brings
    would come before it.
4.  An event that no handler takes is ignored, as everywhere in Socket.IO. So it does not harm those beside it.
5.  Every event that is sent has its number in the session. It is told as the last argument, where sessions are
    recovered (`Terms.recovers`), and comes back with the client; so exactly what it lacks is sent again. Else the
    number is ours alone: what has arrived is known by Engine.IO (`mark`, `arrived`).
6.  What answers the session's `::token` is a request by itself, ahead of what waits; its outcome is told as that of
    every event to a control path is (`Question`). It is judged as the gate judges tokens on streams.
7.  The session's end is told as DISCONNECT where it is for good: a client takes that as a wish not to come back. Where
    it should come back, the connection is closed instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from cometary.errors import ProtocolError
from cometary.packets.notices import EXPIRING_PATH
from cometary.packets.packet import Packet
from cometary.packets.paths import check_path
from cometary.sessions.events import Stream
from cometary.transport.codecs import json
from cometary.transport.wires.engineio import packets as engine
from cometary.transport.wires.socketio.auth import given_in, token_of
from cometary.transport.wires.socketio.events import with_offset
from cometary.transport.wires.socketio.packets import CONNECT, CONNECT_ERROR, DISCONNECT, head
from cometary.transport.wires.socketio.requests import NamespaceOpening, NamespaceRequest, Renewal

if TYPE_CHECKING:
    from cometary.gate.opening import Welcome
    from cometary.packets.question import Question
    from cometary.transport.wires.engineio.credentials import HandshakeCredentials
    from cometary.transport.wires.socketio.auth import Returning
    from cometary.transport.wires.socketio.client import Client
    from cometary.transport.wires.socketio.events import Namespace

MOST_PENDING: Final = 64 * 1024
EVENT_COSTS: Final = 64
"""Bytes that an event counts as, however short it is."""

FOR_GOOD: Final = frozenset(("kicked", "closed", "expired"))
"""Reasons of a session's end after which its client is not to come back by itself."""


class NamespaceStream(Stream):
    """A client in one namespace.

    Args:
        client: the client.
        namespace: the namespace.
        credentials: what the client shows of itself there.

    Attributes:
        namespace: the same.
        written: the number of the last packet that was sent.
        left: whether the client has left, or was told to.
    """

    __slots__ = (
        "_asked",
        "_client",
        "_closes",
        "_credentials",
        "_full",
        "_marked",
        "_name",
        "_opening",
        "_pending",
        "_pending_bytes",
        "_pid",
        "_renewals",
        "_returning",
        "_share",
        "_told",
        "left",
        "namespace",
        "written",
    )

    def __init__(self, client: Client, namespace: Namespace, credentials: HandshakeCredentials) -> None:
        super().__init__()
        self._credentials: HandshakeCredentials | None = credentials
        self.namespace = namespace
        self.written: int = 0
        self.left: bool = False
        self._client = client
        self._name = ""
        self._pid = ""
        self._told: bool = False  # that it is connected
        self._closes: bool = False  # whether its client has left, so that its session is to end
        self._returning: Returning | None = None
        self._opening: NamespaceOpening | None = None
        self._marked: int = 0
        self._full: bool = False
        self._asked: NamespaceRequest | None = None  # the request that was not answered yet
        self._pending: list[Packet] = []
        self._renewals: list[Question] = []
        self._pending_bytes: int = 0
        self._share: int = client.most_packets  # how many go together

    # -- the session (rules 1 and 2) --------------------------------------------------------------

    def begin(self, returning: Returning | None) -> None:
        """Ask for a session, or to go on with the one that there was."""
        if returning is None:
            self._open()
        else:
            self._attach(returning)

    def _open(self) -> None:
        credentials = self._credentials
        assert credentials is not None  # noqa: S101 - it has not begun yet
        self._opening = opening = NamespaceOpening(self, credentials, self._client.policy_of(self.namespace))
        self._client.gate.open(opening)

    def _attach(self, returning: Returning) -> None:
        self._returning = returning
        self._name, self._pid = returning.name, returning.pid
        self.written = self._marked = returning.ack
        self._client.gate.attach(returning.sid, self, returning.ack, self._credentials)

    def opened(self, welcome: Welcome) -> None:
        """Take note that there is a session."""
        self._opening = None
        self._name = welcome.name
        if self._client.terms.recovers:
            self._pid = f"{welcome.sid}.{welcome.name}"

    def not_opened(self, error: ProtocolError) -> None:
        """Tell the client that there is no session."""
        told: dict[str, Any] = {"message": error.detail, "data": error.body()}
        self._client.forget(self)
        self.say(CONNECT_ERROR, told)

    def taken(self) -> None:
        """See `Stream`."""
        if not self.left:
            self._tell()
        self.submit()

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._credentials = self._returning = None
            self.say(CONNECT, {"sid": self._name, "pid": self._pid} if self._pid else {"sid": self._name})

    def say(self, kind: int, data: object = None) -> None:
        """Send the client a packet about the namespace itself."""
        said = "" if data is None else json.encode(data).decode()
        self._client.send(engine.payload_of((engine.MESSAGE, f"{head(kind, self.namespace.name)}{said}")))

    # -- what the session says (rules 5 and 7) ----------------------------------------------------

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        """See `Stream`."""
        if self.left:
            return True
        self._tell()
        client, written = self._client, first_seq - 1 + len(packets)
        self.written = written
        if len(packets) == 1 and not self._pid and client.connection.by_websocket:
            has_room = client.send_frames(self.namespace.frames.encode(packets[0]))
        else:
            has_room = client.send(self._payload(first_seq, packets))
        self._full = not has_room
        if written - self._marked >= client.most_unheard:
            client.ask()
        return has_room

    def _payload(self, first_seq: int, packets: Sequence[Packet]) -> bytes:
        encode = self.namespace.encoding.encode
        if not self._pid:
            payloads = [encode(packet) for packet in packets]
        else:
            payloads = [
                self._numbered(encode(packet), packet, seq) for seq, packet in enumerate(packets, first_seq)
            ]
        return engine.SEPARATOR.join([payload for payload in payloads if payload])

    def _numbered(self, payload: bytes, packet: Packet, seq: int) -> bytes:
        is_event = payload and (packet.extra is None or "ask" not in packet.extra) and payload[1:2] in b"25"
        return with_offset(payload, seq) if is_event else payload

    def beat(self) -> None:
        """See `Stream`; a sign of life is asked for by Engine.IO as well."""
        self._client.ask()

    def release(self) -> None:
        """See `Stream`."""
        self._leave()
        self.say(DISCONNECT)

    def refuse(self, error: ProtocolError) -> None:
        """See `Stream`."""
        if self.left:
            return
        self._leave()
        if self._returning is not None and self._credentials is not None:
            self._client.enter(NamespaceStream(self._client, self.namespace, self._credentials))
        elif error.members.get("reason") in FOR_GOOD:
            self.say(DISCONNECT)
        else:
            self._client.close()

    def _leave(self) -> None:
        self.left = True
        self._pending.clear()
        self._renewals.clear()
        self._client.forget(self)

    def drained(self) -> None:
        """Let the session write on."""
        if self._full:
            self._full = False
            self._client.gate.writable(self)

    def mark(self) -> None:
        """Take note of how far what was sent is on its way."""
        self._marked = self.written

    def arrived(self) -> None:
        """Take note that it has arrived as far as was marked."""
        if self.sid and not self.left:
            self._client.gate.hear(self, self._marked)

    # -- what the client says (rules 3, 4 and 6) --------------------------------------------------

    @property
    def room(self) -> bool:
        """Whether more may wait."""
        return self._pending_bytes < MOST_PENDING

    def take(self, packet: Packet, size: int) -> None:
        """Take what the client sends."""
        if packet.path == EXPIRING_PATH:
            self._renewals.append(cast("Question", packet))  # as every packet to a control path is
        elif self._accepts(packet.path):
            self._pending.append(packet)
        else:
            return
        self._pending_bytes += max(size, EVENT_COSTS)
        self.submit()

    def _accepts(self, path: str) -> bool:
        """Whether clients may send to a path, and somebody takes what they do."""
        known = path in self.namespace.checked
        if not known:
            try:
                check_path(path, from_client=True)
            except ProtocolError:
                return False
        if not self._client.gate.accepts(path):
            return False
        if not known:
            self.namespace.remember(path)
        return True

    def leave(self) -> None:
        """Take note that the client leaves: its session ends, behind what it has sent."""
        self.left = self._closes = True
        self._client.forget(self)
        if self._opening is not None:
            self._client.gate.withdraw(self._opening)
        self.submit()

    def drop(self) -> None:
        """Take note that the connection has ended."""
        if self._opening is not None:
            self._client.gate.withdraw(self._opening)
        elif not self.left:
            self._client.gate.leave(self)

    def submit(self) -> None:
        """Hand what waits to the session, unless it is at something."""
        if self._asked is not None or not (self._told or self._closes):
            return
        if not (self._pending or self._renewals or self._closes):
            return
        rid = self._client.gate.next_rid(self)
        if not rid or (self._client.connection.ended and not self._closes):
            return  # the session has ended, or may have another stream by now
        if self._renewals:
            self._renew(rid, self._renewals.pop(0))
            return
        packets, share = self._pending, self._share
        if len(packets) <= share:
            self._pending = []
        else:
            packets, self._pending = packets[:share], packets[share:]
        closes = self._closes and not self._pending
        self._asked = request = NamespaceRequest(self, rid, packets, close=closes, size=self._pending_bytes)
        self._client.gate.submit_further(self.sid, request)

    def _renew(self, rid: int, said: Question) -> None:
        client, token = self._client, said.message
        if isinstance(token, dict):
            token = token_of(given_in(cast("dict[str, Any]", token)))
        self._asked = request = Renewal(self, rid, said)
        client.gate.submit_further(self.sid, request, client.connection.credentials.with_token(token))

    def renewed(self, request: Renewal, error: ProtocolError | None) -> None:
        """Tell the client whether its token counts."""
        said = request.said
        if error is not None and self._may_come_again(error):
            self._renewals.insert(0, said)
            self._client.after(error.retry_after or 1, self._try_again)
            return
        told = (
            said.answer(None)
            if error is None
            else said.refusal(error.condition, error.detail, **error.members)
        )
        if told is not None and not self.left:
            self._client.send(self.namespace.encoding.write(Packet(*told)))
        self._settled()

    def settle(self, request: NamespaceRequest, error: ProtocolError | None = None) -> None:
        """Take note that a request was answered."""
        if error is not None and self._may_come_again(error):
            self._pending[:0] = request.packets
            self._share = max(1, len(request.packets) // 2)
            self._client.after(error.retry_after or 1, self._try_again)
            return
        most = self._client.most_packets
        self._share = most if self._share >= most else min(2 * self._share, most)
        self._settled()

    def _may_come_again(self, error: ProtocolError) -> bool:
        """Whether what was refused was only put off; not to a session that another stream carries by now (rule 3)."""
        return error.condition == "too-many-requests" and (self._closes or not self.left)

    def _settled(self) -> None:
        self._asked, was_full = None, not self.room
        if not (self._pending or self._renewals):
            self._pending_bytes = 0
        self.submit()
        if was_full and self.room:
            self._client.go_on()

    def _try_again(self) -> None:
        self._asked = None
        self.submit()

    @property
    def peer(self) -> str:
        """The address that the client came from."""
        return self._client.peer
