"""What a client shows of itself when it begins to connect; for the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cometary.gate.opening import NO_TOKEN
from cometary.transport.http.exchange import NO_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT: Final = (b"origin", b"cookie")


class HandshakeCredentials:
    """What the first request of a connection has shown, and a token. It is kept as long as the connection is.

    Args:
        peer: the address that it came from.
        headers: those of the request. Of these only the origin and the cookies are kept.
        token: a token, if it has given one by now.

    Attributes:
        peer: the same.
        origin: the origin of the page, as the browser says; None for other programs.
        token: the token; `cometary.gate.opening.NO_TOKEN` for none.
    """

    __slots__ = ("_headers", "origin", "peer", "token")

    def __init__(self, peer: str, headers: Mapping[bytes, bytes], token: Any = NO_TOKEN) -> None:
        origin = headers.get(b"origin")
        self.peer = peer
        self.origin: str | None = None if origin is None else origin.decode(errors="replace")
        self.token: Any = token
        self._headers = {name: headers[name] for name in KEPT if name in headers} or NO_HEADERS

    def header(self, name: bytes) -> bytes | None:
        """Return the header `name`, in lower case, if it is one that is kept; else None."""
        return self._headers.get(name)

    def with_token(self, token: Any) -> HandshakeCredentials:
        """Return the same with a token."""
        return HandshakeCredentials(self.peer, self._headers, token)
