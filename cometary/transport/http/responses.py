"""Responses as bytes: a head that is mostly made beforehand, and the body, in one piece.

Between two responses of the same status and type nothing changes but the length, the date once a
second, and what a cross-origin or a closing connection adds; so a head up to its length is made
once a second for each pair of status and type, and for the usual pair with each length of a short body.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from cometary.transport.http.exchange import WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.exchange import Headers

NO_STORE: Final = b"Cache-Control: no-store\r\n"
CLOSE: Final = b"Connection: close\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
USUAL: Final = 200
JSON: Final = b"application/json"
"""Status and type of nearly all responses."""
LONGEST_USUAL: Final = 1024
"""Bytes of a body up to which a usual head is kept with its length."""
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


class ResponseEncoder:
    """Makes the bytes of responses.

    Args:
        clock: Seconds since the epoch, for the `Date` of a response.
    """

    __slots__ = ("_begins", "_clock", "_ends", "_heads", "_usual")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._begins = self._ends = 0.0
        self._heads: dict[tuple[int, bytes], bytes] = {}
        self._usual: list[bytes] = [b""] * (LONGEST_USUAL + 1)  # by length; empty if not made yet

    def encode(
        self,
        status: int,
        body: bytes,
        content_type: bytes,
        headers: Headers,
        *,
        head_only: bool,
        closing: bool,
    ) -> bytes:
        """One response, ready to send.

        Args:
            status: The HTTP status.
            body: The body; its length is declared even when it is not sent.
            content_type: The body's media type.
            headers: More headers; `Cache-Control` in place of the usual one.
            head_only: Leave the body out, as the answer to a HEAD request does.
            closing: Say that the connection ends with this response.
        """
        now = self._clock()
        if not self._begins <= now < self._ends:
            self._turn_over(now)
        if status == USUAL and content_type == JSON and not (headers or closing or head_only):
            length = len(body)
            usual = self._usual[length] if length <= LONGEST_USUAL else b""
            return (usual or self._make_usual(length)) + body
        head, lines = with_lines(self._head(status, content_type), headers, closing=closing)
        if status in WITHOUT_BODY:
            return b"%b%b\r\n" % (head, lines)
        return b"%bContent-Length: %d\r\n%b\r\n%b" % (head, len(body), lines, b"" if head_only else body)

    def begin(
        self, status: int, content_type: bytes, headers: Headers, *, chunked: bool, closing: bool
    ) -> bytes:
        """The head of a response whose body comes later.

        Args:
            status: The HTTP status.
            content_type: The body's media type.
            headers: More headers; `Cache-Control` in place of the usual one.
            chunked: Whether the body comes in chunks; else the connection's end is its own, if it has any.
            closing: Say that the connection ends with this response.
        """
        now = self._clock()
        if not self._begins <= now < self._ends:
            self._turn_over(now)
        head, lines = with_lines(self._head(status, content_type), headers, closing=closing)
        return b"%b%b%b\r\n" % (head, CHUNKED if chunked else b"", lines)

    def _turn_over(self, now: float) -> None:
        """Make all heads anew: there is another date in them."""
        self._begins = float(int(now))
        self._ends = self._begins + 1
        self._heads.clear()
        self._usual = [b""] * (LONGEST_USUAL + 1)

    def _head(self, status: int, content_type: bytes) -> bytes:
        return self._heads.get((status, content_type)) or self._make_head(status, content_type)

    def _make_usual(self, length: int) -> bytes:
        head = b"%bContent-Length: %d\r\n\r\n" % (self._head(USUAL, JSON), length)
        if length <= LONGEST_USUAL:
            self._usual[length] = head
        return head

    def _make_head(self, status: int, content_type: bytes) -> bytes:
        phrase, date = PHRASES.get(status, b""), formatdate(self._begins, usegmt=True).encode()
        kind = b"" if status in WITHOUT_BODY else b"Content-Type: %b\r\n" % content_type
        own = kind + NO_STORE if content_type else b""  # else all of it is another's
        head = b"HTTP/1.1 %d %b\r\n%bDate: %b\r\n" % (status, phrase, own, date)
        self._heads[status, content_type] = head
        return head


def with_lines(head: bytes, headers: Headers, *, closing: bool) -> tuple[bytes, bytes]:
    """The head that goes with further headers, and these as lines."""
    if not headers:
        return head, CLOSE if closing else b""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if b"Cache-Control: " in lines:
        head = head.replace(NO_STORE, b"", 1)
    return head, lines + CLOSE if closing else lines
