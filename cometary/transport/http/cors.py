"""Requests from pages of other origins (the Fetch standard, section "HTTP CORS protocol").

A browser says which page asks in `Origin`; any other client may say what it likes, or nothing.
So this is about what a foreign page can do with its visitor's browser, not about who may come:

1. A request without `Origin`, or with the server's own, is not this module's business.
2. From an allowed origin every answer, errors included, says so; `Vary: Origin` keeps caches apart.
3. A preflight from an allowed origin is answered here.
4. Anything else is refused with `forbidden` before the application sees it, since a simple request
   takes effect even though the page may not read the answer.
5. Where what is read is for everybody (`public_reads`), GET and HEAD are let
   through: a page's own scripts and fonts are asked for with an `Origin`, which a proxy may have made
   a foreign one. A page of a foreign origin cannot read the answer. Not so at the paths (`effects`) at which a GET
   takes effect, such as the handshake of a WebSocket, whose answers any page can read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.transport.http.exchange import Exchange, Headers

PREFLIGHT_HEADERS: Final[Headers] = (
    (b"Access-Control-Allow-Methods", b"GET, POST"),
    (b"Access-Control-Allow-Headers", b"Authorization, Content-Type, Last-Event-ID, X-Comet-Session"),
    (b"Access-Control-Max-Age", b"7200"),
)


READS: Final = frozenset({"GET", "HEAD"})


class CorsPolicy:
    """Which other origins' pages may use the server.

    Args:
        origins: Origins as browsers send them, such as `https://example.org`, or `*` for any.
        credentials: Whether their requests may carry cookies and the like. With `*` that would
            lend every page its visitor's identity, so the two exclude each other.
        public_reads: Whether GET and HEAD requests are served to pages of any origin.
        effects: The paths at which they are not, even so.
        secure: Whether the server speaks TLS, so that a page of the same name without it is of another origin:
            anybody on the way could have made it.

    Raises:
        ValueError: Both `*` and credentials are asked for: the configuration's fault.
    """

    __slots__ = ("_allowed", "_any", "_credentials", "_effects", "_public_reads", "_secure")

    def __init__(
        self,
        origins: Iterable[str] = (),
        *,
        credentials: bool = False,
        public_reads: bool = False,
        effects: Iterable[str] = (),
        secure: bool = False,
    ) -> None:
        self._public_reads = public_reads
        self._effects = frozenset(effects)
        self._secure = secure
        self._credentials = credentials
        self.change(origins)

    def change(self, origins: Iterable[str]) -> None:
        """Have other origins allowed from now on; errors are those of the class."""
        # A page may read few headers of a foreign answer unless they are named; the client needs this one.
        always: Headers = ((b"Vary", b"Origin"), (b"Access-Control-Expose-Headers", b"Retry-After"))
        if self._credentials:
            always = (*always, (b"Access-Control-Allow-Credentials", b"true"))
        self._allowed: dict[bytes, Headers] = {
            origin: ((b"Access-Control-Allow-Origin", origin), *always)
            for origin in (name.encode() for name in origins)
        }
        self._any = self._allowed.get(b"*")
        if self._any is not None and self._credentials:
            raise ValueError("credentials cannot be allowed to every origin: name the origins")

    def headers(self, origin: bytes) -> Headers | None:
        """What every response to a request from `origin` says; None if it may not ask."""
        return self._allowed.get(origin, self._any)

    def allows(self, origin: bytes, host: bytes) -> bool:
        """Whether pages of `origin` may ask what is known as `host`."""
        return self.headers(origin) is not None or self._is_own(origin, host)

    def intercepts(self, exchange: Exchange) -> bool:
        """Judge a request that has an `Origin`.

        Returns:
            Whether that was an answer already: the request was a preflight.

        Raises:
            ProtocolError: `forbidden`, the fault of the page that asked.
        """
        headers = exchange.headers
        origin = headers[b"origin"]
        allowed = self.headers(origin)
        if allowed is not None:
            exchange.extra_headers = allowed
            if exchange.method == "OPTIONS" and b"access-control-request-method" in headers:
                exchange.respond(204, headers=PREFLIGHT_HEADERS)
                return True
        elif self._public_reads and exchange.method in READS and exchange.path not in self._effects:
            return False
        elif not self._is_own(origin, headers.get(b"host", b"")):
            raise ProtocolError("forbidden", "Pages of this origin may not use this server.")
        return False

    def _is_own(self, origin: bytes, host: bytes) -> bool:
        scheme, _, name = origin.partition(b"://")
        return name.lower() == host.lower() and not (self._secure and scheme != b"https")


SAME_ORIGIN: Final = CorsPolicy()
"""No other origin."""
