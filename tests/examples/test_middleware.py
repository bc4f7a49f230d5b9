"""The middleware of the guide to Socket.IO: who is let in says so in the URL."""

from __future__ import annotations

import json

import pytest
from trio.testing import MockClock

from examples.middleware import app
from tests.protocol.client import serving
from tests.transport.wires.socketio.talking import SOCKETIO, framed, query


async def test_who_names_a_room_hears_that_room(mock_clock: MockClock) -> None:
    async with serving(app, **SOCKETIO) as world:
        tea, coffee = [
            await framed(world, query("websocket", more=f"&room={room}"), {"Accept-Language": "nl"})
            for room in ("tea", "coffee")
        ]
        for socket in (tea, coffee):
            await socket.hear()
            await socket.connect()
        app.update("rooms/tea", "ready")
        app.update("rooms/coffee", "cold")
        assert await tea.hear() == ['42["rooms/tea","ready"]']
        assert await coffee.hear() == ['42["rooms/coffee","cold"]']


@pytest.mark.parametrize("more", ["", "&room=", "&room=**"])
async def test_who_names_none_is_told_so(mock_clock: MockClock, more: str) -> None:
    async with serving(app, **SOCKETIO) as world:
        socket = await framed(world, query("websocket", more=more))
        await socket.hear()
        await socket.say("40")
        [told] = await socket.hear()
        assert json.loads(told[2:])["message"] == "There is no such room."
