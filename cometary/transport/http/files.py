"""Files as endpoints: a fixed table, read once.

1.  What can be asked for is what the directory held when the table was made. A request's path is only
    ever looked up among the table's names, so none, however it is spelt, leads out of the directory.
2.  A link is served as what it leads to, if that lies in the directory as well; otherwise it is left out, unless the
    maker of the table said that links are to be followed.
3.  Names are compared as what they say, not as how they are escaped: `icon@2x.png` and `icon%402x.png`
    are the same file. An escaped slash is in no name.
4.  Browsers may keep a file, but ask each time whether it is still the same (`no-cache`, and an `ETag`):
    after a restart with other files nobody has the old ones, and nobody fetches the same ones again.
    A file whose name says which version it is (a hash) may be kept for good.
5.  One range of a file's bytes may be asked for, as players of sound and video do. A client that asks for several
    gets the whole file.
6.  A file that was packed goes out as gzip to a client that takes it, unless a range of it is asked for. It then has
    another tag (RFC 9110, section 8.8.3.3).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from email.utils import formatdate, parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from cometary.errors import ProtocolError, UsageError
from cometary.log import get_logger
from cometary.transport.http.router import refuse_method

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cometary.transport.http.exchange import Exchange, Headers

CONTENT_TYPES: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        ".css": b"text/css; charset=utf-8",
        ".html": b"text/html; charset=utf-8",
        ".ico": b"image/x-icon",
        ".js": b"text/javascript; charset=utf-8",
        ".json": b"application/json",
        ".png": b"image/png",
        ".svg": b"image/svg+xml",
        ".ts": b"text/plain; charset=utf-8",
        ".txt": b"text/plain; charset=utf-8",
        ".woff2": b"font/woff2",
    }
)
"""By suffix, and not by the system's own list: a page must not depend on where it is served."""

UNKNOWN: Final = b"application/octet-stream"

NO_SNIFFING: Final = (b"X-Content-Type-Options", b"nosniff")
"""Tells browsers to believe the content type (the Fetch standard, section "X-Content-Type-Options")."""

NO_CACHE: Final = b"no-cache"
IMMUTABLE: Final = b"public, max-age=31536000, immutable"
"""For a name that no other content will ever have (RFC 8246)."""

PACKED: Final = (b"Content-Encoding", b"gzip")
TAKES_GZIP: Final = re.compile(rb"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)", re.IGNORECASE)
RANGE: Final = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")
INDEX: Final = "index.html"
READS: Final = ("GET", "HEAD")

logger = get_logger("cometary.transport")


class ServedFile:
    """A file, read, and ready to be sent.

    Args:
        body: what is in it.
        suffix: the end of its name, such as `.html`, which says what that is.
        modified: when it was changed, in seconds since the epoch.
        cache: for how long it may be kept: a value of `Cache-Control`.
        more: further headers.
        packed: whether it is packed, too.
    """

    def __init__(
        self,
        body: bytes,
        suffix: str,
        modified: int,
        *,
        cache: bytes = NO_CACHE,
        more: Headers = (),
        packed: bool = False,
    ) -> None:
        self._body = body
        self._content_type = CONTENT_TYPES.get(suffix, UNKNOWN)
        self._modified = modified
        name = hashlib.sha256(self._body).hexdigest()[:32].encode()
        self._tag, self._packed_tag = b'"%b"' % name, b'"%b-gzip"' % name
        since = (b"Last-Modified", formatdate(modified, usegmt=True).encode())
        varies: Headers = ((b"Vary", b"Accept-Encoding"),) if packed else ()
        common: Headers = ((b"Cache-Control", cache), since, NO_SNIFFING, *varies, *more)
        self._headers: Headers = ((b"ETag", self._tag), (b"Accept-Ranges", b"bytes"), *common)
        self._packed_headers: Headers = ((b"ETag", self._packed_tag), PACKED, *common)
        self._packed = gzip.compress(self._body, mtime=0) if packed else None

    @classmethod
    def read(
        cls, path: Path, *, cache: bytes = NO_CACHE, more: Headers = (), packed: bool = False
    ) -> ServedFile:
        """Return the file at `path`; the other arguments are those of the class.

        Raises:
            OSError: it cannot be read; the environment's fault.
        """
        modified = int(path.stat().st_mtime)
        return cls(path.read_bytes(), path.suffix, modified, cache=cache, more=more, packed=packed)

    def answer(self, exchange: Exchange) -> None:
        """Answer a GET or HEAD request for it."""
        packed = self._packed if self._goes_packed(exchange.headers) else None
        if self._is_known(exchange.headers):
            exchange.respond(304, headers=self._headers if packed is None else self._packed_headers)
        elif packed is not None:
            exchange.respond(200, packed, self._content_type, self._packed_headers)
        elif (part := self._part(exchange)) is None:
            exchange.respond(200, self._body, self._content_type, self._headers)
        elif part:
            begin, end = part.start, part.stop
            which = (b"Content-Range", b"bytes %d-%d/%d" % (begin, end - 1, len(self._body)))
            exchange.respond(206, self._body[begin:end], self._content_type, (*self._headers, which))
        else:
            which = (b"Content-Range", b"bytes */%d" % len(self._body))
            exchange.respond(416, b"", self._content_type, (*self._headers, which))

    def _goes_packed(self, headers: Mapping[bytes, bytes]) -> bool:
        """Rule 6."""
        takes = TAKES_GZIP.search(headers.get(b"accept-encoding", b""))
        return self._packed is not None and takes is not None and b"range" not in headers

    def _part(self, exchange: Exchange) -> range | None:
        """Return which bytes are asked for (RFC 9110, section 14): None for all, an empty range for none of them.

        Whoever has a part of another version gets it all.
        """
        headers = exchange.headers
        if exchange.method != "GET" or headers.get(b"if-range", self._tag) != self._tag:
            return None
        asked = RANGE.fullmatch(headers.get(b"range", b""))
        if asked is None:
            return None
        first, last = asked.groups()
        length = len(self._body)
        if not first:
            return range(max(0, length - int(last)), length) if last else None
        if last and int(last) < int(first):
            return None
        return range(int(first), min(int(last) + 1, length) if last else length)

    def _is_known(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the client has it as it is (RFC 9110, section 13.2.2)."""
        tags = headers.get(b"if-none-match")
        if tags is not None:
            known = {tag.strip().removeprefix(b"W/") for tag in tags.split(b",")}
            return tags.strip() == b"*" or not known.isdisjoint((self._tag, self._packed_tag))
        since = read_date(headers.get(b"if-modified-since", b""))
        return since is not None and self._modified <= since


def read_date(value: bytes) -> float | None:
    """The seconds since the epoch that a header says; None if it says nothing that can be understood."""
    try:
        return parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


class FileTable:
    """An endpoint for the files of directories, by their URL paths."""

    def __init__(self) -> None:
        self._files: dict[str, ServedFile] = {}

    def add(self, prefix: str, directory: Path, *, follow_links: bool = False) -> None:
        """Read all files of a directory and of those below it, but for hidden ones.

        Args:
            prefix: what their URL paths begin with, such as `/static/`, as text, not escaped.
            directory: where they are. Its `index.html` answers at `prefix` itself as well.
            follow_links: whether links that lead out of it are served.

        Raises:
            UsageError: there is no such directory; the calling code's fault.
            OSError: a file cannot be read; the environment's fault.
        """
        if not directory.is_dir():
            raise UsageError(f"{directory} is no directory")
        for name, path in files_in(directory, follow_links=follow_links):
            self._files[prefix + name] = file = ServedFile.read(path)
            if name == INDEX:
                self._files[prefix] = file

    def add_file(self, name: str, file: ServedFile) -> None:
        """Serve one file.

        Args:
            name: its URL path, as text, not escaped. What is there already stays.
            file: the file.
        """
        self._files.setdefault(name, file)

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange` by its file.

        Raises:
            ProtocolError: `not-found`, the client's fault.
        """
        file = self._files.get(decoded(exchange.path))
        if file is None:
            raise ProtocolError("not-found", "There is nothing at this path.")
        if exchange.method in READS:
            file.answer(exchange)
        else:
            refuse_method(exchange, READS)


def files_in(directory: Path, *, follow_links: bool) -> Iterator[tuple[str, Path]]:
    """The files that can be asked for, each with its name within `directory`."""
    inside = directory.resolve()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = path.relative_to(directory).as_posix()
        if "/." in f"/{name}":
            continue
        if follow_links or path.resolve().is_relative_to(inside):
            yield name, path
        else:
            text = f"{path} leads out of {directory} and is not served"
            logger.warning("file not served", text=text, file=str(path))


def decoded(path: str) -> str:
    """What the path of a URL says; nothing that is a name if it escapes a slash, or is no UTF-8."""
    if "%" not in path:
        return path
    if "%2f" in path.lower():
        return ""
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return ""
