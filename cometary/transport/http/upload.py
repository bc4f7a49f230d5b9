"""A body that is too long to be kept: its reader takes it as it comes.

1.  It is fed by its connection and read by one reader. What has come and was not taken waits; when that is more than
    `MOST_WAITING` bytes, the upload is `full`, and nothing more is read until the reader has taken it.
2.  It ends once: complete, or broken off, because its client has gone or what came was no such body. The reader of
    one that broke off is told, so that half a file is never taken for a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.errors import ClientGoneError
from cometary.transport.http.limits import check_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.request_parser import RequestParser

MOST_WAITING: Final = 64 * 1024


class Upload:
    """The body of one request.

    Args:
        parser: of its connection; it is in the body.
        most: bytes that the body may have.

    Attributes:
        complete: whether all of it has come.
        on_room: what to call when it is not full any more.
        on_change: what to call when something has come, or this was all.
    """

    __slots__ = (
        "_broken",
        "_most",
        "_parser",
        "_parts",
        "_size",
        "_total",
        "complete",
        "on_change",
        "on_room",
    )

    def __init__(self, parser: RequestParser, most: int) -> None:
        self._parser: RequestParser | None = parser
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._total = 0
        self._broken = False
        self.complete = False
        self.on_room: Callable[[], None] | None = None
        self.on_change: Callable[[], None] | None = None

    @property
    def full(self) -> bool:
        """Whether nothing more is to be read for now."""
        return self._size > MOST_WAITING

    @property
    def awaits_continue(self) -> bool:
        """Whether the client waits for a word that the body is welcome."""
        return self._parser is not None and self._parser.awaits_continue

    # -- what its connection and the parser do ------------------------------------------------------

    def feed(self, data: bytes) -> bool:
        """Take more bytes of the connection; returns whether they are what was announced."""
        if self._parser is not None:
            self._parser.feed(data)
        if self.complete:
            self._leave_parser()
        return not self._broken

    def take(self, part: bytes) -> None:
        """Take a part of the body.

        Raises:
            ProtocolError: `too-large`, the client's fault.
        """
        self._total += len(part)
        check_body(self._total, self._most)
        self._parts.append(part)
        self._size += len(part)
        self._tell_reader()

    def end(self) -> None:
        """Take note that this was all."""
        self.complete = True  # the parser is in the middle of this: it is left later
        self._tell_reader()

    def break_off(self) -> None:
        """Take note that no more comes; once it is complete that changes nothing."""
        if not self.complete:
            self._broken = True
            self._tell_reader()
            self._leave_parser()

    def _tell_reader(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _leave_parser(self) -> None:
        parser, self._parser = self._parser, None
        if parser is not None:
            parser.close()

    # -- what its reader does -----------------------------------------------------------------------

    def taken(self) -> bytes | None:
        """Return what has come, and keep it no longer; nothing at the end, None if more is to come first.

        Raises:
            ClientGoneError: it broke off.
        """
        if not self._parts and not self.complete:
            if self._broken:
                raise ClientGoneError("the body broke off")
            return None
        data, was_full = b"".join(self._parts), self.full
        self._parts.clear()
        self._size = 0
        if was_full and self.on_room is not None:
            self.on_room()
        return data
