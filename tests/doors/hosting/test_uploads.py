"""Bodies longer than those that are kept: a hosted application gets them as they come."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from cometary.transport.http.upload import MOST_WAITING, Upload
from tests.doors.hosting import asgi_sites, sites
from tests.doors.hosting.test_asgi import client_of
from tests.protocol.client import World, serving

LONG = bytes(range(256)) * 10_000
DIGEST = f"{len(LONG)} {hashlib.sha256(LONG).hexdigest()}"


@pytest.fixture(autouse=True)
def afresh() -> None:
    for noted in (asgi_sites.pulled, asgi_sites.left, sites.pulled):
        noted.clear()
    sites.closed.clear()


@pytest.fixture(params=["wsgi", "asyncio", "trio"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def hosting(kind: str, upload_bytes: int = 10_000_000) -> AsyncGenerator[World]:
    if kind == "wsgi":
        async with serving(wsgi="tests.doors.hosting.sites:site", upload_bytes=upload_bytes) as world:
            yield world
    else:
        site = "tests.doors.hosting.asgi_sites:site"
        async with serving(asgi=site, asgi_loop=kind, upload_bytes=upload_bytes) as world:
            yield world


async def in_pieces() -> AsyncIterator[bytes]:
    """Send it chunked."""
    for start in range(0, len(LONG), 100_000):
        yield LONG[start : start + 100_000]


async def test_a_long_body_comes_whole_with_its_length_or_in_chunks(kind: str) -> None:
    async with hosting(kind) as world, client_of(world) as client:
        for content in (LONG, in_pieces()):
            response = await client.post("/upload", content=content)
            assert (response.status_code, response.text) == (200, DIGEST)
        assert (await client.post("/upload", content=b"short")).text.startswith("5 ")


async def test_no_more_of_it_is_kept_than_there_is_room_for(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    feed = Upload.feed

    def noted(upload: Upload, data: bytes) -> bool:
        waiting.append(upload._size)
        return feed(upload, data)

    monkeypatch.setattr(Upload, "feed", noted)
    async with hosting(kind) as world, client_of(world) as client:
        assert (await client.post("/upload", content=LONG)).text == DIGEST
    assert max(waiting) <= MOST_WAITING


async def test_one_that_is_longer_still_is_refused(kind: str) -> None:
    async with hosting(kind, upload_bytes=1_000_000) as world, client_of(world) as client:
        assert (await client.post("/upload", content=LONG)).status_code == 413
        own = await client.post(
            "/comet", content=LONG[:300_000], headers={"Content-Type": "application/json"}
        )
        assert own.status_code == 413, "the server's own bodies are as short as ever"


async def test_a_client_that_waits_to_be_asked_for_its_body_is(kind: str) -> None:
    async with hosting(kind) as world:
        connection = await world.connect()
        head = (
            f"POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {len(LONG)}\r\n\r\n"
        )
        stream = connection.wire.stream
        await stream.send_all(head.encode())
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(LONG)
        assert DIGEST.encode() in await read_all(stream)


async def test_the_application_may_answer_before_all_has_come(kind: str) -> None:
    async with hosting(kind) as world:
        connection = await world.connect()
        stream = connection.wire.stream
        await stream.send_all(
            b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\nthe beginning"
        )
        answer = await read_all(stream)
        assert b"as you like" in answer
        assert b"Connection: close" in answer


async def test_an_application_whose_client_goes_half_way_is_told(kind: str) -> None:
    async with hosting(kind) as world:
        connection = await world.connect()
        stream = connection.wire.stream
        await stream.send_all(
            b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" + LONG[:100_000]
        )
        stream.socket.close()
        with trio.fail_after(20):
            while not (sites.closed.is_set() or asgi_sites.left):
                await world.settle()


async def read_all(stream: trio.SocketStream) -> bytes:
    """Read up to the end of the connection."""
    data = b""
    async for piece in stream:
        data += piece
    return data
