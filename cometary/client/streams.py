"""Streams as a page reads them: from pieces of a response's body to bodies.

What is neither a packet nor an error, a hello or a beat, is a body without either.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from cometary.client.bodies import Packet

EVENTS: Final = b"text/event-stream"
LINES: Final = b"application/x-ndjson"


class StreamBody(msgspec.Struct):
    """A body of a stream.

    Attributes:
        seq: the number of the first packet; if it follows on, the reader has filled it in.
        packets: those that it brings; None if it is no answer: a beat, or an error.
        rid: on a WebSocket, up to which request all have been processed; or, of an error, which request it is about.
        error: the condition, if it is an error, which ends the stream unless it is about a request.
        detail: one sentence about it.
        reason: why the session has ended, if it has.
        gen: the session's generation, if it can go on elsewhere, and this is the hello.
        at: where the client is behind these packets; None if that is where it was before them.
    """

    seq: int | None = None
    packets: list[Packet] | None = None
    rid: int = 0
    error: str = ""
    detail: str = ""
    reason: str = ""
    gen: int = 0
    at: str | None = None

    @property
    def is_beat(self) -> bool:
        """Whether it asks for a sign of life."""
        return self.packets is None and not (self.error or self.rid)


class Reader(Protocol):
    """Reads one stream."""

    def feed(self, data: bytes) -> list[StreamBody]:
        """Take a piece of the response's body; returns what it completes.

        Raises:
            msgspec.DecodeError: it is not a stream of the server's.
        """
        ...


class Numbering:
    """Knows the number of the packet that comes next on a stream."""

    def __init__(self) -> None:
        self._next = 1

    def fill_in(self, body: StreamBody) -> StreamBody:
        """Return a body of the stream with the number that it has left out because it follows on."""
        if body.packets is not None:
            if body.seq is None:
                body.seq = self._next
            self._next = body.seq + len(body.packets)
        return body


class LineReader:
    """Reads lines of JSON."""

    def __init__(self) -> None:
        self._rest = b""
        self._numbering = Numbering()

    def feed(self, data: bytes) -> list[StreamBody]:
        """See `Reader.feed`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [self._numbering.fill_in(read_body(line)) for line in lines]


class EventReader:
    """Reads server-sent events, as this server writes them: a field has one line, and no space behind its colon."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[StreamBody]:
        """See `Reader.feed`."""
        *events, self._rest = (self._rest + data).split(b"\n\n")
        return [read_event(event) for event in events]


read_body = msgspec.json.Decoder(StreamBody).decode
read_packet = msgspec.json.Decoder(Packet).decode


def read_event(event: bytes) -> StreamBody:
    """Read one event, up to its empty line.

    Raises:
        msgspec.DecodeError: it is not an event of the server's.
    """
    fields: dict[bytes, bytes] = {}
    for line in event.split(b"\n"):
        name, _, value = line.partition(b":")
        fields[name] = value
    data = fields.get(b"data", b"")
    if b"event" in fields:
        return read_body(data)
    return StreamBody(int(fields[b"id"]), [read_packet(data)])


READERS: Final[dict[bytes, type[LineReader | EventReader]]] = {LINES: LineReader, EVENTS: EventReader}
"""By the media type."""
