"""Checks on the head of a request: what llhttp lets through and this server does not.

llhttp (strict) refuses bad framing by itself: two lengths, a length and a transfer coding, bare
line feeds, folded headers, control characters. It leaves to the server: versions other than 1.0
and 1.1, codings besides `chunked`, a missing or repeated `Host`, and sizes. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cometary.errors import ProtocolError
from cometary.transport.http.limits import Limits

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


def check_version(version: str, headers: Mapping[bytes, bytes]) -> None:
    """Refuse what is not HTTP/1.0, or 1.1 with a `Host`.

    Raises:
        ProtocolError: `bad-request`, the client's fault.
    """
    if b"host" not in headers and version == "1.1":
        raise ProtocolError("bad-request", "An HTTP/1.1 request needs a Host header.")
    if version not in VERSIONS:
        raise ProtocolError("bad-request", f"HTTP/{version} is not spoken here, HTTP/1.1 is.")


def check_framing(version: str, method: str, headers: Mapping[bytes, bytes], limits: Limits) -> None:
    """Refuse a body that is too long, or whose end is unclear.

    Raises:
        ProtocolError: `too-large`, `length-required` or `bad-request`, the client's fault.
    """
    if method == "CONNECT":  # whose body, whatever its head says, llhttp takes for another protocol's
        raise ProtocolError("bad-request", "This is no proxy.")
    if b"content-length" in headers:
        check_body(int(headers[b"content-length"]), limits)
    elif b"transfer-encoding" in headers:
        if headers[b"transfer-encoding"].lower() != b"chunked" or version != "1.1":
            raise ProtocolError("bad-request", "The only transfer coding is chunked, in HTTP/1.1.")
    elif method in NEEDS_LENGTH:
        raise ProtocolError(
            "length-required", f"A {method} request needs a Content-Length, or to be chunked."
        )


def check_body(length: int, limits: Limits) -> None:
    """Refuse a body of `length` bytes if that is too long.

    Raises:
        ProtocolError: `too-large`, the client's fault.
    """
    if length > limits.body_bytes:
        raise ProtocolError("too-large", f"The body is longer than {limits.body_bytes} bytes.")


def check_count(count: int, limits: Limits) -> None:
    """Refuse `count` headers if these are too many.

    Raises:
        ProtocolError: `headers-too-large`, the client's fault.
    """
    if count > limits.headers:
        raise ProtocolError("headers-too-large", f"There are more than {limits.headers} headers.")


def check_size(size: int, limits: Limits) -> None:
    """Refuse a head of `size` bytes if that is too long.

    Raises:
        ProtocolError: `headers-too-large`, the client's fault.
    """
    if size > limits.header_bytes:
        raise ProtocolError("headers-too-large", f"The head is longer than {limits.header_bytes} bytes.")


def split_target(target: bytes) -> tuple[str, bytes]:
    """Path and query of a request's target (RFC 9112, section 3.2), a fragment left where it is.

    A target in absolute form, as for a proxy, names the same thing as the path in it.
    """
    path, _, query = target.decode().partition("?")
    if path[:1] != "/" and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query.encode()
