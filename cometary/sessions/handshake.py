"""What the client of a session showed of itself when it connected, for the application to look at.

1.  It is kept as long as the session is, as it came: nothing of it is read before somebody asks.
2.  What it holds may be secret (`auth`, cookies, an `Authorization`), so its `repr` shows the address alone.

Pure: no clock, no socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE: Final = b"\r\n"
"""What ends a header, and is in none."""

COLON: Final = b":"
"""What ends its name."""


class Handshake:
    """What a client showed of itself with its first request.

    Args:
        address: the address that it came from.
        query: what followed the `?` of its URL.
        head: its headers, as `head_of` returns them.
        auth: what it gave of itself beside that.

    Attributes:
        address: the same; if the proxy in front is trusted, what that says of it.
        auth: the same, which is the client's own word.
    """

    __slots__ = ("_head", "_query", "address", "auth")

    def __init__(
        self, address: str, query: bytes = b"", head: bytes = b"", auth: Mapping[str, Any] | None = None
    ) -> None:
        self.address = address
        self.auth: Mapping[str, Any] = {} if auth is None else auth
        self._query = query
        self._head = head

    @property
    def query(self) -> dict[str, str]:
        """What is in the query of the URL: of each name what came last."""
        return dict(parse_qsl(self._query.decode("latin-1"), keep_blank_values=True))

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request, by their names in lower case; several of one name are one text with commas."""
        lines = [line.partition(COLON) for line in self._head.split(LINE) if line]
        return {name.decode("latin-1"): value.decode("latin-1") for name, _, value in lines}

    def header(self, name: bytes) -> bytes | None:
        """Return one header as it came, given its name in lower case; None if there is none of that name."""
        begin = name + COLON
        for line in self._head.split(LINE):
            if line.startswith(begin):
                return line[len(begin) :]
        return None

    def with_auth(self, auth: Mapping[str, Any]) -> Handshake:
        """Return the same with what else the client gives of itself."""
        return Handshake(self.address, self._query, self._head, auth)

    def __repr__(self) -> str:
        return f"<Handshake from {self.address}>"  # all else may be a secret


def head_of(headers: Mapping[bytes, bytes]) -> bytes:
    """Return headers, which are by their names in lower case, in a form that takes little memory."""
    return LINE.join([name + COLON + value for name, value in headers.items()])
