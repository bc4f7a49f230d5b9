"""One call of a WSGI application, in a worker thread (PEP 3333).

1.  Everything that touches the connection happens on the loop: the thread hands it over, and waits until it is done.
2.  A body that is complete with its first piece, as nearly all are, goes out with its head, and the thread is free.
    Any other body is streamed: each piece is sent before the next is asked for.
3.  Whatever the application raises is logged, and is a 500, or the end of the connection once the head is out. What
    it has returned is closed in any case.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio.from_thread

from cometary.doors.hosting.environ import Place, environ_of
from cometary.errors import ClientGoneError
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from cometary.doors.hosting.response import Response
    from cometary.transport.http.exchange import Exchange

    Failure = tuple[type[BaseException], BaseException, TracebackType]

logger = get_logger("cometary.hosting")


class WsgiCall:
    """One request of an application.

    Args:
        exchange: the request.
        place: where it was asked.
        response: what comes of it; it is used on the loop alone.
    """

    def __init__(self, exchange: Exchange, place: Place, response: Response) -> None:
        self._exchange = exchange
        self._place = place
        self._response = response
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._begun = False

    def run(self, application: Callable[..., Iterable[bytes]]) -> None:
        """Call `application`, and see to it that the request is answered."""
        try:
            result = application(environ_of(self._exchange, self._place), self._start_response)
            try:
                self._send(result)
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except (ClientGoneError, trio.Cancelled, trio.RunFinishedError):
            pass  # nobody waits for it any more
        except BaseException:
            method, path = self._exchange.method, self._exchange.path
            logger.exception("view failed", text=f"{method} {path!r} failed", method=method, path=path)
            with suppress(trio.Cancelled, trio.RunFinishedError):
                trio.from_thread.run_sync(self._response.fail)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Failure | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # else it would be in a cycle with this frame
        elif self._status:
            raise RuntimeError("start_response has already been called, and there is no exc_info")
        self._status = int(status[:3])
        self._headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return self._write

    def _send(self, result: Iterable[bytes]) -> None:
        if isinstance(result, list | tuple):
            result = (b"".join(result),)
        for piece in result:
            if not piece:
                continue
            if not self._begun and self._is_all(piece, result):
                self._send_whole(piece)
            else:
                self._write(piece)
        if self._begun:
            trio.from_thread.run_sync(self._response.end)
        else:
            self._send_whole(b"")

    def _is_all(self, piece: bytes, result: Iterable[bytes]) -> bool:
        if isinstance(result, tuple):
            return True
        return (b"content-length", b"%d" % len(piece)) in [(n.lower(), value) for n, value in self._headers]

    def _send_whole(self, body: bytes) -> None:
        if not self._status:
            raise RuntimeError("the application has not called start_response")
        self._begun = True
        trio.from_thread.run_sync(self._response.whole, self._status, self._headers, body)

    def _write(self, piece: bytes) -> None:
        if not self._begun:
            if not self._status:
                raise RuntimeError("the application has not called start_response")
            self._begun = True
            trio.from_thread.run_sync(self._response.begin, self._status, self._headers)
        trio.from_thread.run(self._response.write, piece)
