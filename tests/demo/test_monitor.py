"""The demo's chat and its monitor, as its clients see them on any wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from trio.testing import MockClock

from cometary.app import App
from cometary.demo.monitor import measure_for, talk_at
from tests.protocol.client import World, serving
from tests.transport.wires.socketio.talking import begun


def machine() -> Callable[[str], str]:
    """Return what reads of a machine that is busy for three ticks in four, but the third time has gone back."""
    looks = iter([(100, 100), (130, 110), (160, 120), (0, 130), (30, 140), *[(60, 150)] * 1_000])

    def read(name: str) -> str:
        if name == "meminfo":
            return "MemTotal: 8388608 kB\nMemFree: 1048576 kB\nBuffers: 2048 kB\nCached: 4096 kB\n"
        busy, idle = next(looks)
        return f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n"

    return read


@pytest.fixture
async def world(mock_clock: MockClock) -> AsyncIterator[World]:
    app = App()
    talk_at(app, "/monitor")
    measure_for(app, "monitor", machine())
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
    assert [load["cpu"] for load in loads][:4] == [75, 75, 0, 75]
    assert loads[0]["memory"] == {"total": 8192, "free": 1024, "buffers": 2, "cached": 4}


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
