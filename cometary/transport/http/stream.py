"""A response that is written bit by bit: of an exchange whose answer has no end yet.

1. In HTTP/1.1 each piece is a chunk; in 1.0 the connection's end is the stream's. A client that asks by HEAD gets the
   head alone, and the stream is finished from the start.
2. Its head goes out at once, if the answers to all earlier requests of the connection have. Until then, and while the
   kernel has not taken all of a piece, it is `full`, and takes nothing; so it keeps no more than one piece.
3. `on_writable` says that it is no longer full. It is called from the switchboard's own turn, never from within a
   `write` or somebody's answer.
4. What is asked behind it on the same connection waits for its end.
5. `on_drop` is the exchange's, and works as there: the peer has gone, or says no more. In the latter case it may
   still read, so what is written goes out, for a while, and it still gets a last piece and `finish`.
6. A peer that takes nothing of what is unsent is cut off after `Limits.write_seconds`. One to which nothing is
   written is waited for; only writing to it shows whether it is still there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange, Holder

END: Final = b"0\r\n\r\n"

logger = get_logger("cometary.transport")


class Stream:
    """The response of `Exchange.stream`.

    Attributes:
        full: Whether it takes nothing now.
        finished: Whether it takes nothing any more.
        on_writable: What to call when it is no longer full.
        pending: What its connection has not sent yet.
    """

    __slots__ = ("_chunked", "_exchange", "finished", "full", "on_writable", "pending")

    def __init__(self, exchange: Exchange, *, chunked: bool) -> None:
        self._exchange = exchange
        self._chunked = chunked
        self.full = True
        self.finished = False
        self.on_writable: Callable[[], None] | None = None
        self.pending = b""

    @property
    def on_drop(self) -> Callable[[], None] | Holder | None:
        """What to call when the peer goes, or says that it will say no more; whoever writes the stream sets it."""
        return self._exchange.on_drop

    @on_drop.setter
    def on_drop(self, handler: Callable[[], None] | Holder | None) -> None:
        self._exchange.on_drop = handler

    def write(self, data: bytes) -> bool:
        """Send a piece; nothing if the peer has gone.

        Args:
            data: The piece, all of which is taken. An empty one only asks.

        Returns:
            Whether it takes more now. If not, `on_writable` is called when it does, unless the peer has gone.

        Raises:
            RuntimeError: It is full, or finished: the writer's fault.
        """
        if self.finished:
            raise RuntimeError("the stream has been finished")
        if not data:
            return not self.full
        if self._exchange.carrier is None:
            return False
        if self.full:
            raise RuntimeError("the stream is full")
        self.pending = self._piece(data)
        self.push()
        return not self.full

    def _piece(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def push(self) -> None:
        """Have the connection send what is pending, if it can."""
        carrier = self._exchange.carrier
        self.full = carrier is None or not carrier.push(self._exchange, self)

    def finish(self, last: bytes = b"") -> None:
        """End it; behind what is still unsent. Again, or once the peer has gone, that does nothing.

        Args:
            last: A last piece, whether it is full or not.
        """
        if not self.finished:
            self.finished = True
            self.on_writable = None
            rest, self.pending = self.pending, b""
            if last:
                rest += self._piece(last)
            self._exchange.conclude(rest + END if self._chunked else rest)

    def abort(self) -> None:
        """Close the connection, so that the peer sees that the response is not whole."""
        if not self.finished:
            self.finished = True
            self.on_writable = self._exchange.on_drop = None
            carrier = self._exchange.carrier
            if carrier is not None:
                carrier.close()

    def go_on(self) -> None:
        """Take note that the kernel takes more."""
        self.full = False
        if self.on_writable is not None:
            try:
                self.on_writable()
            except Exception:
                logger.exception(
                    "stream failed", text="what was to go on with a stream failed; it is cut off"
                )
                self.abort()
