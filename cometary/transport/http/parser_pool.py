"""The parsers of all connections of a listener: most need none of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.transport.http.request_parser import BOUNDARY, RequestParser, Uploads, no_uploads

if TYPE_CHECKING:
    from cometary.transport.http.limits import Limits

SPARE: Final = 64
"""Parsers that are kept for the next client that sends a request in pieces."""


class ParserPool:
    """Who has which parser: one is shared by all connections that are between requests.

    1. A request that comes in one piece, as a poll does, passes through the shared parser and leaves
       nothing in it. So a connection that is idle or parked has no parser.
    2. A connection whose request is not complete keeps the parser that it is in, and another is shared.
    3. A kept parser that comes to a boundary is set aside for the next such case, as many as `SPARE`:
       many clients send a request's head and body apart.

    Args:
        limits: What they enforce.
        uploads: See `Service`.

    Attributes:
        shared: The parser for a connection that has none of its own.
    """

    __slots__ = ("_limits", "_spare", "_uploads", "shared")

    def __init__(self, limits: Limits, uploads: Uploads = no_uploads) -> None:
        self._limits = limits
        self._uploads = uploads
        self._spare: list[RequestParser] = []
        self.shared = RequestParser(limits, uploads)

    def keeps(self, parser: RequestParser) -> RequestParser | None:
        """What a connection keeps after it has fed `parser`, its own or the shared one.

        Returns:
            The same parser if it is in the middle of a request, else none; it is taken back then.
        """
        midway = parser.phase is not BOUNDARY and not parser.finished
        if parser is not self.shared:
            if not midway:
                self.take_back(parser)
        elif midway or parser.finished:
            self.shared = self._spare.pop() if self._spare else RequestParser(self._limits, self._uploads)
            if parser.finished:
                parser.close()
        return parser if midway else None

    def take_back(self, parser: RequestParser) -> None:
        """Take a parser that is not shared from a connection that is through with it."""
        reusable = parser.phase is BOUNDARY and not parser.finished
        if reusable and len(self._spare) < SPARE:
            self._spare.append(parser)
        else:
            parser.close()
