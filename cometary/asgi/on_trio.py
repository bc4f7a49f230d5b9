"""Requests under a server on Trio, such as Hypercorn: the sessions live on the same loop.

1.  The body is read first, all of it: a server that cannot hand over the rest of a body may never send the answer.
    It has as long for that as the front end gives it at the utmost.
2.  From then on one task, and no other, waits for the server's word that the client has gone. What is being sent then
    is given up: to a client that has gone, some servers never finish sending.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from socket import socketpair
from typing import TYPE_CHECKING

import trio

from cometary.asgi.call import AsgiCall, Piece, gone, transmit
from cometary.asgi.scope import declares_too_much, exchange_of, peer_of, read_body
from cometary.asgi.websocket import FromFrontEnd, open_to_front_end, pass_in, pass_out, request_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.asgi.inside import Inside
    from cometary.asgi.types import Receive, Scope, Send
    from cometary.transport.http.exchange import Exchange


class TrioOutbox:
    """The pieces of one response that are to be sent."""

    def __init__(self) -> None:
        self._pieces: deque[Piece | None] = deque()
        self._some = trio.Event()

    def put(self, piece: Piece | None) -> None:
        """Take a piece."""
        self._pieces.append(piece)
        self._some.set()

    async def get(self) -> Piece | None:
        """Return the next one."""
        if not self._pieces:
            self._some = trio.Event()
            await self._some.wait()
        return self._pieces.popleft()


async def serve_http(inside: Inside, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    most = inside.limits.body_bytes
    if closing := declares_too_much(scope, most):
        body, too_long = b"", True
    else:
        read = None
        with trio.move_on_after(inside.limits.longest_seconds):
            read = await read_body(receive, most)
        if read is None:
            return
        body, too_long = read
    outbox = TrioOutbox()
    exchange = exchange_of(scope, inside.endpoint, body, too_long=too_long, most=most)
    call = AsgiCall(outbox.put, closing=closing and scope["http_version"] < "2")
    exchange.arrive(call, peer_of(scope))
    inside.serve(exchange)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, exchange, receive, nursery.cancel_scope)
        await transmit(outbox, send, call.sent)
        nursery.cancel_scope.cancel()


async def _watch(exchange: Exchange, receive: Receive, scope: trio.CancelScope) -> None:
    await gone(receive)
    exchange.drop()
    scope.cancel()


async def serve_websocket(inside: Inside, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket."""
    if (await receive())["type"] != "websocket.connect":
        return
    theirs, ours = socketpair()
    theirs.settimeout(0)
    inside.adopt(theirs, peer_of(scope))
    async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as stream:

        async def read() -> bytes:
            with suppress(trio.BrokenResourceError):
                return bytes(await stream.receive_some())
            return b""

        async def write(data: bytes) -> None:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(data)

        await write(request_of(scope, inside.endpoint))
        reader = FromFrontEnd()
        if not await open_to_front_end(reader, read, send):
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_first, nursery.cancel_scope, pass_in, receive, write)
            await pass_out(reader, read, send)
            nursery.cancel_scope.cancel()


async def _first(scope: trio.CancelScope, function: Callable[..., Awaitable[None]], *args: object) -> None:
    """Run a function, and cancel the others after it."""
    await function(*args)
    scope.cancel()
