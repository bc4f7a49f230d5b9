"""Streams over real sockets, as their clients read them."""

from __future__ import annotations

import io
import json as standard_json
from dataclasses import dataclass
from typing import Any, Final

import cbor2
import trio

from tests.protocol.client import PATIENCE, Comet, Connection, World
from tests.transport.wire import Response

SSE: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
ITEMS: Final = "application/cbor-seq"


@dataclass
class Piece:
    """A body of a stream, or an event: what it says, and its name and id if it is an event."""

    body: Any
    name: str = ""
    id: str = ""


class Streamed:
    """A response that has no end yet.

    Args:
        connection: what it comes on.
        accept: its media type.
        chunked: whether it comes in chunks.
    """

    def __init__(self, connection: Connection, accept: str, *, chunked: bool = True) -> None:
        self.connection = connection
        self.accept = accept
        self.chunked = chunked
        self.ended = False
        self.ack: int = 0
        self.head = Response(0, {}, b"")
        self._next: int = 0
        self._text = b""

    async def begin(self) -> Any:
        """Read the head; returns the body of an error, if it is no stream."""
        with trio.fail_after(PATIENCE):
            self.head = await self.connection.wire.response()
        assert self.head.headers["cache-control"] == "no-store"
        if self.head.status != 200:
            return standard_json.loads(self.head.body)
        assert self.head.headers["content-type"] == self.accept
        assert self.head.headers["x-accel-buffering"] == "no"
        return None

    async def piece(self) -> Piece:
        """Read the next piece."""
        with trio.fail_after(PATIENCE):
            while True:
                piece = self._take()
                if piece is not None:
                    return piece
                assert not self.ended, "the stream has ended"
                await self._read()

    async def end(self, patience: float = PATIENCE) -> list[Piece]:
        """Read to the end, which comes within so many seconds; returns what came."""
        pieces: list[Piece] = []
        with trio.fail_after(patience):
            while True:
                piece = self._take()
                if piece is not None:
                    pieces.append(piece)
                elif self.ended:
                    return pieces
                else:
                    await self._read()

    async def packets(self, count: int = 1) -> list[Any]:
        """Read so many packets, of which none has come before, and return their messages."""
        messages: list[Any] = []
        while len(messages) < count:
            piece = await self.piece()
            if self.accept == SSE:
                if not piece.name:
                    assert int(piece.id) == self.ack + 1
                    messages.append(piece.body["message"])
                    self.ack += 1
                continue
            self._next = piece.body.get("seq", self._next)
            for packet in piece.body.get("packets", ()):
                assert self._next == self.ack + 1
                messages.append(packet["message"])
                self._next += 1
                self.ack += 1
        assert len(messages) == count
        return messages

    def _take(self) -> Piece | None:
        if self.accept == SSE:
            return self._event()
        if self.accept == LINES:
            line, end, rest = self._text.partition(b"\n")
            if not end:
                return None
            self._text = rest
            return Piece(standard_json.loads(line))
        source = io.BytesIO(self._text)
        try:
            body = cbor2.load(source)
        except cbor2.CBORDecodeEOF:
            return None
        self._text = self._text[source.tell() :]
        return Piece(body)

    def _event(self) -> Piece | None:
        text, end, rest = self._text.partition(b"\n\n")
        if not end:
            return None
        self._text = rest
        fields = dict(line.split(":", 1) for line in text.decode().split("\n"))
        fields.pop("retry", None)
        return Piece(standard_json.loads(fields.pop("data")), fields.pop("event", ""), fields.pop("id", ""))

    async def _read(self) -> None:
        wire = self.connection.wire
        if not self.chunked:
            self.ended = not (wire._buffer or await wire.read_some())
            self._text += wire._buffer
            wire._buffer = b""
            return
        while True:
            size, line, rest = wire._buffer.partition(b"\r\n")
            length = int(size or b"0", 16)
            if line and len(rest) >= length + 2:
                wire._buffer = rest[length + 2 :]
                self._text += rest[:length]
                self.ended = not length
                return
            assert await wire.read_some(), "cut off"


async def asked(
    world: World, accept: str, sid: str, *headers: bytes, ack: int = 0, **members: object
) -> Streamed:
    """Ask for a stream of a session, and no more."""
    connection = await world.connect()
    accepts = b"Accept: " + accept.encode()
    if accept == SSE:
        acknowledged = (b"Last-Event-ID: %d" % ack,) if ack else ()
        await connection.request(
            "GET", "/comet", accepts, b"X-Comet-Session: " + sid.encode(), *acknowledged, *headers
        )
    else:
        await connection.send({"sid": sid, "ack": ack, **members}, accepts, *headers)
    streamed = Streamed(connection, accept)
    streamed.ack = ack
    return streamed


async def attach(world: World, accept: str, client: Comet, *headers: bytes, ack: int = 0) -> Streamed:
    """Attach a stream to a session, and read its hello."""
    streamed = await asked(world, accept, client.sid, *headers, ack=ack)
    assert await streamed.begin() is None
    hello = await streamed.piece()
    assert hello == Piece({"seq": streamed.ack + 1, "packets": []}, "comet" if accept == SSE else "")
    streamed._next = streamed.ack + 1
    return streamed


async def send(client: Comet, *packets: tuple[str, object], ack: int = 0) -> None:
    """Send beside a stream."""
    client.ack = ack
    client.connection = await client.world.connect()  # the one before may have been idle for too long
    answer = await client.ask(*packets, hold=False)
    assert (answer.status, answer.body) == (200, {"packets": []}), answer.body
