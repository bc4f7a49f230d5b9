"""ASGI applications beside the sessions, on either loop, over real sockets."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from cometary.errors import ConfigError
from tests.doors.hosting import asgi_sites as sites
from tests.protocol.client import Recorder, World, serving

SITES = "tests.doors.hosting.asgi_sites"


@pytest.fixture(autouse=True)
def afresh() -> None:
    for noted in (sites.stages, sites.pulled, sites.left):
        noted.clear()


@pytest.fixture(params=["asyncio", "trio"])
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def hosting(loop: str, name: str = "site", **settings: Any) -> AsyncGenerator[World]:
    async with serving(asgi=f"{SITES}:{name}", asgi_loop=loop, **settings) as world:
        yield world


def client_of(world: World) -> httpx.AsyncClient:
    trusting_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which takes no time to be made
    return httpx.AsyncClient(base_url=world.running.urls["clients"], timeout=20, verify=trusting_nobody)


async def until(world: World, noted: list[Any]) -> None:
    """Wait until something was noted, in whatever thread."""
    with trio.fail_after(20):
        while not noted:
            await world.settle()


async def test_a_request_is_told_as_it_is_and_the_servers_own_comes_first(loop: str) -> None:
    async with hosting(loop) as world, client_of(world) as client:
        response = await client.post("/echo/a%20b/%C3%A9?q=1", content=b"a body")
        assert response.json() == {
            "path": "/echo/a b/é",
            "query": {"q": "1"},
            "body": "a body",
            "client": "127.0.0.1",
            "loop": loop,
        }
        assert "sid" in (await client.post("/comet", json={"rid": 1})).json()
        assert (await client.get("/elsewhere")).status_code == 404


async def test_a_view_that_fails_is_a_500_and_in_the_log(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async with hosting(loop) as world, client_of(world) as client:
        with caplog.at_level(logging.ERROR, "cometary.hosting"):
            assert (await client.get("/fail")).status_code == 500
            while "a view that fails" not in caplog.text:  # said in the end, after the answer
                await world.settle()


async def test_an_application_that_says_nothing_is_a_500(loop: str) -> None:
    async with hosting(loop, "silent") as world, client_of(world) as client:
        assert (await client.get("/")).status_code == 500


async def test_it_streams(loop: str) -> None:
    async with hosting(loop) as world, client_of(world) as client:
        assert (await client.get("/pieces")).text == "".join(f"{number}\n" for number in range(100))


async def test_a_client_that_does_not_read_is_waited_for_and_one_that_leaves_is_the_end(loop: str) -> None:
    async with hosting(loop) as world:
        connection = await world.connect()
        await connection.request("GET", "/endless")
        await connection.wire.stream.receive_some(10)
        await world.settle()
        assert len(sites.pulled) * sites.CHUNK < 20_000_000
        connection.wire.stream.socket.close()
        await until(world, sites.left)


async def test_an_application_is_told_when_its_client_leaves(loop: str) -> None:
    async with hosting(loop) as world:
        connection = await world.connect()
        await connection.request("GET", "/wait")
        await world.settle()
        connection.wire.stream.socket.close()
        await until(world, sites.left)


async def test_its_lifespan_is_that_of_the_server(loop: str) -> None:
    async with hosting(loop) as world, client_of(world) as client:
        await client.post("/echo/a")
        assert sites.stages == ["startup"]
    with trio.fail_after(20):
        while sites.stages != ["startup", "shutdown"]:
            await trio.testing.wait_all_tasks_blocked()


async def test_a_server_that_stops_before_the_application_has_begun_stops(loop: str) -> None:
    with trio.fail_after(20):
        async with hosting(loop, "never_begins"):
            pass


async def test_no_more_are_answered_at_a_time_than_may_be_and_sessions_go_on(loop: str) -> None:
    recorder = Recorder()
    async with (
        serving(recorder.app, asgi=f"{SITES}:site", asgi_loop=loop, asgi_requests=2) as world,
        client_of(world) as client,
    ):
        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await client.get("/slow")).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
            comet = await world.open()
            recorder.sessions[0].send("a", "a push")
            assert await comet.poll() == ["a push"]
        assert sorted(statuses) == [200, 200, 503]


async def test_there_is_one_site() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with serving(asgi=f"{SITES}:site", wsgi="tests.doors.hosting.sites:site"):
            pass
    assert isinstance(caught.value.exceptions[0], ConfigError)
