"""A WebSocket, and a stream of lines, of a client that says by hand where it is."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import trio

from cometary.client.sockets import WISH
from cometary.transport.wires.websocket.client_frames import NO_MASK, ServersFrames, masked
from cometary.transport.wires.websocket.frames import CLOSE, TEXT

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


class Socket:
    """One WebSocket.

    Args:
        stream: its connection.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._frames = ServersFrames()
        self._read: list[dict[str, Any]] = []

    async def say(self, **members: Any) -> None:
        """Send a frame."""
        await self._stream.send_all(masked(TEXT, json.dumps(members).encode(), NO_MASK))

    async def hear(self) -> dict[str, Any]:
        """Return the next frame; that of a close as its code."""
        with trio.fail_after(60):
            while not self._read:
                for frame in self._frames.feed(await self._stream.receive_some(65_536)):
                    closed = {"closed": int.from_bytes(frame.payload[:2], "big")}
                    self._read.append(closed if frame.opcode == CLOSE else json.loads(frame.payload))
        return self._read.pop(0)


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Socket]:
    """Have one until the end of the block."""
    port = urlsplit(url).port
    assert port is not None
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET /comet HTTP/1.1\r\nHost: 127.0.0.1\r\n" + WISH % KEY)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive_some(1)
        assert head.startswith(b"HTTP/1.1 101")
        yield Socket(stream)


@asynccontextmanager
async def lines(http: httpx.AsyncClient, url: str, **members: Any) -> AsyncGenerator[AsyncIterator[Any]]:
    """Have a stream of lines until the end of the block."""
    headers = {"accept": "application/x-ndjson"}
    async with http.stream("POST", url, json=members, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        yield (json.loads(line) async for line in response.aiter_lines())
