"""The chat of RedBarrel: as its seed has it, for clients of Socket.IO."""

from __future__ import annotations

import json
from typing import Any

from trio.testing import MockClock

from examples.redbarrel_chat import app, said
from tests.protocol.client import serving
from tests.transport.wires.socketio.talking import Frames, begun


async def heard(socket: Frames) -> Any:
    """Return the next message."""
    [told] = await socket.hear()
    event, message = json.loads(told.removeprefix("42/chat,"))
    assert event == "message"
    return message


async def test_g2_g3_g5_who_comes_and_goes_and_what_they_say(mock_clock: MockClock) -> None:
    said.clear()
    async with serving(app) as world:
        first, second = await begun(world), await begun(world)
        one = (await first.connect("/chat"))["sid"]
        assert await heard(first) == {"buffer": []}
        for number in range(40):  # many at once, all of which count
            await first.say(f'42/chat,["message","{number}"]')
        other = (await second.connect("/chat"))["sid"]
        assert await heard(first) == {"announcement": f"{other} connected"}
        assert await heard(second) == {"buffer": [{"message": [one, str(n)]} for n in range(10, 40)]}
        await second.say('42/chat,["message","hello"]')
        assert await heard(first) == {"message": [other, "hello"]}
        second.connection.wire.reset()
        assert await heard(first) == {"announcement": f"{other} disconnected"}
        await first.say('42/chat,["message","alone"]')
        assert len(said) == 30
