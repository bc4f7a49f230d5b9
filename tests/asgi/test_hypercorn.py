"""What goes wrong with applications under Hypercorn 0.18 on Trio, and that it does not with this one.

Where it is Hypercorn's to mend and can only be lived with, the test says what happens.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trio
import trio.testing

from cometary.asgi import CometASGI
from tests.asgi.servers import hypercorn
from tests.asgi.test_door import application
from tests.certificates import make_files, trusting
from tests.protocol.client import Connection, Recorder


class Held:
    """A session with a held request, under Hypercorn."""

    def __init__(self, url: str, comet: CometASGI, recorder: Recorder) -> None:
        self.url = url
        self.comet = comet
        self.recorder = recorder
        self.sid = ""
        self.rid = 1
        self.connections: list[Connection] = []

    async def connect(self) -> Connection:
        address = urlsplit(self.url)
        assert address.hostname
        assert address.port
        connection = Connection(await trio.open_tcp_stream(address.hostname, address.port))
        self.connections.append(connection)
        return connection

    def body(self, **members: object) -> dict[str, object]:
        self.rid += 1
        return {"sid": self.sid, "rid": self.rid, **members}

    async def hold(self) -> Connection:
        connection = await self.connect()
        await connection.send(self.body())
        await self.until("have_request")
        return connection

    async def until(self, state: str) -> None:
        """Wait until the session is in a state."""
        inside = self.comet._inside
        assert inside is not None
        machine = inside.running.machine(self.recorder.sessions[0])
        assert machine is not None
        with trio.fail_after(20):
            while machine.state.name != state:
                await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def held(shutdown: trio.Event | None = None, **settings: Any) -> AsyncGenerator[Held]:
    recorder = Recorder()
    comet = application(app=recorder.app)
    async with hypercorn(comet, shutdown, **settings) as url:
        world = Held(url, comet, recorder)
        connection = await world.connect()
        world.sid = (await connection.ask({"rid": 1})).body["sid"]
        try:
            yield world
        finally:
            for connection in world.connections:
                connection.wire.stream.socket.close()


@pytest.mark.parametrize("way", ["end", "reset"])
async def test_a_client_that_leaves_is_noticed_at_once_and_loses_nothing(way: str) -> None:
    async with held() as world:
        connection = await world.hold()
        if way == "reset":
            connection.wire.stream.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        connection.wire.stream.socket.close()
        await world.until("waiting")
        world.recorder.sessions[0].send("a", "kept")
        answer = await (await world.connect()).ask(world.body())
        assert answer.packets == ["kept"]


async def test_a_half_closed_connection_counts_as_left_and_the_packet_comes_by_the_next() -> None:
    async with held() as world:
        connection = await world.hold()
        connection.wire.half_close()
        await world.until("waiting")
        world.recorder.sessions[0].send("a", "kept")
        assert (await (await world.connect()).ask(world.body())).packets == ["kept"]


async def test_a_pipelined_request_waits_for_the_answer_to_the_one_before() -> None:
    async with held() as world:
        connection = await world.hold()
        await connection.send(world.body(ack=1))
        for number in (1, 2):
            world.recorder.sessions[0].send("a", number)
            assert (await connection.answer()).packets == [number]


async def test_a_body_that_is_far_too_long_is_answered_and_leaves_no_connection_stuck() -> None:
    async with held(max_app_queue_size=1) as world:
        connection = await world.connect()
        async with trio.open_nursery() as nursery:

            async def upload() -> None:
                with suppress(trio.BrokenResourceError):
                    await connection.send(b"x" * 5_000_000)

            nursery.start_soon(upload)
            assert (await connection.answer()).error == (413, "too-large")
            nursery.cancel_scope.cancel()
        connection.wire.reset()
        assert (await (await world.connect()).ask(world.body(close=True))).status == 200


async def test_held_requests_are_answered_when_the_end_is_asked_for() -> None:
    asked, shutdown = trio.Event(), trio.Event()
    async with held(shutdown) as world, trio.open_nursery() as nursery:

        async def drain_first() -> None:
            await asked.wait()
            await world.comet.drain()
            shutdown.set()

        nursery.start_soon(drain_first)
        connection = await world.hold()
        asked.set()
        answer = await connection.answer()
        assert answer.error == (410, "session-ended")
        assert answer.body["reason"] == "shutdown"
    assert world.recorder.ended == [("shutdown", [])]


async def test_without_that_they_are_cut_off_and_the_sessions_told_all_the_same() -> None:
    shutdown = trio.Event()
    async with held(shutdown) as world:
        connection = await world.hold()
        shutdown.set()
        assert await connection.wire.closed()
    assert world.recorder.ended == [("shutdown", [])]


async def test_a_connection_serves_as_many_requests_as_it_may_and_another_one_goes_on() -> None:
    async with held(keep_alive_max_requests=2) as world:
        connection = await world.connect()
        for number in (1, 2):
            world.recorder.sessions[0].send("a", number)
            answer = await connection.ask(world.body(ack=number - 1))
            assert answer.packets == [number]
        assert answer.headers["connection"] == "close"
        world.recorder.sessions[0].send("a", 3)
        assert (await (await world.connect()).ask(world.body(ack=2))).packets == [3]


async def test_http_2_carries_many_held_requests_on_one_connection(tmp_path: Path) -> None:
    cert, key = make_files(tmp_path)
    recorder = Recorder()
    async with (
        hypercorn(application(app=recorder.app), certfile=cert, keyfile=key) as url,
        httpx.AsyncClient(base_url=url, http2=True, verify=trusting(), timeout=20) as client,
    ):
        opened = await client.post("/comet", json={"rid": 1})
        assert opened.http_version == "HTTP/2"
        sids = [opened.json()["sid"]] + [
            (await client.post("/comet", json={"rid": 1})).json()["sid"] for _ in range(9)
        ]
        answers: list[httpx.Response] = []

        async def poll(sid: str) -> None:
            answers.append(await client.post("/comet", json={"sid": sid, "rid": 2}))

        async with trio.open_nursery() as nursery:
            for sid in sids:
                nursery.start_soon(poll, sid)
            await trio.testing.wait_all_tasks_blocked(0.05)
            for session in recorder.sessions:
                session.send("a", session.name)
        told = sorted(answer.json()["packets"][0]["message"] for answer in answers)
        assert told == sorted(session.name for session in recorder.sessions)


async def test_a_stream_of_http_2_that_is_reset_is_noticed_and_no_other_one_harmed(tmp_path: Path) -> None:
    cert, key = make_files(tmp_path)
    recorder = Recorder()
    async with (
        hypercorn(application(app=recorder.app), certfile=cert, keyfile=key) as url,
        httpx.AsyncClient(base_url=url, http2=True, verify=trusting(), timeout=20) as client,
    ):
        sid = (await client.post("/comet", json={"rid": 1})).json()["sid"]
        with trio.move_on_after(0.1):
            await client.post("/comet", json={"sid": sid, "rid": 2})
        await trio.testing.wait_all_tasks_blocked(0.05)
        recorder.sessions[-1].send("a", "kept")
        answer = await client.post("/comet", json={"sid": sid, "rid": 3})
        assert [packet["message"] for packet in answer.json()["packets"]] == ["kept"]
