"""What a STOMP client may send that is wrong, over real sockets: one clear error, and nobody else notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import trio

from cometary import server
from cometary.config import Address, Settings
from cometary.doors.stomp.frames import FrameReader
from cometary.server import Running
from tests.doors.stomp.wire import connected

HELLO = b"CONNECT\naccept-version:1.2\n\n\0"
SEND = b"SEND\ndestination:news\n"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    free = Address("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        running = await nursery.start(server.serve, Settings(port=0, control=free, stomp=free), None)
        yield running
        running.stop()


async def answers(url: str, data: bytes) -> list[tuple[str, str]]:
    """Send bytes; returns what is answered until the connection is closed."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    reader = FrameReader(1 << 20)
    async with (
        await trio.open_tcp_stream(parts.hostname, parts.port) as stream,
        trio.open_nursery() as nursery,
    ):

        async def send() -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await stream.send_all(data)
                await stream.send_eof()

        nursery.start_soon(send)
        with suppress(trio.BrokenResourceError):
            while piece := await stream.receive_some():
                reader.feed(bytes(piece))
    told: list[tuple[str, str]] = []
    while (frame := reader.next()) is not None:
        told.append((frame.command, frame.headers.get("message", "")))
    return told


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (SEND + b"content-length:3\n\nhello\0", "bad-request"),  # which is longer
        (SEND + b"content-length:-1\n\nhello\0", "bad-request"),
        (SEND + b"content-length:99999999999\n\n", "too-large"),
        (SEND + b"x:" + b"x" * (10 << 20) + b"\n\n\0", "too-large"),
        (SEND + b"x:y\n" * (1 << 20) + b"\n\0", "too-large"),
        (SEND + b"\n" + b"x" * (1 << 20), "too-large"),  # without NUL
        (b"SEND\ndestination:chat/*\n\nhello\0", "bad-request"),
        (b"SEND\ndestination:/queue/*\n\nhello\0", "bad-request"),
        (b"SUBSCRIBE\nid:1\ndestination:/queue/*\n\n\0", "bad-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad-request"),
        (b"\x16\x03\x01" * 100 + b"\n\n", "bad-request"),
    ],
)
async def test_it_gets_one_error_and_others_go_on(running: Running, data: bytes, condition: str) -> None:
    async with connected(running.urls["stomp"]) as other:
        await other.done("SUBSCRIBE", id="1", destination="news")
        with trio.fail_after(20):
            assert await answers(running.urls["stomp"], HELLO + data) == [
                ("CONNECTED", ""),
                ("ERROR", condition),
            ]
        await other.say("SEND", b"only this", destination="news")
        heard = await other.hear()
        assert heard is not None
        assert heard.body == b"only this"
