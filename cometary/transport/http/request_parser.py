"""HTTP/1.1 requests out of bytes.

1. Requests come out whole, as exchanges, in the order in which they came in.
2. The first thing that is wrong ends it: an exchange with a `fault` comes out last, and the parser
   is `finished`. What follows it has no trustworthy beginning.
3. After a request that asks for another protocol, and could go on in it, whatever follows waits (`beyond`), since
   only the answer says which protocol it is in. Where that cannot be granted, the wish is no more than a header.
4. A request that ends its connection (`Connection: close`, HTTP/1.0) is the last one as well.
5. At a boundary between requests the parser holds nothing of anybody, so that any number of
   connections can share it; one in the middle of a request must keep it for its own.
6. Nothing grows beyond the limits: sizes are checked before or while bytes are kept.
7. A body that is too long to be kept comes in an `Upload`, where something takes such bodies. Its request comes out
   when its head is there, as the last one of its connection, and is to be taken in the way of an upgrade (rule 3).
   What is fed from then on goes to the upload.

llhttp (strict) refuses bad framing by itself: two lengths, a length and a transfer coding, bare
line feeds, folded headers, control characters. It leaves to the server: versions other than 1.0
and 1.1, codings besides `chunked`, a missing or repeated `Host`, and sizes. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from cometary.errors import ProtocolError
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits, check_body, check_count, check_size
from cometary.transport.http.upload import Upload

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
"""Headers that mean something else when two lines of them are read as a list."""
VERSIONS: Final = ("1.1", "1.0")
NEEDS_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})
Uploads = Callable[[str], int]
"""How many bytes a body may have at a path where such are taken as they come; 0 where none are."""


def no_uploads(_path: str) -> int:
    """Take none."""
    return 0


class Phase(Enum):
    """Where in a request the last byte was."""

    BOUNDARY = auto()
    HEAD = auto()
    BODY = auto()


BOUNDARY, HEAD, BODY = Phase


class RequestParser:
    """Turns the bytes of one connection after the other into exchanges.

    Attributes:
        phase: Where in a request the last byte was.
        finished: Whether no more requests can follow; feeding is over.
        invited: Whether the client has been told to send its body.
        beyond: What follows a request that asks for another protocol, once there was one; whoever feeds takes it.
    """

    __slots__ = (
        "_body",
        "_exchange",
        "_fed",
        "_headers",
        "_limits",
        "_llhttp",
        "_ready",
        "_repeated",
        "_target",
        "_upgrading",
        "_upload",
        "_uploads",
        "_version",
        "_wish",
        "beyond",
        "finished",
        "invited",
        "phase",
    )

    def __init__(self, limits: Limits, uploads: Uploads = no_uploads) -> None:
        self._limits = limits
        self._uploads = uploads
        self._llhttp = HttpRequestParser(self)
        self._ready: list[Exchange] = []
        self._fed = 0
        self.finished = False
        self.beyond: bytes | None = None
        self._forget()

    def _forget(self) -> None:
        self.phase = BOUNDARY
        self._exchange: Exchange | None = None
        self._upload: Upload | None = None
        self._headers: dict[bytes, bytes] = {}
        self._repeated = 0
        self._target = b""
        self._body: bytes | bytearray = b""
        self._upgrading = False
        self._version = ""
        self._wish = b""
        self.invited = False

    @property
    def awaits_continue(self) -> bool:
        """Whether the client waits for a word that its body is welcome (RFC 9110, section 10.1.1).

        A client of HTTP/1.0 cannot, whatever it says, since it does not know that word.
        """
        if self.phase is not BODY or self.invited or self._body or self._exchange is None:
            return False
        if self._version != "1.1":
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
            rest: bytes | None = data
            while rest is not None:
                rest = self._parse(rest)
            if self.phase is not BOUNDARY:
                self._check_fed()
        except HttpParserError as error:
            self._end(fault_of(error))
        except ProtocolError as error:
            self._end(error)
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> None:
        """Be of no more use: part from llhttp, which knows this object, so that both are freed."""
        del self._llhttp

    def _parse(self, data: bytes) -> bytes | None:
        """Feed llhttp, which takes what follows the head of a request to upgrade for another protocol's.

        A request for which that is out of the question, since it has a body for one, is read as if it had
        no such wish (RFC 9110, section 7.8).

        Returns:
            What is to be fed again: the same request without the header in question, and the rest.
        """
        try:
            self._llhttp.feed_data(data)
        except HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        else:
            return None
        self._llhttp = HttpRequestParser(self)
        exchange = cast("Exchange", self._exchange)
        if may_upgrade(exchange):
            exchange.upgradable = True
            self._ready.append(exchange)
            self._forget()
            self.beyond = rest
            return None
        head, wish = self._head_without_upgrade(), exchange.headers[b"upgrade"]
        self._forget()
        self._wish = wish
        return head + rest

    def _head_without_upgrade(self) -> bytes:
        exchange, version = cast("Exchange", self._exchange), self._version
        lines = [b"%b: %b\r\n" % header for header in exchange.headers.items() if header[0] != b"upgrade"]
        request_line = b"%b %b HTTP/%b\r\n" % (exchange.method.encode(), self._target, version.encode())
        return request_line + b"".join(lines) + b"\r\n"

    def _check_fed(self) -> None:
        """Bound what an unfinished request may have taken on the wire.

        A chunked body is longer there than in memory, and its trailers are parsed though not
        kept, so it gets twice the room.
        """
        limits = self._limits
        if self.phase is HEAD:
            check_size(self._fed, limits)
        elif self._upload is None and self._fed > limits.header_bytes + 2 * limits.body_bytes:
            raise ProtocolError("too-large", "The request is longer than any that fits the limits.")

    def _end(self, fault: ProtocolError) -> None:
        if self.finished:  # by a request that closes the connection: what follows it is ignored
            return
        self.finished = True
        if self._upload is not None:  # its request is out already
            self._upload.break_off()
            return
        exchange = self._exchange or Exchange("", "", b"", self._headers)
        exchange.fault = fault.with_traceback(None)  # which would keep this parser
        exchange.closing = True
        self._ready.append(exchange)

    # What llhttp calls, in this order; what is raised there ends the feeding.

    def on_message_begin(self) -> None:
        """The first byte of a request, line breaks before it not counted."""
        self.phase = HEAD
        # The bytes of the request in the data of this very feed are not counted; there are
        # never more of them than one read takes.
        self._fed = 0

    def on_url(self, part: bytes) -> None:
        """The request's target, or a part of it."""
        self._target += part
        longest = self._limits.target_bytes
        if len(self._target) > longest:
            raise ProtocolError("bad-request", f"The request's target is longer than {longest} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or, after a chunked body, a trailer, which is ignored."""
        name = name.lower()
        if name in self._headers:
            self._repeat(name, value)
        else:
            self._headers[name] = value.strip()

    def _repeat(self, name: bytes, value: bytes) -> None:
        if name in SINGLE:
            raise ProtocolError("bad-request", f"The header {name.decode()} is there twice.")
        self._headers[name] += b", " + value.strip()
        self._repeated += 1
        check_count(self._repeated, self._limits)

    def on_headers_complete(self) -> None:
        """The head's end: nearly all that can be wrong with a request shows here."""
        llhttp, headers, limits = self._llhttp, self._headers, self._limits
        version, method = llhttp.get_http_version(), llhttp.get_method().decode()
        path, query = split_target(self._target)
        self._version = version
        closing = version != "1.1" or not llhttp.should_keep_alive()
        self._exchange = Exchange(method, path, query, headers, closing=closing)
        self._exchange.version = version
        self.phase = BODY
        self._headers = {}  # what follows are trailers, and go away with it
        check_version(version, headers)
        most = self._uploads(path)
        is_upload = most > limits.body_bytes and is_long(headers, limits)
        check_framing(version, method, headers, most if is_upload else limits.body_bytes)
        check_count(len(headers) + self._repeated, limits)
        if self._fed:  # else it came with one read, which is no longer than a head may be
            check_size(sum(len(name) + len(value) + 4 for name, value in headers.items()), limits)
        if b"upgrade" in headers:
            self._upgrading = llhttp.should_upgrade()
        elif self._wish:
            headers[b"upgrade"] = self._wish
        if is_upload and not self._upgrading:
            self._begin_upload(self._exchange, most)

    def _begin_upload(self, exchange: Exchange, most: int) -> None:
        exchange.upload = self._upload = Upload(self, most)
        exchange.closing = exchange.upgradable = True
        self._ready.append(exchange)
        self.beyond = b""

    def on_body(self, part: bytes) -> None:
        """The body, or a part of it."""
        if self._upload is not None:
            self._upload.take(part)
            return
        if not self._body:
            self._body = part
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body + part)
        else:
            self._body += part
        check_body(len(self._body), self._limits.body_bytes)

    def on_message_complete(self) -> None:
        """The request's end; of one that asks for an upgrade only its head's."""
        exchange = self._exchange
        if self._upgrading or exchange is None:
            return
        if self._upload is not None:
            self._upload.end()
            self.finished = True
            self._forget()
            return
        exchange.body = bytes(self._body)
        self._ready.append(exchange)
        self.finished = exchange.closing
        self._forget()


def fault_of(error: HttpParserError) -> ProtocolError:
    """What to say of a request that llhttp, or one of the methods that it called, refused.

    Raises:
        HttpParserCallbackError: One of those failed by itself: a bug in this module.
    """
    if not isinstance(error, HttpParserCallbackError):
        return ProtocolError("bad-request", f"This is no HTTP/1.1 request: {error}.")
    if not isinstance(error.__context__, ProtocolError):
        raise error
    return error.__context__


def may_upgrade(exchange: Exchange) -> bool:
    """Whether a request that asks for another protocol could go on in it: it has no body, and is not the last."""
    headers = exchange.headers
    has_body = b"transfer-encoding" in headers or int(headers.get(b"content-length", b"0"))
    return exchange.version == "1.1" and not exchange.closing and not has_body


def check_version(version: str, headers: Mapping[bytes, bytes]) -> None:
    """Refuse what is not HTTP/1.0, or 1.1 with a `Host`.

    Raises:
        ProtocolError: `bad-request`, the client's fault.
    """
    if b"host" not in headers and version == "1.1":
        raise ProtocolError("bad-request", "An HTTP/1.1 request needs a Host header.")
    if version not in VERSIONS:
        raise ProtocolError("bad-request", f"HTTP/{version} is not spoken here, HTTP/1.1 is.")


def is_long(headers: Mapping[bytes, bytes], limits: Limits) -> bool:
    """Whether a request has a body that is, or may be, too long to be kept."""
    return b"transfer-encoding" in headers or int(headers.get(b"content-length", b"0")) > limits.body_bytes


def check_framing(version: str, method: str, headers: Mapping[bytes, bytes], most: int) -> None:
    """Refuse a body that is too long, or whose end is unclear.

    Raises:
        ProtocolError: `too-large`, `length-required` or `bad-request`, the client's fault.
    """
    if method == "CONNECT":  # whose body, whatever its head says, llhttp takes for another protocol's
        raise ProtocolError("bad-request", "This is no proxy.")
    if b"content-length" in headers:
        check_body(int(headers[b"content-length"]), most)
    elif b"transfer-encoding" in headers:
        if headers[b"transfer-encoding"].lower() != b"chunked" or version != "1.1":
            raise ProtocolError("bad-request", "The only transfer coding is chunked, in HTTP/1.1.")
    elif method in NEEDS_LENGTH:
        raise ProtocolError(
            "length-required", f"A {method} request needs a Content-Length, or to be chunked."
        )


def split_target(target: bytes) -> tuple[str, bytes]:
    """Path and query of a request's target (RFC 9112, section 3.2), a fragment left where it is.

    A target in absolute form, as for a proxy, names the same thing as the path in it.
    """
    path, _, query = target.decode().partition("?")
    if path[:1] != "/" and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query.encode()
