"""A stream that carries what comes to a client whose handlers are slow: whatever else happens, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import trio
from trio.testing import MockClock

from cometary.client.bodies import Packet, Welcome
from cometary.client.line import Line
from cometary.client.way import SILENCE, Way

LAST = 6
"""The number of the last packet that there is."""


class Body(httpx.AsyncByteStream):
    """A stream that brings what its client lacks, and then nothing, for as long as a server is silent."""

    def __init__(self, ack: int, generation: int) -> None:
        self._ack = ack
        self._generation = generation

    async def __aiter__(self) -> AsyncIterator[bytes]:
        first = self._ack + 1
        yield b'{"seq":%d,"packets":[],"gen":%d}\n' % (first, self._generation)
        packets = [{"path": "p", "message": number} for number in range(first, LAST + 1)]
        yield json.dumps({"packets": packets, "at": str(LAST)}).encode() + b"\n"
        while True:
            await trio.sleep(SILENCE - 10)
            yield b"{}\n"


class Server:
    """Answers requests, by and by, and has streams.

    Args:
        generations: of the first stream, and of the later ones and all requests.
    """

    def __init__(self, *generations: int) -> None:
        self.generations = [*generations]
        self.streams = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        if "rid" in body:
            await trio.sleep(1)
            return httpx.Response(200, json={"packets": [], "gen": self.generations[-1]})
        self.streams += 1
        stream = Body(body["ack"], self.generations[min(self.streams, len(self.generations)) - 1])
        return httpx.Response(200, headers={"content-type": "application/x-ndjson"}, stream=stream)


async def heard_by(server: Server, seconds: float) -> list[Any]:
    """Return what a program hears whose handler takes so many seconds for each packet."""
    heard: list[Any] = []

    async def hear(packets: Sequence[Packet]) -> None:
        for packet in packets:
            await trio.sleep(seconds)
            heard.append(packet.message)

    async def refused(*_: object) -> None:
        pass

    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as http:
        welcome = Welcome("sid", die=45, requests=2, gen=1)
        line = Line(Way(http, "http://server/comet"), welcome, None, hear, refused, stream=True)
        with trio.move_on_after((LAST + 2) * seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(line.run)
                await trio.sleep(0.1)
                line.send(b'{"path":"q"}')
    return heard


async def test_a_stream_is_not_taken_for_silent_while_handlers_take_their_time(
    autojump_clock: MockClock,
) -> None:
    server = Server(1)
    assert await heard_by(server, 1.5 * SILENCE) == [*range(1, LAST + 1)]
    assert server.streams == 1


async def test_what_a_stream_has_brought_is_heard_before_it_gives_way_to_one_of_a_newer_generation(
    autojump_clock: MockClock,
) -> None:
    server = Server(1, 2)
    assert await heard_by(server, 2) == [*range(1, LAST + 1)]
    assert server.streams > 1
