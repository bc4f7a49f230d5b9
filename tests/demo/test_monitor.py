"""The demo's chat and its monitor, as its clients see them on any wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from cometary.app import App
from cometary.demo.monitor import declare
from tests.protocol.client import World, serving
from tests.transport.wires.socketio.talking import begun


@pytest.fixture
async def world(mock_clock: MockClock) -> AsyncIterator[World]:
    app = App()
    declare(app)
    async with serving(app) as world:
        yield world


async def test_g8_the_monitor_says_twice_a_second_how_the_machine_does(
    world: World, mock_clock: MockClock
) -> None:
    page = await world.open()
    await page.hold(("::connect", {"paths": ["monitor"]}))
    for _ in range(4):
        await world.pass_time(mock_clock, 0.5)
    loads = [told for told in await page.poll() if "cpu" in told]
    assert len(loads) >= 3
    for load in loads:
        assert 0 <= load["cpu"] <= 100
        assert load["memory"].keys() == {"total", "free", "buffers", "cached"}


async def test_people_talk_on_the_same_page_whichever_wire_they_come_by(
    world: World, mock_clock: MockClock
) -> None:
    page, socket = await world.open(), await begun(world)
    await page.poll(("monitor", "hello"), ("monitor", {"no": "text"}))
    name = (await socket.connect("/monitor"))["sid"]
    assert "hello" in (await socket.hear())[0]
    await socket.say('42/monitor,["message","I am here"]')
    said = [told for told in await page.poll() + await page.poll(hold=False) if "cpu" not in told]
    assert {"announcement": f"{name} has come"} in said
    assert {"message": [name, "I am here"]} in said
