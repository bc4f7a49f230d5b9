"""Requests under a server on asyncio, such as uvicorn: the sessions live in a thread of their own (`thread`).

The rules are those of `on_trio`; here the exchange, and all that is called of it, are over there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from socket import socketpair
from typing import TYPE_CHECKING, Final

from cometary.asgi.call import AsgiCall, Piece, gone, transmit
from cometary.asgi.scope import declares_too_much, exchange_of, peer_of, read_body
from cometary.asgi.websocket import FromFrontEnd, open_to_front_end, pass_in, pass_out, request_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cometary.asgi.thread import TrioThread
    from cometary.asgi.types import Receive, Scope, Send
    from cometary.transport.http.exchange import Exchange

READ: Final = 64 * 1024


class AsyncioOutbox:
    """The pieces of one response that are to be sent."""

    def __init__(self) -> None:
        self._pieces: deque[Piece | None] = deque()
        self._some: asyncio.Future[None] | None = None

    def put(self, piece: Piece | None) -> None:
        """Take a piece."""
        self._pieces.append(piece)
        if self._some is not None and not self._some.done():
            self._some.set_result(None)

    async def get(self) -> Piece | None:
        """Return the next one."""
        if not self._pieces:
            self._some = asyncio.get_running_loop().create_future()
            await self._some
        return self._pieces.popleft()


async def serve_http(thread: TrioThread, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    most = thread.inside.limits.body_bytes
    if closing := declares_too_much(scope, most):
        body, too_long = b"", True
    else:
        read = None
        with suppress(TimeoutError):
            async with asyncio.timeout(thread.inside.limits.longest_seconds):
                read = await read_body(receive, most)
        if read is None:
            return
        body, too_long = read
    outbox = AsyncioOutbox()
    exchange = exchange_of(scope, thread.inside.endpoint, body, too_long=too_long, most=most)
    closing = closing and scope["http_version"] < "2"
    call = AsgiCall(partial(thread.back.call, outbox.put), closing=closing)
    thread.there.call(_begin, thread, exchange, call, peer_of(scope))
    sending = asyncio.ensure_future(transmit(outbox, send, partial(thread.there.call, call.sent)))
    try:
        await _first_of(sending, gone(receive))
    finally:
        if sending.cancelled():
            thread.there.call(exchange.drop)


def _begin(thread: TrioThread, exchange: Exchange, call: AsgiCall, peer: str) -> None:
    """Over there: have the exchange answered."""
    exchange.arrive(call, peer)
    thread.inside.serve(exchange)


async def serve_websocket(thread: TrioThread, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket."""
    if (await receive())["type"] != "websocket.connect":
        return
    theirs, ours = socketpair()
    theirs.settimeout(0)
    thread.there.call(thread.inside.adopt, theirs, peer_of(scope))
    reads, writes = await asyncio.open_connection(sock=ours)

    async def read() -> bytes:
        with suppress(ConnectionError):
            return await reads.read(READ)
        return b""

    async def write(data: bytes) -> None:
        with suppress(ConnectionError):
            writes.write(data)
            await writes.drain()

    try:
        await write(request_of(scope, thread.inside.endpoint))
        reader = FromFrontEnd()
        if await open_to_front_end(reader, read, send):
            await _first_of(pass_in(receive, write), pass_out(reader, read, send))
    finally:
        writes.close()


async def _first_of(*functions: Awaitable[None]) -> None:
    """Wait for one of them to return, and cancel the others."""
    tasks = [asyncio.ensure_future(function) for function in functions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
