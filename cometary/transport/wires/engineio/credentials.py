"""What a client shows of itself when it begins to connect; for the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.gate.opening import NO_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.sessions.handshake import Handshake


class HandshakeCredentials:
    """What the first request of a connection has shown, and a token. It is kept as long as the connection is.

    Args:
        handshake: the former.
        token: a token, if it has given one by now.

    Attributes:
        handshake: the same.
        peer: the address that it came from.
        origin: the origin of the page, as the browser says; None for other programs.
        token: the token; `cometary.gate.opening.NO_TOKEN` for none.
    """

    __slots__ = ("handshake", "origin", "peer", "token")

    def __init__(self, handshake: Handshake, token: Any = NO_TOKEN) -> None:
        origin = handshake.header(b"origin")
        self.handshake = handshake
        self.peer: str = handshake.address
        self.origin: str | None = None if origin is None else origin.decode(errors="replace")
        self.token: Any = token

    def header(self, name: bytes) -> bytes | None:
        """Return the header `name`, in lower case; None if there is none."""
        return self.handshake.header(name)

    def with_token(self, token: Any) -> HandshakeCredentials:
        """Return the same with a token."""
        return HandshakeCredentials(self.handshake, token)

    def with_auth(self, auth: Mapping[str, Any], token: Any) -> HandshakeCredentials:
        """Return the same with what a client gives as `auth`, and what of that is the token."""
        return HandshakeCredentials(self.handshake.with_auth(auth), token)
