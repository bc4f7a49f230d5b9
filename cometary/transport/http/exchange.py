"""One HTTP request and the one response it gets.

1. An exchange is answered exactly once, by `respond` or `refuse`; a second answer is a bug and
   raises `RuntimeError`.
2. Answering after the peer has gone is no bug but a race nobody can win: it does nothing.
3. `on_drop` is called at most once, when the peer has gone before the answer, or has said that
   it will say no more, after which it may be gone; never after an answer. It may be called from
   within the answer to another exchange of the connection, so it only takes note, and what it
   raises is logged.
4. After the latter an answer is still sent, if it comes soon. Who knows that none will come says
   so (`leave_unanswered`), and the connection need not wait for it.
5. The wire is a `Carrier`: the exchange knows neither sockets nor the order of responses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from cometary.log import get_logger
from cometary.transport.codecs import json

if TYPE_CHECKING:
    from cometary.errors import ProtocolError
    from cometary.transport.codecs import Codec

logger = get_logger("cometary.transport")

Headers = tuple[tuple[bytes, bytes], ...]
"""Headers of a response."""

NO_HEADERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class Carrier(Protocol):
    """The wire an exchange came on and its response goes out by."""

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        """Send the response of `exchange` when its turn has come."""
        ...


class Exchange:
    """A request, waiting for its response.

    Attributes:
        method: As sent: `"POST"`.
        path: The path of the request's target as sent, percent-escapes included, query left out.
        query: What follows the target's `?`, or nothing.
        headers: By name in lower case; lines of the same name are one value with commas.
        body: The whole body.
        peer: The address of the other end of the connection.
        on_drop: What to call when the peer goes, or says that it will say no more, before the
            answer; whoever holds the exchange sets it.
        fault: What is wrong with the request as HTTP, when it was refused before it was complete.
        closing: Whether the connection ends with this exchange's response.
        extra_headers: Headers that the response gets whatever it is.
    """

    __slots__ = (
        "_answered",
        "_carrier",
        "body",
        "closing",
        "extra_headers",
        "fault",
        "headers",
        "method",
        "on_drop",
        "path",
        "peer",
        "query",
        "response",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: Mapping[bytes, bytes],
        *,
        body: bytes = b"",
        closing: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.closing = closing
        self.fault: ProtocolError | None = None
        self.peer = ""
        self.extra_headers: Headers = ()
        self.on_drop: Callable[[], None] | None = None
        self.response: bytes | None = None
        self._carrier: Carrier | None = None
        self._answered = False

    @property
    def answered(self) -> bool:
        """Whether `respond` or `refuse` has been called."""
        return self._answered

    @property
    def carrier(self) -> Carrier | None:
        """The wire that it came on; None when the peer has gone, or once it was answered."""
        return self._carrier

    def arrive(self, carrier: Carrier, peer: str) -> None:
        """Take note of the wire that carries the response, before anybody can answer."""
        self._carrier = carrier
        self.peer = peer

    def respond(
        self,
        status: int,
        body: bytes = b"",
        content_type: bytes = b"application/json",
        headers: Headers = (),
    ) -> None:
        """Answer; on the wire when the answers to all earlier requests of its connection are.

        Args:
            status: The HTTP status.
            body: The whole body; a HEAD request gets only its length.
            content_type: The body's media type.
            headers: More headers; without a `Cache-Control` among them the response has `no-store`.

        Raises:
            RuntimeError: It has been answered before: the endpoint's fault.
            ValueError: A header holds a line break: the endpoint's fault.
        """
        if self._answered:
            raise RuntimeError(f"{self.method} {self.path} has been answered already")
        if headers or self.extra_headers:
            headers = (*self.extra_headers, *checked(headers))
        self._answered = True
        self.on_drop = None
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.carry(self, status, body, content_type, headers)

    def refuse(self, error: ProtocolError, codec: Codec = json, headers: Headers = ()) -> None:
        """Answer with an error.

        Args:
            error: Gives the status and the body.
            codec: How to write the body; the request's own, once that is known.
            headers: More headers.

        Raises:
            RuntimeError: It has been answered before: the endpoint's fault.
        """
        if error.retry_after is not None:
            headers = (*headers, (b"Retry-After", b"%d" % error.retry_after))
        self.respond(error.status, codec.encode(error.body()), codec.content_type, headers)

    def release_request(self) -> None:
        """Let go of headers and body; for who holds an exchange for long and has read them."""
        self.headers = NO_HEADERS
        self.body = b""

    def drop(self) -> None:
        """Take note that the peer has gone; calls `on_drop` unless it was answered."""
        self._carrier = None
        self.let_go()

    def let_go(self) -> None:
        """Take note that the peer says no more, and may be gone; calls `on_drop` unless it was answered."""
        on_drop, self.on_drop = self.on_drop, None
        if on_drop is not None:
            try:
                on_drop()
            except Exception:
                logger.exception(
                    "drop handler failed", text="what was to be done about a dropped request failed"
                )

    def leave_unanswered(self) -> None:
        """From within `on_drop`: say that no answer will come, so that nobody waits for one."""
        self._carrier = None
        self.closing = True
        self.response = b""


def checked(headers: Headers) -> Headers:
    """The same headers, once it is sure that none of them ends its line early.

    Raises:
        ValueError: One holds CR or LF: the fault of whoever put a client's text into it.
    """
    for header in headers:
        if any(b"\r" in part or b"\n" in part for part in header):
            raise ValueError(f"a header holds a line break: {header!r}")
    return headers


Endpoint = Callable[[Exchange], None]
"""Synchronous, on the Trio loop; answers at once, or keeps the exchange and answers later."""
