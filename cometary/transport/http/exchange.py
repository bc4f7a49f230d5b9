"""One HTTP request and the one response it gets.

1. An exchange is answered exactly once, by `respond`, `refuse`, `stream` or `upgrade`; a second answer is a
   bug and raises `RuntimeError`.
2. Answering after the peer has gone is no bug but a race that nobody can win: it does nothing.
3. `on_drop` is called at most once, when the peer has gone before the answer, or has said that
   it will say no more, after which it may be gone; never after an answer. It may be called from
   within the answer to another exchange of the connection, so it only takes note, and what it
   raises is logged.
4. After the latter, an answer is still sent if it comes soon. A holder that knows none will come says so
   (`leave_unanswered`), and the connection need not wait for it.
5. The wire is a `Carrier`: the exchange knows neither sockets nor the order of responses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from cometary.errors import ElsewhereError, ProtocolError
from cometary.log import get_logger
from cometary.transport.codecs import json
from cometary.transport.http.response_channel import ResponseChannel
from cometary.transport.http.stream import Stream

if TYPE_CHECKING:
    from cometary.transport.codecs import Codec
    from cometary.transport.http.upload import Upload
    from cometary.transport.net.channel import Successor

logger = get_logger("cometary.transport")

Headers = tuple[tuple[bytes, bytes], ...]
"""Headers of a response."""

WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""The statuses whose response has neither a body nor its length (RFC 9110, sections 8.6 and 15)."""

OF_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding", b"expect"})
"""Headers that say how the body comes."""

NO_HEADERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class Carrier(Protocol):
    """The wire an exchange came on and its response goes out by."""

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        """Send the response of `exchange` when its turn has come."""
        ...

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        """Return the head of a response that is written bit by bit."""
        ...

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        """Send what is pending of `stream` if its turn has come; returns whether it takes more."""
        ...

    def conclude(self, exchange: Exchange) -> None:
        """Go on, since the response of `exchange` has got its end, or a successor was named to the connection."""
        ...

    def note_refusal(self, condition: str) -> None:
        """Count a request that is refused."""
        ...

    def close(self) -> None:
        """Close at once, and drop what has not been answered."""
        ...


class Holder(Protocol):
    """What holds an exchange until it can answer, and is told if the peer goes."""

    def dropped(self) -> None:
        """Take note that the peer has gone, or says that it will say no more; see `on_drop`."""
        ...


class Route:
    """What the head of requests alone decides, and so only the first of them is asked about.

    Attributes:
        endpoint: What answers them; None until it is known.
        headers: The `extra_headers` of them all.
        epoch: Of the policy by which that was found out; see `Service`.
    """

    __slots__ = ("endpoint", "epoch", "headers")

    def __init__(self) -> None:
        self.epoch: int = 0
        self.endpoint: Endpoint | None = None
        self.headers: Headers = ()


class Exchange:
    """A request, waiting for its response.

    Attributes:
        method: As sent: `"POST"`.
        path: The path of the request's target as sent, percent-escapes included, query left out.
        query: What follows the target's `?`, or nothing.
        headers: By name in lower case; lines of the same name are one value with commas.
        body: The whole body.
        peer: The address of the other end of the connection.
        on_drop: What to call, or whom to tell, when the peer goes, or says that it will say no more, before the
            answer; whoever holds the exchange sets it. A `Holder` takes no object more, of which each request has one.
        fault: What is wrong with the request as HTTP, when it was refused before it was complete.
        closing: Whether the connection ends with this exchange's response.
        extra_headers: Headers that the response gets whatever it is.
        version: Of HTTP, as the request says.
        upgradable: Whether the client asks for another protocol, and could go on in it.
        streaming: What its response is written to, bit by bit.
        successor: What the connection goes on as when its turn has come.
        route: What is known of all requests with the same head, if this one's is remembered.
        upload: The body, if it is taken as it comes; `take_upload` begins that.
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
        "route",
        "streaming",
        "successor",
        "upgradable",
        "upload",
        "version",
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
        self.on_drop: Callable[[], None] | Holder | None = None
        self.response: bytes | None = None
        self.version = "1.1"
        self.upgradable = False
        self.streaming: Stream | None = None
        self.successor: Successor | None = None
        self.route: Route | None = None
        self.upload: Upload | None = None
        self._carrier: Carrier | None = None
        self._answered = False

    @property
    def answered(self) -> bool:
        """Whether it has got its answer, be it one that has only begun."""
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
            content_type: The body's media type; if it is empty, `headers` are all that the response has beside
                its date and its length.
            headers: More headers; without a `Cache-Control` among them the response has `no-store`.

        Raises:
            RuntimeError: It has been answered before: the endpoint's fault.
            ValueError: A header holds a line break: the endpoint's fault.
        """
        if headers or self.extra_headers:
            headers = (*self.extra_headers, *checked(headers))
        if self._answered:
            self._answer()
        self._answered = True
        self.on_drop = None
        carrier, self._carrier = self._carrier, None
        channel: object = carrier
        if isinstance(channel, ResponseChannel):
            channel.carry(self, status, body, content_type, headers)
        elif carrier is not None:
            carrier.carry(self, status, body, content_type, headers)

    def refuse(self, error: ProtocolError, codec: Codec = json, headers: Headers = ()) -> None:
        """Answer with an error; or have it answered by another process, if it says that this has to be asked.

        Args:
            error: Gives the status and the body.
            codec: How to write the body; the request's own, once that is known.
            headers: More headers.

        Raises:
            RuntimeError: It has been answered before: the endpoint's fault.
        """
        if self._carrier is not None:
            if isinstance(error, ElsewhereError) and self.headers is not NO_HEADERS:
                if error.forward is not None:
                    error.forward(self)
                    return
                self._answer()
                self.successor = error.pass_on(written(self))
                self._carrier.conclude(self)
                return
            self._carrier.note_refusal(error.condition)
        if error.retry_after is not None:
            headers = (*headers, (b"Retry-After", b"%d" % error.retry_after))
        self.respond(error.status, codec.encode(error.body()), codec.content_type, headers)

    def stream(self, status: int, content_type: bytes, headers: Headers = ()) -> Stream:
        """Begin an answer that is written bit by bit.

        Args:
            status: The HTTP status.
            content_type: The media type; as in `respond`.
            headers: More headers; without a `Cache-Control` among them the response has `no-store`. With a
                `Content-Length` the body is not chunked, and as many bytes have to be written.

        Raises:
            RuntimeError: It has been answered before: the endpoint's fault.
            ValueError: A header holds a line break: the endpoint's fault.
        """
        if headers or self.extra_headers:
            headers = (*self.extra_headers, *checked(headers))
        self._answer()
        bodiless = self.method == "HEAD" or status in WITHOUT_BODY
        chunked = self.version == "1.1" and not bodiless and not has_length(headers)
        stream = self.streaming = Stream(self, chunked=chunked)
        if self._carrier is not None:
            stream.pending = self._carrier.begin(self, status, content_type, headers)
            if bodiless:
                stream.finish()
            else:
                stream.push()
        return stream

    def upgrade(self, successor: Successor) -> None:
        """Let the connection go on as another channel, which writes the answer (101) itself.

        Args:
            successor: Makes that channel, once all earlier requests of the connection have been answered, and
                from the switchboard's own turn. If the peer goes before that, `on_drop` is called instead.

        Raises:
            ProtocolError: `bad-request`: the client has not asked for it in a way that it could be granted
                (HTTP/1.1, `Connection: Upgrade`, no body).
            RuntimeError: It has been answered before: the endpoint's fault.
        """
        if not self.upgradable:
            raise ProtocolError("bad-request", "This request does not ask for another protocol.")
        self._answer()
        self.successor = successor
        if self._carrier is not None:
            self._carrier.conclude(self)

    def _answer(self) -> None:
        if self._answered:
            raise RuntimeError(f"{self.method} {self.path} has been answered already")
        self._answered = True

    def conclude(self, rest: bytes) -> None:
        """Take note that the stream has its end; `rest` is what is still to be sent of it."""
        self.on_drop = None
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            self.response = rest
            carrier.conclude(self)

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
                if callable(on_drop):
                    on_drop()
                else:
                    on_drop.dropped()
            except Exception:
                logger.exception(
                    "drop handler failed", text="what was to be done about a dropped request failed"
                )

    def leave_unanswered(self) -> None:
        """From within `on_drop`: say that no answer will come, so that nobody waits for one."""
        self._carrier = None
        self.closing = True
        self.response = b""


def written(exchange: Exchange) -> bytes:
    """Return a request as bytes that mean the same, for the next reader."""
    target = exchange.path.encode() + (b"?" + exchange.query if exchange.query else b"")
    lines = [b"%b %b HTTP/%b\r\n" % (exchange.method.encode(), target, exchange.version.encode())]
    lines += [b"%b: %b\r\n" % header for header in exchange.headers.items() if header[0] not in OF_A_BODY]
    if exchange.body or exchange.method in {"POST", "PUT", "PATCH"}:
        lines.append(b"content-length: %d\r\n" % len(exchange.body))
    return b"".join(lines) + b"\r\n" + exchange.body


def has_length(headers: Headers) -> bool:
    """Whether they tell how long the body is."""
    return any(name == b"Content-Length" for name, _ in headers)


def checked(headers: Headers) -> Headers:
    """The same headers, once it is sure that none of them ends its line early.

    Raises:
        ValueError: One holds CR or LF: the fault of the code that put a client's text into it.
    """
    for header in headers:
        if any(b"\r" in part or b"\n" in part for part in header):
            raise ValueError(f"a header holds a line break: {header!r}")
    return headers


Endpoint = Callable[[Exchange], None]
"""Synchronous, on the Trio loop; answers at once, or keeps the exchange and answers later."""


class Answerer:
    """An endpoint as an object of a known class, which machine code calls straight, and any other as Python does."""

    __slots__ = ()

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later."""
        self.answer(exchange)

    def answer(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later."""
        raise NotImplementedError


def ask(endpoint: Endpoint, exchange: Exchange) -> None:
    """Have `endpoint` answer `exchange`, whatever it is."""
    known: object = endpoint
    if isinstance(known, Answerer):
        known.answer(exchange)
    else:
        endpoint(exchange)
