"""A browser's own EventSource: it can set no header, but sends its cookies, and the id of the last event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import trio.testing

from tests.protocol.client import Connection, Recorder, World, serving
from tests.protocol.streaming import SSE, Streamed

COOKIE = b"Cookie: login=me"


@dataclass
class Source:
    """What a browser keeps of one."""

    world: World
    cookie: bytes = COOKIE
    last_id: str = ""
    retry: str = ""

    async def get(self, *headers: bytes) -> tuple[Streamed, Any]:
        """Ask; returns the stream, and the error if it is none."""
        connection: Connection = await self.world.connect()
        last = (b"Last-Event-ID: " + self.last_id.encode(),) if self.last_id else ()
        await connection.request("GET", "/comet", b"Accept: text/event-stream", self.cookie, *last, *headers)
        streamed = Streamed(connection, SSE)
        return streamed, await streamed.begin()

    async def read(self, streamed: Streamed, count: int) -> list[Any]:
        """Read so many events."""
        bodies: list[Any] = []
        for _ in range(count):
            piece = await streamed.piece()
            self.last_id = piece.id or self.last_id
            bodies.append(piece.body)
        return bodies

    async def open(self) -> tuple[Streamed, Any]:
        """Begin a session; returns the stream and what the page is told of the session."""
        streamed, error = await self.get()
        assert error is None
        welcome, hello = await self.read(streamed, 2)
        assert hello == {"seq": 1, "packets": []}
        assert welcome["bind"] == "cookie"
        assert self.last_id.split(".")[0][-1] == welcome["sid"][-1]
        return streamed, welcome

    async def come_back(self) -> Streamed:
        streamed, error = await self.get()
        assert error is None
        return streamed


def message(number: int) -> dict[str, Any]:
    return {"path": "a", "message": number}


async def test_a_session_is_opened_and_resumed_by_the_browser_alone(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        source = Source(world)
        streamed, _ = await source.open()
        (session,) = recorder.sessions
        session.send("a", 1)
        session.send("a", 2)
        assert await source.read(streamed, 1) == [message(1)]
        streamed.connection.wire.reset()
        await world.settle()
        session.send("a", 3)
        streamed = await source.come_back()
        assert await source.read(streamed, 3) == [{"seq": 2, "packets": []}, message(2), message(3)]
        assert len(recorder.sessions) == 1


async def test_it_comes_back_before_there_was_a_packet(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        source = Source(world)
        streamed, _ = await source.open()
        streamed.connection.wire.reset()
        await source.read(await source.come_back(), 1)
        assert len(recorder.sessions) == 1


async def test_the_page_sends_by_post_with_what_it_was_told(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        source = Source(world)
        streamed, welcome = await source.open()
        connection = await world.connect()
        body = {"sid": welcome["sid"], "rid": 2, "hold": False, "packets": [{"path": "up", "message": 1}]}
        assert (await connection.ask(body, COOKIE)).status == 200
        assert recorder.packets == [("up", 1)]
        recorder.sessions[0].send("a", 1)
        assert await source.read(streamed, 1) == [message(1)]


async def test_two_tabs_have_a_session_each(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        tabs = [Source(world), Source(world)]
        streams = [(await tab.open())[0] for tab in tabs]
        for stream in streams:
            stream.connection.wire.reset()
        streams = [await tab.come_back() for tab in tabs]
        for number, (tab, stream) in enumerate(zip(tabs, streams, strict=True)):
            await tab.read(stream, 1)
            recorder.sessions[number].send("a", number)
            assert await tab.read(stream, 1) == [message(number)]


async def test_a_session_that_has_timed_out_is_followed_by_another_and_the_page_is_told(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        source = Source(world)
        streamed, first = await source.open()
        streamed.connection.wire.reset()
        for _ in range(2):
            await world.pass_time(mock_clock, 46)
            streamed = await source.come_back()
            welcome, _ = await source.read(streamed, 2)
            assert welcome["sid"] != first["sid"]
            streamed.connection.wire.reset()
        assert [reason for reason, _ in recorder.ended] == ["timeout", "timeout"]


async def test_one_that_was_kicked_is_over(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        source = Source(world)
        streamed, _ = await source.open()
        recorder.sessions[0].kick()
        (last,) = await streamed.end()
        assert last.body["reason"] == "kicked"
        stream, error = await source.get()
        assert (stream.head.status, error["reason"]) == (410, "kicked")


async def test_to_whoever_has_not_got_the_cookie_there_is_no_such_session(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        source = Source(world)
        await source.open()
        recorder.sessions[0].send("a", "secret")
        thief = Source(world, b"Cookie: login=you", source.last_id)
        streamed = await thief.come_back()
        welcome, _ = await thief.read(streamed, 2)
        assert welcome["sid"] != recorder.sessions[0].sid
        assert len(recorder.sessions) == 2
        stream, error = await Source(world, b"X: y").get()
        assert (stream.head.status, error["error"]) == (401, "unauthorized")


async def test_a_page_of_a_foreign_origin_is_refused(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        stream, error = await Source(world).get(b"Origin: https://evil.example")
        assert (stream.head.status, error["error"]) == (403, "forbidden")
        assert recorder.sessions == []


@pytest.mark.parametrize("last", ["7", "name.x", "name.", f"name.{'9' * 30}"])
async def test_an_id_that_is_none_of_ours_is_refused(recorder: Recorder, last: str) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        stream, error = await Source(world, last_id=last).get()
        assert (stream.head.status, error["error"]) == (400, "bad-request")


async def test_where_there_is_no_room_it_is_to_come_back_later(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login", max_sessions=1) as world:
        await Source(world).open()
        connection = (await Source(world).get())[0].connection
        while b"retry:5000" not in connection.wire.received:
            await connection.wire.read_some()


async def test_who_is_silent_comes_back_after_a_while_and_loses_nothing(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        source = Source(world)
        streamed, _ = await source.open()
        for number in range(5):
            for _ in range(3):
                await world.pass_time(mock_clock, 25)
            recorder.sessions[0].send("a", number)
            (*_,) = await streamed.end()
            streamed = await source.come_back()
            assert message(number) in await source.read(streamed, 2)
        assert recorder.ended == []


async def test_only_so_many_are_kept_that_nobody_can_acknowledge_and_a_gap_is_said(
    recorder: Recorder,
) -> None:
    async with serving(recorder.app, bind="cookie:login", queue_packets=150) as world:
        source = Source(world)
        streamed, _ = await source.open()
        for number in range(1, 1001):
            recorder.sessions[0].send("a", number)
            if number % 100 == 0:
                await world.settle()
        assert await source.read(streamed, 1) == [message(1)]
        streamed.connection.wire.reset()
        await world.settle()
        streamed = await source.come_back()
        hello, *rest = await source.read(streamed, 101)
        assert hello == {"seq": 901, "packets": []}
        assert rest == [message(number) for number in range(901, 1001)]
        assert recorder.ended == []
