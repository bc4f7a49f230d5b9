"""A request as WSGI has it (PEP 3333, section "environ Variables").

1.  A header whose name has an underscore is left out: in the environment it would look like the one with a dash,
    which a proxy may have checked. `Proxy` is left out as well, since `HTTP_PROXY` means something else to programs.
2.  `SCRIPT_NAME` is empty: the application has all of the site except the server's own paths.
3.  The path is unquoted, and its bytes are in a `str` as WSGI wants them, one character each.
"""

from __future__ import annotations

import sys
from io import BufferedReader, BytesIO, RawIOBase
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

import trio.from_thread

from cometary.errors import ClientGoneError
from cometary.transport.http.upload_connection import receive_upload

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.http.upload import Upload

LEFT_OUT: Final = frozenset({b"proxy", b"content-type", b"content-length"})
"""Headers that are not in the environment under `HTTP_…`."""


class Place(NamedTuple):
    """Where clients ask.

    Attributes:
        host: the address.
        port: the port.
        scheme: `http` or `https`.
    """

    host: str
    port: int
    scheme: str


class UploadReader(RawIOBase):
    """Reads a long body as it comes, in the thread of the application.

    Args:
        upload: the body; its connection is the loop's.
    """

    def __init__(self, upload: Upload) -> None:
        super().__init__()
        self._upload = upload
        self._rest = b""

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`.

        Raises:
            OSError: the body broke off.
        """
        if not self._rest:
            try:
                self._rest = trio.from_thread.run(receive_upload, self._upload)
            except ClientGoneError as error:
                raise ConnectionResetError(str(error)) from None
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def environ_of(exchange: Exchange, place: Place) -> dict[str, Any]:
    """Return the environment of a request."""
    headers, upload = exchange.headers, exchange.upload
    length = b"%d" % len(exchange.body) if upload is None else headers.get(b"content-length")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": exchange.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(exchange.path).decode("latin-1"),
        "QUERY_STRING": exchange.query.decode("latin-1"),
        "SERVER_NAME": place.host,
        "SERVER_PORT": str(place.port),
        "SERVER_PROTOCOL": f"HTTP/{exchange.version}",
        "REMOTE_ADDR": exchange.peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": place.scheme,
        "wsgi.input": BytesIO(exchange.body) if upload is None else BufferedReader(UploadReader(upload)),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if length is not None:  # otherwise it is chunked, and shows its own end
        environ["CONTENT_LENGTH"] = length.decode()
    if b"content-type" in headers:
        environ["CONTENT_TYPE"] = headers[b"content-type"].decode("latin-1")
    for name, value in headers.items():
        if name not in LEFT_OUT and b"_" not in name:
            environ["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    return environ
