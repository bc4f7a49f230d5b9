"""The response of a hosted application: all of it at once, or bit by bit as the client takes it.

1.  The client gets what the application says in its response; the only headers left out are those about the
    connection, which is the server's, and the length and the date, which the server writes.
2.  A piece is taken once the one before it is on its way: the writer waits for the client to read, and keeps no more
    than a piece. `ClientGoneError` says that the client has gone, so nobody goes on for nothing.
3.  A response that has fewer bytes than its length says, or that fails half-way, ends with its connection: the client
    sees that it is not whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import ClientGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cometary.transport.http.exchange import Exchange, Headers
    from cometary.transport.http.stream import Stream

OWN: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        b"upgrade",
        b"trailer",
        b"te",
        b"date",
        b"content-length",
    }
)
"""Headers that are the server's to write."""

FAILED: Final = b"The application failed; the server's log says why.\n"
TEXT: Final = b"text/plain; charset=utf-8"


class Response:
    """The response to one exchange.

    Args:
        exchange: what is answered.

    Attributes:
        on_gone: what to call when the client goes while the response is streamed.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._stream: Stream | None = None
        self._left: int | None = None
        self._changed = trio.Event()
        self.on_gone: Callable[[], None] | None = None

    @property
    def begun(self) -> bool:
        """Whether the client may have seen some of it."""
        return self._exchange.answered

    def whole(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Send all of it."""
        length, kept = sorted_out(headers)
        if self._exchange.method == "HEAD" and length is not None:
            self._begin(status, (*kept, (b"Content-Length", b"%d" % length)))
        else:
            self._exchange.respond(status, body, b"", kept)

    def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send its head; what is written is to follow."""
        length, kept = sorted_out(headers)
        if length is not None:
            kept = (*kept, (b"Content-Length", b"%d" % length))
        self._left = length
        self._begin(status, kept)

    def _begin(self, status: int, headers: Headers) -> None:
        stream = self._stream = self._exchange.stream(status, b"", headers)
        if not stream.finished:
            stream.on_writable = self._wake_up
            stream.on_drop = self._note_drop

    def _wake_up(self) -> None:
        self._changed.set()

    def _note_drop(self) -> None:
        self._changed.set()
        if self.on_gone is not None:
            self.on_gone()

    async def write(self, data: bytes) -> None:
        """Send a piece, once the one before it is on its way.

        Raises:
            ClientGoneError: nobody reads it.
            RuntimeError: there is more of it than the head said; the application's fault.
        """
        stream = self._stream
        if stream is None or stream.finished or not data:  # the answer to a HEAD, for one
            return
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise RuntimeError("the application sends more bytes than its Content-Length says")
        while stream.full:
            if self._exchange.carrier is None:
                raise ClientGoneError("the client has gone")
            self._changed = trio.Event()
            await self._changed.wait()
        if self._exchange.carrier is None:
            raise ClientGoneError("the client has gone")
        stream.write(data)

    def end(self) -> None:
        """Say that this was the end."""
        if self._stream is None:
            return
        if self._left and not self._stream.finished:
            self._stream.abort()
        else:
            self._stream.finish()

    def fail(self) -> None:
        """Say that it failed, in whatever way is still possible."""
        if self._stream is not None:
            self._stream.abort()
        elif not self._exchange.answered:
            self._exchange.respond(500, FAILED, TEXT)


def sorted_out(headers: Iterable[tuple[bytes, bytes]]) -> tuple[int | None, Headers]:
    """Return the length that headers say, if any do, and those that are sent on."""
    length, kept = None, list[tuple[bytes, bytes]]()
    for name, value in headers:
        lowered = name.lower()
        if lowered not in OWN:
            kept.append((name, value))
        elif lowered == b"content-length":
            length = int(value)
    return length, tuple(kept)
