"""WSGI applications beside the sessions, over real sockets."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from cometary.app import App
from cometary.errors import ConfigError
from tests.doors.hosting import sites
from tests.protocol.client import Recorder, World, serving

SITES = "tests.doors.hosting.sites"


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    sites.seen.clear()
    sites.pulled.clear()
    sites.closed.clear()
    sites.go_on.clear()
    yield
    sites.go_on.set()


@asynccontextmanager
async def hosting(name: str = "site", app: App | None = None, **settings: Any) -> AsyncGenerator[World]:
    async with serving(app, wsgi=f"{SITES}:{name}", **settings) as world:
        yield world


def client_of(world: World) -> httpx.AsyncClient:
    trusting_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which takes no time to be made
    return httpx.AsyncClient(base_url=world.running.urls["clients"], timeout=20, verify=trusting_nobody)


async def test_the_environment_is_as_the_standard_says() -> None:
    async with hosting("checked") as world, client_of(world) as client:
        response = await client.post(
            "/a%20path/%C3%A9?q=1&r=%20",
            content=b"a body",
            headers={"Content-Type": "text/plain", "X-One": "1", "X_Two": "2", "Proxy": "evil"},
        )
        assert (response.status_code, response.content) == (200, b"a body")
    environ = sites.seen[0]
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/a path/é"
    assert environ["QUERY_STRING"] == "q=1&r=%20"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["CONTENT_LENGTH"] == "6"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["HTTP_X_ONE"] == "1"
    assert "HTTP_X_TWO" not in environ
    assert "HTTP_PROXY" not in environ
    assert environ["wsgi.url_scheme"] == "http"


async def test_what_is_the_servers_own_comes_first_and_the_rest_is_the_sites() -> None:
    recorder = Recorder()
    async with hosting("text", recorder.app) as world, client_of(world) as client:
        comet = await world.open()
        await comet.hold(("a", 1))
        assert recorder.packets == [("a", 1)]
        assert (await client.post("/comet/", content=b"x")).content == b"x"
        assert (await client.delete("/anything")).status_code == 200
        assert (await client.put("/comet")).status_code == 405
        assert (await client.options("/anything")).status_code == 200


async def test_the_files_of_the_application_come_before_the_site(tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("a file")
    app = App()
    app.files("/static/", tmp_path)
    async with hosting(app=app) as world, client_of(world) as client:
        assert (await client.get("/static/a.txt")).text == "a file"
        assert (await client.get("/static/b.txt")).text == "not here"


async def test_pages_of_other_origins_are_the_sites_to_judge_but_not_at_the_endpoint() -> None:
    elsewhere = {"Origin": "https://elsewhere.example.org"}
    async with hosting("text") as world, client_of(world) as client:
        assert (await client.post("/form", content=b"x", headers=elsewhere)).status_code == 200
        assert (await client.post("/comet", content=b"{}", headers=elsewhere)).status_code == 403


@pytest.mark.parametrize("path", ["/raise", "/exit", "/silent"])
async def test_a_view_that_fails_is_a_500_and_in_the_log(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async with hosting() as world, client_of(world) as client:
        with caplog.at_level(logging.ERROR, "cometary.hosting"):
            response = await client.get(path)
        assert response.status_code == 500
        assert "ValueError" not in response.text
        assert path in caplog.text
        assert (await client.get("/elsewhere")).status_code == 404


@pytest.mark.parametrize("path", ["/half", "/short", "/long"])
async def test_a_response_that_is_not_whole_ends_with_its_connection(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with hosting() as world, client_of(world) as client:
        with caplog.at_level(logging.CRITICAL, "cometary.hosting"), pytest.raises(httpx.RemoteProtocolError):
            await client.get(path)


async def test_headers_are_passed_on_as_they_are() -> None:
    async with hosting() as world, client_of(world) as client:
        response = await client.get("/cookies")
        assert response.status_code == 302
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert "cache-control" not in response.headers
        known = await client.get("/known")
        assert (known.status_code, known.headers["etag"]) == (304, '"1"')
        assert "content-type" not in known.headers


async def test_a_head_has_the_length_of_what_a_get_has() -> None:
    async with hosting() as world, client_of(world) as client:
        for method in ("GET", "HEAD", "GET"):
            response = await client.request(method, "/sized")
            assert response.headers["content-length"] == "10"
            assert response.content == (b"" if method == "HEAD" else b"1234567890")


async def test_write_does_what_it_did_in_the_past() -> None:
    async with hosting() as world, client_of(world) as client:
        assert (await client.get("/write")).content == b"by hand"


async def test_a_piece_is_sent_before_the_next_one_is_asked_for() -> None:
    async with hosting() as world, client_of(world) as client, client.stream("GET", "/pieces") as response:
        pieces: list[bytes] = []
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            sites.go_on.set()
    assert pieces == [b"first", b"second"]


async def test_a_client_that_does_not_read_is_waited_for_and_one_that_leaves_is_the_end() -> None:
    async with hosting() as world:
        connection = await world.connect()
        await connection.request("GET", "/endless")
        await connection.wire.stream.receive_some(10)
        await trio.to_thread.run_sync(wait_until_no_more_is_asked_for)
        assert len(sites.pulled) * sites.CHUNK < 20_000_000
        connection.wire.stream.socket.close()
        assert await trio.to_thread.run_sync(sites.closed.wait, 20)


def wait_until_no_more_is_asked_for() -> None:
    """Wait until nothing was asked for in a while."""
    count = -1
    while count != len(sites.pulled):
        count = len(sites.pulled)
        sites.closed.wait(0.2)


async def test_o10_views_that_wait_hold_up_no_session_and_no_more_are_taken_than_may_wait() -> None:
    recorder = Recorder()
    async with (
        hosting(app=recorder.app, wsgi_threads=2, wsgi_queue=1) as world,
        client_of(world) as client,
    ):
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await client.get("/wait"))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
            while world.running.statistics()["hosting_busy"] < 3:
                await trio.testing.wait_all_tasks_blocked()
            comet = await world.open()
            recorder.sessions[0].send("a", "a push")
            assert await comet.poll() == ["a push"]
            refused = await client.get("/wait")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            sites.go_on.set()
        assert [answer.content for answer in answers] == [b"waited"] * 3


async def test_what_is_under_way_ends_when_the_server_stops() -> None:
    async with hosting() as world, client_of(world) as client:
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await client.get("/wait"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            while not world.running.statistics()["hosting_busy"]:
                await trio.testing.wait_all_tasks_blocked()
            world.running.stop()
            await trio.testing.wait_all_tasks_blocked(0.05)
            sites.go_on.set()
        assert answers[0].content == b"waited"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (f"{SITES}:nothing", "has no nothing"),
        (f"{SITES}:not_callable", "cannot be called"),
        ("no_such_module:site", "there is no module no_such_module"),
    ],
)
async def test_what_is_no_application_keeps_the_server_from_starting(name: str, problem: str) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with serving(wsgi=name):
            pass
    assert isinstance(caught.value.exceptions[0], ConfigError)
    assert problem in str(caught.value.exceptions[0])
