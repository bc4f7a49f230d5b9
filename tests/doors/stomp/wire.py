"""A client of STOMP for the tests: frames over a real socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio

from cometary.doors.stomp.frames import BEAT, Frame, FrameReader, encode


class StompClient:
    """One connection."""

    def __init__(self, stream: trio.abc.Stream, version: str) -> None:
        self.stream = stream
        self.version = version
        self._reader = FrameReader(1 << 20)
        self._reader.version = version
        self.beats = 0

    async def say(self, command: str, body: bytes = b"", **headers: str) -> None:
        """Send a frame; in the names of headers `_` stands for `-`."""
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        await self.stream.send_all(encode(command, named, self.version, body))

    async def hear(self) -> Frame | None:
        """Wait for the next frame; None at the end of the connection."""
        while True:
            frame = self._reader.next()
            if frame is BEAT:
                self.beats += 1
            elif frame is not None:
                return frame
            else:
                data = await self.stream.receive_some()
                if not data:
                    return None
                self._reader.feed(bytes(data))

    async def ask(self, command: str, body: bytes = b"", **headers: str) -> Frame:
        """Send a frame and wait for the next one that comes."""
        await self.say(command, body, **headers)
        frame = await self.hear()
        assert frame is not None
        return frame

    async def done(self, command: str, body: bytes = b"", **headers: str) -> None:
        """Send a frame and wait for its receipt."""
        frame = await self.ask(command, body, receipt="r", **headers)
        assert (frame.command, frame.headers["receipt-id"]) == ("RECEIPT", "r"), frame


@asynccontextmanager
async def connected(url: str, version: str = "1.2", **headers: str) -> AsyncGenerator[StompClient]:
    """Connect to the listener at `url`."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    async with await trio.open_tcp_stream(parts.hostname, parts.port) as stream:
        client = StompClient(stream, version)
        frame = await client.ask("CONNECT", b"", accept_version=version, **headers)
        assert frame.command == "CONNECTED", frame
        yield client
