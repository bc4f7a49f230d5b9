"""What a session may be bound to besides its id, so that a stolen id alone is worth nothing.

1.  Of what the client gives when it opens the session, and then with every request, only a digest is kept, under a
    key that is the server's: whoever has it, and no one else, can take up its sessions.
2.  A client's cookies come again and again, in heads that are remembered byte for byte. So the digests of such
    headers are remembered as well, though not of long ones, nor of many; when there are `MOST`, all are forgotten.
3.  A client that gives nothing, or a cookie without a value, proves nothing.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cometary.gate.opening import Credentials

LONGEST: Final = 2048
"""Bytes of a header beyond which its digest is not remembered."""

MOST: Final = 8192
"""Digests that are remembered at most."""


class Binding(ABC):
    """One way to bind sessions.

    Args:
        key: that of the digests, at most 64 bytes.

    Attributes:
        name: what the client is told of it when it opens a session.
        by_token: whether it is the token that every request has to give.
        missing: what a client that gives nothing to be bound to is told.
    """

    name: str
    by_token: bool
    missing: str

    def __init__(self, key: bytes) -> None:
        self._key = key

    @abstractmethod
    def digest(self, credentials: Credentials) -> bytes | None:
        """Return a digest of what a client gives; None if it gives nothing."""

    def _digest(self, value: bytes) -> bytes:
        return hashlib.blake2b(value, digest_size=32, key=self._key).digest()


class CookieBinding(Binding):
    """To a cookie, such as that of the page's own login.

    Args:
        cookie: the cookie's name. If the browser sends several of that name, to all of them.
        key: that of the digests.
    """

    name = "cookie"
    by_token = False

    def __init__(self, cookie: str, key: bytes) -> None:
        super().__init__(key)
        self._prefix = cookie.encode() + b"="
        self._known: dict[bytes, bytes | None] = {}
        self.missing = f"sessions are bound to the cookie {cookie}, and this request has none"

    def digest(self, credentials: Credentials) -> bytes | None:
        """Return a digest of the cookie; None if the client sends none."""
        header = credentials.header(b"cookie")
        if header is None:
            return None
        try:
            return self._known[header]
        except KeyError:
            value = self._value(header)
        digest = None if value is None else self._digest(value)
        if len(header) <= LONGEST:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[header] = digest
        return digest

    def _value(self, header: bytes) -> bytes | None:
        """Return the value, as RFC 6265, section 4.2.1, writes it."""
        prefix = self._prefix
        pairs = [pair.strip(b" \t") for pair in header.split(b";")]
        values = [pair.removeprefix(prefix) for pair in pairs if pair.startswith(prefix)]
        return b";".join(filter(None, values)) or None


class TokenBinding(Binding):
    """To the token, which is text."""

    name = "token"
    by_token = True
    missing = "sessions are bound to their token, and this request has none that is text"

    def digest(self, credentials: Credentials) -> bytes | None:
        """Return a digest of the token; None if the client gives none that is text."""
        token = credentials.token
        if not isinstance(token, str) or not token:
            return None
        return self._digest(token.encode())


def binding_of(bind: str, key: bytes) -> Binding | None:
    """Return the way that an option names: `off`, `token`, or `cookie:` and a name; with the key of the digests."""
    kind, _, name = bind.partition(":")
    if kind == "cookie":
        return CookieBinding(name, key)
    return TokenBinding(key) if kind == "token" else None


def fits(given: bytes | None, kept: bytes | None) -> bool:
    """Whether a request proves what a session is bound to; in constant time."""
    return given is not None and kept is not None and compare_digest(given, kept)
