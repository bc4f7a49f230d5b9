"""Events are packets of sessions: which path an event has, and what a packet is as an event.

1.  In the main namespace an event's name is the path. In any other, such as `/chat`, what is sent as a plain message
    (`socket.send`) has the namespace's own path, `chat`; the event `x` has `chat/x`. What begins with `::` is the same
    everywhere.
2.  The message is the event's argument: None if it has none, and a tuple if it has several. A tuple is sent as
    several; so is a list as one, and None as one that is null.
3.  An event that asks for an acknowledgement is a question (`cometary.packets.question`), whose `ask` is the id. It
    is acknowledged with what the handlers return: None is no argument, everything else is as in rule 2. If they
    refuse it, or fail, it is acknowledged with the error, an object.
4.  What the server asks is an event with an id; the acknowledgement is its answer.
5.  A packet is written once for each namespace, whatever receives it, as a payload of Engine.IO with its attachments,
    and once more as that payload on a WebSocket. So an event's name is the path that the packet was sent to, room or
    not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from cometary.packets.encodings import Encoding
from cometary.packets.notices import ANSWER_PATH
from cometary.packets.packet import Packet, before_message
from cometary.packets.paths import CONTROL_PREFIX, SEPARATOR
from cometary.packets.plain_values import plain_value
from cometary.packets.question import Question
from cometary.transport.wires.engineio import packets as engine
from cometary.transport.wires.socketio.packets import (
    ACK,
    EVENT,
    RESERVED,
    SocketPacket,
    head,
    take_out,
)
from cometary.transport.wires.websocket.frames import TEXT, frame

PLAIN: Final = "message"
"""The event by which clients send what has no name."""

OURS: Final = "s"
"""What the text begins with by which the server knows a question of its own; the rest is a number."""

BEFORE_MESSAGE: Final = len(b'{"path":,"message":')
"""Bytes before a message in the JSON of a packet that has nothing beside it but the path, beside that."""

SIMPLE: Final = (str, int, float, type(None))

MOST_REMEMBERED: Final = 1024
"""Paths of a namespace of which it is remembered that they are right, and how they are written."""

_encode: Final = msgspec.json.Encoder(enc_hook=plain_value).encode


class Namespace:
    """One namespace, and how its events and paths are called.

    Args:
        name: such as `/` or `/chat`.

    Attributes:
        name: the same.
        path: the path of what is sent there without a name; nothing in the main namespace.
        checked: paths that clients may send to, each by itself, so that an event's path is one object, whose hash is
            known, and need not be looked at anew.
        encoding: writes packets for those who are there.
        frames: the same for those on WebSockets.
    """

    __slots__ = ("checked", "encoding", "frames", "name", "path")

    def __init__(self, name: str) -> None:
        self.name = name
        self.checked: dict[str, str] = {}
        self.path = name[1:]
        self.encoding = EventEncoding(self)
        self.frames = FrameEncoding(self.encoding)

    def path_of(self, event: str) -> str:
        """Return the path of an event (rule 1)."""
        if not self.path or event.startswith(CONTROL_PREFIX):
            return event
        return self.path if event == PLAIN else f"{self.path}{SEPARATOR}{event}"

    def event_of(self, path: str) -> str:
        """Return the event that a packet to a path is."""
        if not self.path:
            return path
        if path == self.path:
            return PLAIN
        return path.removeprefix(f"{self.path}{SEPARATOR}")

    def packet_of(self, said: SocketPacket) -> Packet:
        """Return what an event, or an acknowledgement, is to the session."""
        if said.kind == ACK:
            return Packet(ANSWER_PATH, {"ask": f"{OURS}{said.id}", "value": message_of(said.data)})
        data = cast("list[Any]", said.data)
        if said.id is None:
            return self.plain_packet_of(data)
        return Question(self.path_of(str(data[0])), _message_in(data), str(said.id))

    def plain_packet_of(self, data: list[Any]) -> Packet:
        """Return what an event is that asks for no acknowledgement, given its name and its arguments."""
        first = data[0]
        path = self.path_of(first if isinstance(first, str) else str(first))
        message = _message_in(data)
        known = self.checked.get(path)
        if known is not None:
            return Packet(known, message)
        return Question(path, message, None) if path.startswith(CONTROL_PREFIX) else Packet(path, message)

    def remember(self, path: str) -> None:
        """Take note that clients may send to a path; of control paths each packet is looked at."""
        if path.startswith(CONTROL_PREFIX):
            return
        if len(self.checked) >= MOST_REMEMBERED:
            self.checked.clear()
        self.checked[path] = path


def _message_in(data: list[Any]) -> Any:
    return data[1] if len(data) == 2 else message_of(data[1:])  # noqa: PLR2004 - one argument, as nearly always


def message_of(args: list[Any]) -> Any:
    """Return what arguments are as a message (rule 2)."""
    if len(args) == 1:
        return args[0]
    return tuple(args) if args else None


class Begun:
    """What is before the message of an event.

    Args:
        text: the same; nothing, if no client may see it as an event.
        skipped: bytes before the message in the JSON of the packet.
    """

    __slots__ = ("skipped", "text")

    def __init__(self, text: bytes, skipped: int) -> None:
        self.text = text
        self.skipped = skipped


class EventEncoding(Encoding):
    """Packets as those of Socket.IO, in payloads of Engine.IO.

    Args:
        namespace: for whom.
    """

    __slots__ = ("_begin", "_begun", "_namespace")

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(f"socketio {namespace.name}")
        self._namespace = namespace
        self._begin = f"{engine.MESSAGE}{head(EVENT, namespace.name)}[".encode()
        self._begun: dict[str, Begun] = {}

    def write(self, packet: Packet) -> bytes:
        """Write the packet; nothing, if clients would take it for something of their own."""
        return self.write_text(packet) or self.write_in_full(packet)

    def write_text(self, packet: Packet) -> bytes:
        """Write a packet whose message is a text, and that has nothing beside it; of any other return nothing.

        Most are, and then what is before the message is always the same.
        """
        if type(packet.message) is not str or packet.extra is not None:
            return b""
        begun = self._begun.get(packet.path)
        if begun is None:
            begun = self._begun_anew(packet.path)
        return begun.text + packet.json[begun.skipped : -1] + b"]" if begun.text else b""

    def _begun_anew(self, path: str) -> Begun:
        """Return what is before a message to a path, and remember it; nothing, where it is no ordinary event."""
        event = self._namespace.event_of(path)
        text = b"" if path == ANSWER_PATH or event in RESERVED else self._begin + _encode(event) + b","
        if len(self._begun) >= MOST_REMEMBERED:
            self._begun.clear()
        begun = self._begun[path] = Begun(text, len(before_message(path)))
        return begun

    def write_in_full(self, packet: Packet) -> bytes:
        """Do as `write`, whatever is in the packet."""
        if packet.path == ANSWER_PATH:
            return self._write_answer(packet)
        event = self._namespace.event_of(packet.path)
        if event in RESERVED:
            return b""
        extra = packet.extra
        if (extra is not None and "ask" in extra) or may_hold_bytes(packet.message):
            args = arguments(packet.message, packet.plain_message(), none=[None])
            asked = extra["ask"].removeprefix(OURS) if extra is not None and "ask" in extra else None
            return self._payload(EVENT, asked, [event, *args])
        named = _encode(event)
        if extra:
            written = _encode(packet.message)
        else:
            path = named if event == packet.path else _encode(packet.path)
            written = packet.json[BEFORE_MESSAGE + len(path) : -1]
        if isinstance(packet.message, tuple):
            written = written[1:-1]
        return self._begin + named + b"," + written + b"]" if written else self._begin + named + b"]"

    def _write_answer(self, packet: Packet) -> bytes:
        told = cast("dict[str, Any]", packet.plain_message())
        asked = told["ask"]
        if "error" in told:
            error = {name: value for name, value in told.items() if name != "ask"}
            return self._payload(ACK, asked, [error])
        return self._payload(ACK, asked, arguments(packet.message["value"], told["value"], none=[]))

    def _payload(self, kind: int, asked: str | None, args: list[Any]) -> bytes:
        attachments: list[bytes] = []
        data = take_out(args, attachments)
        text = head(kind, self._namespace.name, asked, len(attachments)) + _encode(data).decode()
        return engine.payload_of((engine.MESSAGE, text), *[(engine.MESSAGE, one) for one in attachments])


class FrameEncoding(Encoding):
    """The same, as they are on a WebSocket.

    Args:
        events: what writes their payloads, which are not kept.
    """

    __slots__ = ("_events",)

    def __init__(self, events: EventEncoding) -> None:
        super().__init__(f"{events.name} websocket")
        self._events = events

    def write(self, packet: Packet) -> bytes:
        """Write the packet; nothing, as there."""
        text = self._events.write_text(packet)
        if text:  # in which there is nothing that would part it
            return frame(TEXT, text)
        payload = self._events.write_in_full(packet)
        return engine.frames_of(payload) if payload else b""


def arguments(message: Any, plain: Any, *, none: list[Any]) -> list[Any]:
    """Return what a message is as arguments (rule 2), given it as plain data, too; `none` for None."""
    if message is None:
        return none
    return [*plain] if isinstance(message, tuple) else [plain]


def may_hold_bytes(value: Any) -> bool:
    """Whether there are byte strings in a message, or what nobody can say that of."""
    if type(value) is str or isinstance(value, SIMPLE):
        return False
    if isinstance(value, list | tuple):
        return any(may_hold_bytes(item) for item in cast("Sequence[object]", value))
    if isinstance(value, dict):
        return any(may_hold_bytes(member) for member in cast("dict[object, object]", value).values())
    return True


def with_offset(payload: bytes, offset: int) -> bytes:
    """Return an event with one more argument: where in its session it is, as text."""
    text, separator, attachments = payload.partition(engine.SEPARATOR)
    return b'%b,"%d"]%b%b' % (text[:-1], offset, separator, attachments)
