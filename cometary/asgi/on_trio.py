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

from cometary.asgi.call import AsgiCall, Piece, body_message
from cometary.asgi.scope import declares_too_much, exchange_of, peer_of, read_body
from cometary.asgi.websocket import (
    GOING_AWAY,
    REFUSED,
    FromFrontEnd,
    answer_to,
    frame_of,
    message_of,
    request_of,
)

if TYPE_CHECKING:
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
        await _transmit(outbox, call, send)
        nursery.cancel_scope.cancel()


async def _watch(exchange: Exchange, receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] == "http.request":
        pass  # the rest of a body that is far too long
    exchange.drop()
    scope.cancel()


async def _transmit(outbox: TrioOutbox, call: AsgiCall, send: Send) -> None:
    while (piece := await outbox.get()) is not None:
        if piece.start is not None:
            await send(piece.start)
        if piece.body or not piece.more:
            await send(body_message(piece))
        if not piece.more:
            return
        call.sent()


async def serve_websocket(inside: Inside, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket."""
    if (await receive())["type"] != "websocket.connect":
        return
    theirs, ours = socketpair()
    theirs.settimeout(0)
    inside.adopt(theirs, peer_of(scope))
    async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as stream:
        await stream.send_all(request_of(scope, inside.endpoint))
        reader, head = FromFrontEnd(), None
        while head is None:
            data = await stream.receive_some()
            head = reader.head(data) if data else REFUSED
        answer = answer_to(head)
        await send(answer)
        if answer["type"] != "websocket.accept":
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pass_in, receive, stream, nursery.cancel_scope)
            await _pass_out(reader, stream, send)
            nursery.cancel_scope.cancel()


async def _pass_in(receive: Receive, stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    while True:
        message = await receive()
        with suppress(trio.BrokenResourceError):
            await stream.send_all(frame_of(message))
        if message["type"] == "websocket.disconnect":
            scope.cancel()
            return


async def _pass_out(reader: FromFrontEnd, stream: trio.SocketStream, send: Send) -> None:
    data = b""
    while True:
        for frame in reader.frames(data):
            message = message_of(frame)
            if message is not None:
                await send(message)
                if message["type"] == "websocket.close":
                    return
        data = b""
        with suppress(trio.BrokenResourceError):
            data = await stream.receive_some()
        if not data:
            await send({"type": "websocket.close", "code": GOING_AWAY})
            return
