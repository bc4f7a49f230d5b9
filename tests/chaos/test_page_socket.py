"""A page of the bench on a WebSocket: its requests are confirmed, refused, or lost with the connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
import trio

from cometary.chaos.page_socket import TAKEN, PageSocket
from cometary.chaos.shared import find
from cometary.chaos.wire import BrokenWireError, Wire
from cometary.client.streams import StreamBody
from tests.protocol.client import Recorder, World, serving

CHANCE = Random(1)  # noqa: S311 - for masks, in a test


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


class Talk:
    """A socket, and what has come on it."""

    def __init__(self, socket: PageSocket) -> None:
        self.socket = socket
        self.came: list[StreamBody] = []
        self.more = trio.Event()

    async def read(self) -> None:
        try:
            while bodies := await self.socket.bodies():
                self.came += bodies
                self.more.set()
                self.more = trio.Event()
        finally:
            self.socket.end()


@asynccontextmanager
async def talking(world: World, nursery: trio.Nursery) -> AsyncGenerator[Talk]:
    client = await world.open()
    wire = await Wire.connect(await find(world.running.comet, anywhere=False))
    socket = PageSocket(wire, CHANCE)
    await socket.open(
        await find(world.running.comet, anywhere=False), b'{"sid":"%b","ack":0}' % client.sid.encode()
    )
    talk = Talk(socket)
    nursery.start_soon(talk.read)
    await talk.more.wait()
    try:
        yield talk
    finally:
        wire.close()
        nursery.cancel_scope.cancel()


async def test_a_request_is_confirmed_or_refused(recorder: Recorder, autojump_clock: Any) -> None:
    async with (
        serving(recorder.app) as world,
        trio.open_nursery() as nursery,
        talking(world, nursery) as talk,
    ):
        assert talk.came[0].packets == []
        assert await talk.socket.exchange(2, b'{"rid":2,"packets":[{"path":"a","message":1}]}') == TAKEN
        assert recorder.packets == [("a", 1)]
        refused = await talk.socket.exchange(3, b'{"rid":3,"packets":[{"path":"::a"}]}')
        assert refused is not None
        assert refused.status == 400
        assert b"forbidden-path" in refused.body


async def test_what_was_not_confirmed_when_the_connection_ends_is_lost(
    recorder: Recorder, autojump_clock: Any
) -> None:
    async with (
        serving(recorder.app) as world,
        trio.open_nursery() as nursery,
        talking(world, nursery) as talk,
    ):
        recorder.sessions[0].kick()
        assert await talk.socket.exchange(2, b'{"rid":2}') is None
        assert await talk.socket.exchange(3, b'{"rid":3}') is None
        assert talk.came[-1].reason == "kicked"


async def test_a_server_that_has_no_websockets_is_known_at_once(recorder: Recorder) -> None:
    async with serving(recorder.app, wires=()) as world:
        target = await find(world.running.comet, anywhere=False)
        wire = await Wire.connect(target)
        with pytest.raises(BrokenWireError):
            await PageSocket(wire, CHANCE).open(target, b"{}")
        wire.close()
