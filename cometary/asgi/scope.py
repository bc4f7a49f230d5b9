"""From what ASGI says of a request to an exchange.

1.  The path is what is left of it behind the place where the application is mounted; all of the endpoint's, if that is
    where it is mounted.
2.  Lines of the same name are one value with commas, as everywhere; those of cookies have semicolons, since HTTP/2
    cuts them up (RFC 9113, section 8.2.3).
3.  Pieces of a stream are not in chunks: how a body is cut up on the wire is the server's affair. So the exchange is
    one of HTTP/1.0, whatever the client speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from cometary.errors import ProtocolError
from cometary.transport.http.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.asgi.types import Receive, Scope

DRAINED: Final = 16 * 1024 * 1024
"""Bytes of a body that is too long which are read all the same."""


def path_of(scope: Scope, endpoint: str) -> str:
    """Return the path of a request, as it was sent; `endpoint` if the application is mounted just there."""
    raw = scope.get("raw_path")
    path = cast("bytes", raw).partition(b"?")[0].decode("latin-1") if raw else quote(scope["path"])
    root = cast("str", scope.get("root_path") or "")
    if root and path.startswith(root):
        path = path[len(root) :]
        return path if path.strip("/") else endpoint
    return path


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of a request, by their names in lower case."""
    headers = dict[bytes, bytes]()
    for name, value in cast("Iterable[tuple[bytes, bytes]]", scope["headers"]):
        if name in headers:
            headers[name] += (b"; " if name == b"cookie" else b", ") + value
        else:
            headers[name] = value
    return headers


def exchange_of(scope: Scope, endpoint: str, body: bytes, *, too_long: bool, most: int) -> Exchange:
    """Return the exchange that a request is.

    Args:
        scope: what ASGI says of it.
        endpoint: the path of the comet endpoint.
        body: its body.
        too_long: whether there is more of that than there may be.
        most: bytes of a body at most.
    """
    path, query = path_of(scope, endpoint), cast("bytes", scope.get("query_string", b""))
    exchange = Exchange(scope["method"], path, query, headers_of(scope), body=body)
    exchange.version = "1.0"
    if too_long:
        exchange.fault = ProtocolError("too-large", f"The body is longer than {most} bytes.")
    return exchange


def peer_of(scope: Scope) -> str:
    """Return the address of the other end, as the server says."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def declares_too_much(scope: Scope, most: int) -> bool:
    """Whether the head of a request says that its body is longer than `most` bytes."""
    for name, value in cast("Iterable[tuple[bytes, bytes]]", scope["headers"]):
        if name == b"content-length":
            return not value.isdigit() or int(value) > most
    return False


async def read_body(receive: Receive, most: int) -> tuple[bytes, bool] | None:
    """Read the body of a request, or as much of it as is allowed.

    What is too long is read to its end and thrown away, unless it is longer by more than `DRAINED`: a server that is
    left with the rest of a body may not get the answer out, or the next request in.

    Returns:
        The body, and whether there is more of it than that; None if the client has gone.
    """
    body, length = b"", 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        piece = message.get("body", b"")
        length += len(piece)
        if length <= most:
            body += piece
        if not message.get("more_body", False) or length > most + DRAINED:
            return (body, False) if length <= most else (b"", True)
