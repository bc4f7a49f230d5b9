"""Files as endpoints: a fixed table, read once.

What can be asked for is what the directory held when the table was made. A request's path is only
ever looked up among the table's keys, so none, however it is spelt, leads out of the directory.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from cometary.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.transport.exchange import Endpoint, Exchange, Headers

CONTENT_TYPES: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        ".css": b"text/css; charset=utf-8",
        ".html": b"text/html; charset=utf-8",
        ".ico": b"image/x-icon",
        ".js": b"text/javascript; charset=utf-8",
        ".json": b"application/json",
        ".png": b"image/png",
        ".svg": b"image/svg+xml",
        ".txt": b"text/plain; charset=utf-8",
        ".woff2": b"font/woff2",
    }
)
"""By suffix, and not by the system's own list: a page must not depend on where it is served."""

UNKNOWN: Final = b"application/octet-stream"

NO_SNIFFING: Final[Headers] = ((b"X-Content-Type-Options", b"nosniff"),)
"""Tells browsers to believe the content type (the Fetch standard, section "X-Content-Type-Options")."""

INDEX: Final = "index.html"


def file_endpoints(prefix: str, directory: Path) -> dict[str, Endpoint]:
    """Read all files of a directory and of those below it, but for hidden ones.

    Args:
        prefix: what their URL paths begin with, such as `/static/`.
        directory: where they are. Its `index.html` answers at `prefix` itself as well.

    Returns:
        The endpoints by URL path, for GET requests.

    Raises:
        UsageError: there is no such directory; the calling code's fault.
        OSError: a file cannot be read; the environment's fault.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory")
    endpoints: dict[str, Endpoint] = {}
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = file.relative_to(directory).as_posix()
        if "/." in f"/{name}":
            continue
        endpoint = _file_endpoint(file)
        endpoints[prefix + quote(name)] = endpoint
        if name == INDEX:
            endpoints[prefix] = endpoint
    return endpoints


def _file_endpoint(file: Path) -> Endpoint:
    body, content_type = file.read_bytes(), CONTENT_TYPES.get(file.suffix, UNKNOWN)

    def endpoint(exchange: Exchange) -> None:
        exchange.respond(200, body, content_type, NO_SNIFFING)

    return endpoint
