"""The carrier of an exchange that came by ASGI: what is answered becomes pieces, and these the server's messages.

1.  A piece is taken once the one before it was sent (`sent`), so that no more than one waits, however slow the client.
2.  The exchange is used on Trio's loop alone. Where the pieces go is for whoever makes the call: to a task of the same
    loop, or over to a loop of asyncio's.
3.  A response that fails half-way is left without an end (`None` in place of a piece): the server then closes the
    connection, and the client sees that it is not whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from cometary.transport.http.exchange import WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.asgi.types import Message, Receive, Send
    from cometary.transport.http.exchange import Exchange, Headers
    from cometary.transport.http.stream import Stream


class Piece(NamedTuple):
    """A part of a response.

    Attributes:
        start: the message with the head, if this is the first one.
        body: bytes of the body.
        more: whether further ones follow.
    """

    start: Message | None
    body: bytes
    more: bool


class AsgiCall:
    """Carries one exchange.

    Args:
        emit: takes the pieces.
        closing: whether the connection is to end with the response, since there is more of the request than is read.
    """

    def __init__(self, emit: Callable[[Piece | None], None], *, closing: bool = False) -> None:
        self._emit = emit
        self._closing = closing
        self._start: Message | None = None
        self._stream: Stream | None = None

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        """Send the response (`Carrier`)."""
        length: Headers = () if status in WITHOUT_BODY else ((b"content-length", b"%d" % len(body)),)
        start = start_of(status, content_type, (*headers, *length))
        if self._closing:
            start["headers"].append((b"connection", b"close"))
        self._emit(Piece(start, b"" if exchange.method == "HEAD" else body, more=False))

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:  # noqa: ARG002
        """Keep the head until the first piece comes (`Carrier`)."""
        self._start = start_of(status, content_type, headers)
        return b""

    def push(self, exchange: Exchange, stream: Stream) -> bool:  # noqa: ARG002
        """Send what is pending, if only the head; returns whether it takes more (`Carrier`)."""
        self._stream = stream
        data, stream.pending = stream.pending, b""
        if not data and self._start is None:
            return True
        start, self._start = self._start, None
        self._emit(Piece(start, data, more=True))
        return False

    def sent(self) -> None:
        """Go on, since the last piece is on its way."""
        stream = self._stream
        if stream is not None and stream.full and not stream.finished:
            stream.go_on()

    def conclude(self, exchange: Exchange) -> None:
        """Send the end of a stream (`Carrier`)."""
        start, self._start = self._start, None
        self._emit(Piece(start, exchange.response or b"", more=False))

    def note_refusal(self, condition: str) -> None:
        """Do nothing: what is refused counts where it is served (`Carrier`)."""

    def close(self) -> None:
        """Cut the response off (`Carrier`)."""
        self._emit(None)


class Outbox(Protocol):
    """The pieces of one response that are to be sent, on whichever loop."""

    async def get(self) -> Piece | None:
        """Return the next one."""
        ...


async def transmit(outbox: Outbox, send: Send, sent: Callable[[], None]) -> None:
    """Send the pieces of one response until its end, or until it fails; `sent` is told of each but the last."""
    while (piece := await outbox.get()) is not None:
        if piece.start is not None:
            await send(piece.start)
        if piece.body or not piece.more:
            await send({"type": "http.response.body", "body": piece.body, "more_body": piece.more})
        if not piece.more:
            return
        sent()


async def gone(receive: Receive) -> None:
    """Wait until the server says that the client has gone."""
    while (await receive())["type"] == "http.request":
        pass  # the rest of a body that is far too long


def start_of(status: int, content_type: bytes, headers: Headers) -> Message:
    """Return the message with the head of a response."""
    lines = [(name.lower(), value) for name, value in headers]
    if content_type and status not in WITHOUT_BODY:
        lines.append((b"content-type", content_type))
    if content_type and not any(name == b"cache-control" for name, _ in lines):
        lines.append((b"cache-control", b"no-store"))
    return {"type": "http.response.start", "status": status, "headers": lines}
