"""HTTP/1.1 requests out of bytes: llhttp, and what it leaves to the server to refuse.

1. Requests come out whole, as exchanges, in the order in which they came in.
2. The first thing that is wrong ends it: an exchange with a `fault` comes out last, and the parser
   is `finished`. What follows it has no trustworthy beginning.
3. A request that ends its connection (`Connection: close`, HTTP/1.0) is the last one as well.
4. At a boundary between requests the parser holds nothing of anybody, so that any number of
   connections can share it; one in the middle of a request must keep it for its own.
5. Nothing grows beyond the limits: sizes are checked before or while bytes are kept.

llhttp (strict) refuses bad framing by itself: two lengths, a length and a transfer coding, bad
chunks, bare line feeds, folded headers, control characters. It accepts, and this module refuses:
other versions than 1.0 and 1.1, codings besides `chunked`, a missing or repeated `Host`.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NoReturn, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from cometary.errors import ProtocolError
from cometary.transport.exchange import Exchange

if TYPE_CHECKING:
    from cometary.transport.limits import Limits

SINGLE: Final = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"origin",
        b"transfer-encoding",
    }
)
"""Headers that change their meaning when two lines of them are read as a list."""
VERSIONS: Final = ("1.1", "1.0")
NEEDS_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})


class Phase(Enum):
    """Where in a request the last byte was."""

    BOUNDARY = auto()
    HEAD = auto()
    BODY = auto()


BOUNDARY, HEAD, BODY = Phase


class _RefusedError(Exception):
    """Stops llhttp; the reason is in the parser's `_fault` already."""


class RequestParser:
    """Turns the bytes of one connection after the other into exchanges.

    Attributes:
        phase: Where in a request the last byte was.
        finished: Whether no more requests can follow; feeding is over.
    """

    __slots__ = (
        "_body",
        "_exchange",
        "_fault",
        "_fed",
        "_headers",
        "_limits",
        "_llhttp",
        "_ready",
        "_repeated",
        "_target",
        "_upgrading",
        "finished",
        "phase",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._llhttp = HttpRequestParser(self)
        self._ready: list[Exchange] = []
        self._fault: ProtocolError | None = None
        self._fed = 0
        self.finished = False
        self._forget()

    def _forget(self) -> None:
        self.phase = BOUNDARY
        self._exchange: Exchange | None = None
        self._headers: dict[bytes, bytes] = {}
        self._repeated = 0
        self._target = b""
        self._body: bytes | bytearray = b""
        self._upgrading = False

    @property
    def awaits_continue(self) -> bool:
        """Whether the client waits for a word that its body is welcome (RFC 9110, section 10.1.1)."""
        if self.phase is not BODY or self._body or self._exchange is None:
            return False
        return self._exchange.headers.get(b"expect", b"").lower() == b"100-continue"

    def feed(self, data: bytes) -> list[Exchange]:
        """Read on.

        Args:
            data: The next bytes of the connection.

        Returns:
            The exchanges that these bytes complete, oldest first.
        """
        self._fed += len(data)
        try:
            try:
                self._llhttp.feed_data(data)
            except HttpParserUpgrade as upgrade:
                self._feed_again(data, upgrade)
            if self.phase is not BOUNDARY:
                self._check_size()
        except (HttpParserError, _RefusedError) as error:
            if isinstance(error, HttpParserCallbackError) and self._fault is None:
                raise  # a bug in this module, not in the request
            self._end(str(error))
        ready, self._ready = self._ready, []
        return ready

    def _feed_again(self, data: bytes, upgrade: HttpParserUpgrade) -> None:
        """Go on after a request to upgrade, whose rest llhttp takes for another protocol's.

        This server ignores such wishes (RFC 9110, section 7.8), and so feeds the request once more
        without the header in question.
        """
        while True:
            data = self._head_without_upgrade() + data[upgrade.args[0] :]
            self._forget()
            self._llhttp = HttpRequestParser(self)
            try:
                return self._llhttp.feed_data(data)
            except HttpParserUpgrade as next_upgrade:
                upgrade = next_upgrade

    def _head_without_upgrade(self) -> bytes:
        exchange = cast("Exchange", self._exchange)
        lines = [b"%b: %b\r\n" % header for header in exchange.headers.items() if header[0] != b"upgrade"]
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (exchange.method.encode(), self._target, b"".join(lines))

    def _check_size(self) -> None:
        """Bound what an unfinished request may have taken on the wire.

        A chunked body is longer there than in memory, and its trailers are parsed though not
        kept, so it gets twice the room.
        """
        limits = self._limits
        if self.phase is HEAD and self._fed > limits.header_bytes:
            self._refuse("headers-too-large", f"The head is longer than {limits.header_bytes} bytes.")
        if self._fed > limits.header_bytes + 2 * limits.body_bytes:
            self._refuse("too-large", "The request is longer than any that fits the limits.")

    def _end(self, reason: str) -> None:
        if self.finished:  # by a request that closes the connection: what follows it is ignored
            return
        self.finished = True
        exchange = self._exchange or Exchange("", "", b"", self._headers, closing=True)
        exchange.fault = self._fault or ProtocolError(
            "bad-request", f"This is no HTTP/1.1 request: {reason}."
        )
        exchange.closing = True
        self._ready.append(exchange)

    def _refuse(self, condition: str, detail: str) -> NoReturn:
        self._fault = ProtocolError(condition, detail)
        raise _RefusedError

    # What llhttp calls, in this order.

    def on_message_begin(self) -> None:
        """The first byte of a request, line breaks before it not counted."""
        self.phase = HEAD
        # The bytes of the request in the data of this very feed are not counted; there are
        # never more of them than one read takes.
        self._fed = 0

    def on_url(self, part: bytes) -> None:
        """The request's target, or a part of it."""
        self._target += part
        if len(self._target) > self._limits.target_bytes:
            self._refuse(
                "bad-request", f"The request's target is longer than {self._limits.target_bytes} bytes."
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or, after a chunked body, a trailer, which is ignored."""
        name = name.lower()
        if name in self._headers:
            self._repeat(name, value)
        else:
            self._headers[name] = value.strip()

    def _repeat(self, name: bytes, value: bytes) -> None:
        if name in SINGLE:
            self._refuse("bad-request", f"The header {name.decode()} is there twice.")
        self._headers[name] += b", " + value.strip()
        self._repeated += 1
        if self._repeated > self._limits.headers:
            self._refuse_headers()

    def _refuse_headers(self) -> NoReturn:
        self._refuse("headers-too-large", f"There are more than {self._limits.headers} headers.")

    def on_headers_complete(self) -> None:
        """The head's end: nearly all that can be wrong with a request shows here."""
        llhttp, headers = self._llhttp, self._headers
        version, method = llhttp.get_http_version(), llhttp.get_method().decode()
        path, query = split_target(self._target)
        closing = version != "1.1" or not llhttp.should_keep_alive()
        self._exchange = Exchange(method, path, query, headers, closing=closing)
        self.phase = BODY
        self._headers = {}  # what follows are trailers, and go away with it
        self._check_head(version, headers)
        self._check_framing(version, method, headers)
        if b"upgrade" in headers:
            self._upgrading = llhttp.should_upgrade()

    def _check_head(self, version: str, headers: dict[bytes, bytes]) -> None:
        limits = self._limits
        if b"host" not in headers and version == "1.1":
            self._refuse("bad-request", "An HTTP/1.1 request needs a Host header.")
        if version not in VERSIONS:
            self._refuse("bad-request", f"HTTP/{version} is not spoken here, HTTP/1.1 is.")
        if len(headers) + self._repeated > limits.headers:
            self._refuse_headers()
        if (
            self._fed
            and sum(len(name) + len(value) + 4 for name, value in headers.items()) > limits.header_bytes
        ):
            self._refuse("headers-too-large", f"The head is longer than {limits.header_bytes} bytes.")

    def _check_framing(self, version: str, method: str, headers: dict[bytes, bytes]) -> None:
        if b"content-length" in headers:
            if int(headers[b"content-length"]) > self._limits.body_bytes:
                self._refuse_body()
        elif b"transfer-encoding" in headers:
            if headers[b"transfer-encoding"].lower() != b"chunked" or version != "1.1":
                self._refuse("bad-request", "The only transfer coding known here is chunked, in HTTP/1.1.")
        elif method in NEEDS_LENGTH:
            self._refuse("length-required", f"A {method} request needs a Content-Length, or to be chunked.")
        elif method == "CONNECT":
            self._refuse("bad-request", "This is no proxy.")

    def _refuse_body(self) -> NoReturn:
        self._refuse("too-large", f"The body is longer than {self._limits.body_bytes} bytes.")

    def on_body(self, part: bytes) -> None:
        """The body, or a part of it."""
        if not self._body:
            self._body = part
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body + part)
        else:
            self._body += part
        if len(self._body) > self._limits.body_bytes:
            self._refuse_body()

    def on_message_complete(self) -> None:
        """The request's end; of one that asks for an upgrade only its head's."""
        exchange = self._exchange
        if self._upgrading or exchange is None:
            return
        exchange.body = bytes(self._body)
        self._ready.append(exchange)
        self.finished = exchange.closing
        self._forget()


def split_target(target: bytes) -> tuple[str, bytes]:
    """Path and query of a request's target (RFC 9112, section 3.2), fragments left where they are.

    A target in absolute form, as for a proxy, names the same thing as the path in it.
    """
    path, _, query = target.decode().partition("?")
    if path[0] != "/" and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query.encode()
