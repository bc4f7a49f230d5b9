"""Actors crashed on request: each in its turn, and none so often that its session ends."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from cometary.sessions.supervisor import PERIOD
from tests.protocol.client import Recorder, World, serving


async def crash(world: World, body: object) -> int:
    answer = await world.control("/crash", body)
    assert answer.status == 200, answer.body
    await world.settle()
    return int(answer.body["crashed"])


async def restarts(world: World) -> list[int]:
    connection = await world.connect(control=True)
    tree: Any = (await connection.get("/tree")).body
    [sessions] = [each for each in tree["children"] if each["id"] == "sessions"]
    return [child["restarts"] for child in sessions["children"]]


async def test_every_session_has_its_turn_and_goes_on(recorder: Recorder) -> None:
    async with serving(recorder.app, crash_calls="on") as world:
        clients = [await world.open() for _ in range(5)]
        held = [await client.hold() for client in clients]
        assert await crash(world, {}) == 1
        assert sum(await restarts(world)) == 1
        assert await crash(world, {"count": 100}) == 4
        assert await restarts(world) == [1] * 5
        for client, session, connection in zip(clients, recorder.sessions, held, strict=True):
            session.send("a", "kept")
            assert await client.receive(connection) == ["kept"]
        assert recorder.ended == []


async def test_no_session_is_crashed_so_often_that_it_ends(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, crash_calls="on") as world:
        for _ in range(3):
            await world.open()
        crashed = 0
        for _ in range(40):
            crashed += await crash(world, {"count": 2})
            await world.pass_time(mock_clock, PERIOD / 20)
        assert crashed == 3 * 2
        assert recorder.ended == []


async def test_sessions_that_have_ended_are_passed_over(recorder: Recorder) -> None:
    async with serving(recorder.app, crash_calls="on") as world:
        clients = [await world.open() for _ in range(3)]
        assert await crash(world, {}) == 1
        for client in clients:
            await client.ask(close=True)
        assert await crash(world, {"count": 5}) == 0
        assert await crash(world, {"count": 1}) == 0


@pytest.mark.parametrize("body", [{"count": 0}, {"count": 1001}, {"count": "all"}, []])
async def test_a_wrong_count_crashes_nobody(body: object, recorder: Recorder) -> None:
    async with serving(recorder.app, crash_calls="on") as world:
        await world.open()
        assert (await world.control("/crash", body)).error == (400, "bad-request")
        assert await restarts(world) == [0]


async def test_without_the_option_there_is_no_such_call(world: World) -> None:
    assert (await world.control("/crash", {"count": 1})).error == (404, "not-found")
