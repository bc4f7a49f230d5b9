"""One request of a hosted ASGI application: what it is told, and what becomes of what it says.

The call lives on the server's own loop, wherever the application runs (`asgi`).

1.  The application gets the body in one piece, or a long one as it comes, a piece each time it asks. After that it is
    told when the client has gone; not before it asks.
2.  A response whose first piece is its last goes out in one. In any other, each `send` is over when the piece before
    is on its way, so an application waits for its reader.
3.  An application that raises, or ends without an answer, is a 500, or the end of the connection once the head is
    out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import trio

from cometary.doors.hosting.response import Response
from cometary.errors import ClientGoneError
from cometary.transport.http.upload_connection import receive_upload

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from cometary.doors.hosting.environ import Place
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.http.upload import Upload

    Message = MutableMapping[str, Any]


class AsgiCall:
    """One request.

    Args:
        exchange: the request.
        place: where it was asked.
        state: what the application's lifespan has for its requests.

    Attributes:
        scope: what the application is told first.
    """

    def __init__(self, exchange: Exchange, place: Place, state: dict[str, Any]) -> None:
        self.scope = scope_of(exchange, place, state)
        self._exchange = exchange
        self._body: bytes | None = exchange.body
        self._upload = exchange.upload
        self._response = Response(exchange)
        self._start: Message | None = None
        self._finished = False
        self._over = trio.Event()
        exchange.on_drop = self._over.set

    async def receive(self) -> Message:
        """Return the body, and then wait for the end of the request."""
        if self._upload is not None:
            return await self._next_piece(self._upload)
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _next_piece(self, upload: Upload) -> Message:
        try:
            piece = await receive_upload(upload)
        except ClientGoneError:
            return {"type": "http.disconnect"}
        if not piece:
            self._upload = self._body = None
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(self, message: Message) -> None:
        """Take what the application says.

        Raises:
            OSError: nobody reads it.
            RuntimeError: it makes no sense at this point.
        """
        if message["type"] == "http.response.start":
            if self._start is not None:
                raise RuntimeError("the response has already been started")
            self._start = message
        elif message["type"] == "http.response.body":
            if self._start is None or self._finished:
                raise RuntimeError("this belongs to no response")
            await self._take(self._start, message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"{message['type']} is not known here")

    async def _take(self, start: Message, body: bytes, *, more: bool) -> None:
        status, headers = start["status"], [(bytes(n), bytes(v)) for n, v in start.get("headers", ())]
        self._finished = not more
        if not more and not self._response.begun:
            self._response.whole(status, headers, body)
        else:
            if not self._response.begun:
                self._response.on_gone = self._over.set
                self._response.begin(status, headers)
            try:
                await self._response.write(body)
            except ClientGoneError:
                raise OSError("the client has gone") from None
            if not more:
                self._response.end()
        if not more:
            self._over.set()

    @property
    def is_left(self) -> bool:
        """Whether the client has gone before it was answered."""
        return not self._finished and self._exchange.carrier is None

    def ended(self) -> None:
        """Take note that the application has returned, or raised."""
        if not self._finished:
            self._response.fail()
        self._over.set()


def scope_of(exchange: Exchange, place: Place, state: dict[str, Any]) -> dict[str, Any]:
    """Return a request as ASGI has it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": exchange.version,
        "method": exchange.method,
        "scheme": place.scheme,
        "path": unquote_to_bytes(exchange.path).decode(errors="replace"),
        "raw_path": exchange.path.encode("latin-1", "replace"),
        "query_string": exchange.query,
        "root_path": "",
        "headers": list(exchange.headers.items()),
        "client": (exchange.peer, 0),
        "server": (place.host, place.port),
        "state": dict(state),
    }
