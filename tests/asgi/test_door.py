"""The ASGI door under Hypercorn on Trio, and under uvicorn in a thread: every wire, and every way to mount it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from fastapi import FastAPI
from quart_trio import QuartTrio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from websockets import Origin, Subprotocol
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cometary import App, Session
from cometary.asgi import CometASGI
from cometary.asgi.types import Application
from cometary.config import Address, Settings
from cometary.errors import UsageError
from tests.asgi.servers import hypercorn, uvicorn_server
from tests.protocol.client import Recorder

Serving = Callable[[Application], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def uvicorn(application: Application) -> AsyncGenerator[str]:
    server = uvicorn_server(application)
    url = await trio.to_thread.run_sync(server.__enter__)
    try:
        yield url
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(server.__exit__, None, None, None)


@pytest.fixture(params=[hypercorn, uvicorn])
def serving(request: pytest.FixtureRequest) -> Serving:
    chosen: Serving = request.param
    return chosen


def echo(session: Session, path: str, message: object) -> None:
    session.send(path, message)


def application(site: Any = None, app: App | None = None, **settings: Any) -> CometASGI:
    app = app or App()
    if not app.accepts("echo"):
        app.packet("echo")(echo)
    options: dict[str, Any] = {"control": Address("127.0.0.1", 0), **settings}
    return CometASGI(app, Settings(**options), site)


async def hello(_: object) -> PlainTextResponse:
    return PlainTextResponse("a site")


async def has_sessions(url: str, path: str = "/comet") -> None:
    async with httpx.AsyncClient(base_url=url, timeout=20, follow_redirects=True) as client:
        sid = (await client.post(path, json={"rid": 1})).json()["sid"]
        sent = {"sid": sid, "rid": 2, "packets": [{"path": "echo", "message": "é"}]}
        assert (await client.post(path, json=sent)).json()["packets"] == [{"path": "echo", "message": "é"}]


async def test_sessions_are_served(serving: Serving) -> None:
    async with serving(application()) as url:
        await has_sessions(url)


async def test_events_are_streamed_and_a_client_that_leaves_is_noticed(serving: Serving) -> None:
    recorder = Recorder()
    async with serving(application(app=recorder.app)) as url, httpx.AsyncClient(base_url=url) as client:
        sid = (await client.post("/comet", json={"rid": 1})).json()["sid"]
        headers = {"Accept": "text/event-stream", "X-Comet-Session": sid}
        while not recorder.sessions:  # which is told in another thread, perhaps
            await trio.testing.wait_all_tasks_blocked()
        for number in range(5):
            recorder.sessions[0].send("a", number)
        assert await trio.to_thread.run_sync(first_messages, url, headers, 5) == [0, 1, 2, 3, 4]
        recorder.sessions[0].send("a", "later")
        answer = await client.post("/comet", json={"sid": sid, "rid": 2, "ack": 5})
        assert answer.json() == {"seq": 6, "packets": [{"path": "a", "message": "later"}]}


def first_messages(url: str, headers: dict[str, str], count: int) -> list[object]:
    """Read a stream of events until so many messages have come, and leave."""
    found: list[object] = []
    with httpx.Client() as client, client.stream("GET", f"{url}/comet", headers=headers) as response:
        assert response.headers["content-type"] == "text/event-stream"
        for line in response.iter_lines():
            if line.startswith('data:{"path"'):
                found.append(json.loads(line[5:])["message"])
            if len(found) == count:
                break
    return found


async def test_a_websocket_is_served(serving: Serving) -> None:
    def talk(url: str) -> object:
        protocols = [Subprotocol("cometary.1")]
        url = url.replace("http", "ws") + "/comet"
        with connect(url, subprotocols=protocols, compression=None) as websocket:
            assert websocket.subprotocol == "cometary.1"
            websocket.send(json.dumps({"rid": 1}))
            assert "sid" in json.loads(websocket.recv())
            sent = {"rid": 2, "packets": [{"path": "echo", "message": "x" * 100_000}]}
            websocket.send(json.dumps(sent))
            while not (packets := json.loads(websocket.recv()).get("packets")):
                pass
            return packets[0]["message"]

    async with serving(application()) as url:
        assert await trio.to_thread.run_sync(talk, url) == "x" * 100_000


async def test_a_websocket_of_a_foreign_page_is_refused(serving: Serving) -> None:
    def talk(url: str) -> int:
        try:
            connect(url.replace("http", "ws") + "/comet", origin=Origin("https://elsewhere.example.org"))
        except InvalidStatus as error:
            return error.response.status_code
        return 101

    async with serving(application()) as url:
        assert await trio.to_thread.run_sync(talk, url) == 403


async def test_foreign_pages_are_refused_and_too_long_bodies(serving: Serving) -> None:
    async with serving(application(body_bytes=10_000)) as url, httpx.AsyncClient(base_url=url) as client:
        elsewhere = {"Origin": "https://elsewhere.example.org"}
        refused = await client.post("/comet", json={"rid": 1}, headers=elsewhere)
        assert refused.json()["error"] == "forbidden"
        refused = await trio.to_thread.run_sync(partial(httpx.post, f"{url}/comet", content=b"x" * 3_000_000))
        assert (refused.status_code, refused.json()["error"]) == (413, "too-large")
        assert (await client.get("/elsewhere")).json()["error"] == "not-found"


async def test_every_session_is_told_when_the_server_stops(serving: Serving) -> None:
    recorder = Recorder()
    async with serving(application(app=recorder.app)) as url, httpx.AsyncClient(base_url=url) as client:
        await client.post("/comet", json={"rid": 1})
    assert recorder.ended == [("shutdown", [])]


async def test_a_site_answers_at_all_other_paths_and_has_its_lifespan(serving: Serving) -> None:
    stages: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        stages.append("startup")
        yield
        stages.append("shutdown")

    site = Starlette(routes=[Route("/", hello)], lifespan=lifespan)
    async with serving(application(site)) as url, httpx.AsyncClient(base_url=url) as client:
        await has_sessions(url)
        assert (await client.get("/")).text == "a site"
        assert (await client.get("/nowhere")).status_code == 404
        assert stages == ["startup"]
    assert stages == ["startup", "shutdown"]


async def test_a_site_without_a_lifespan_will_do(serving: Serving) -> None:
    async def site(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "nothing else is known here"
        await PlainTextResponse("a site")(scope, receive, send)

    async with serving(application(site)) as url, httpx.AsyncClient(base_url=url) as client:
        await has_sessions(url)
        assert (await client.get("/")).text == "a site"


async def test_it_is_mounted_in_starlette(serving: Serving) -> None:
    comet = application()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with comet.running():
            yield

    site = Starlette(routes=[Route("/", hello), Mount("/push", comet)], lifespan=lifespan)
    async with serving(site) as url:
        await has_sessions(url, "/push/comet")
        await has_sessions(url, "/push")


async def test_it_is_mounted_in_fastapi(serving: Serving) -> None:
    comet = application()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with comet.running():
            yield

    site = FastAPI(lifespan=lifespan)
    site.mount("/comet", comet)
    async with serving(site) as url:
        await has_sessions(url)


async def test_it_stands_before_quart_on_trio() -> None:
    site = QuartTrio(__name__)
    site.add_url_rule("/", view_func=lambda: "a site")
    async with hypercorn(application(site)) as url, httpx.AsyncClient(base_url=url) as client:
        await has_sessions(url)
        assert (await client.get("/")).text == "a site"


async def test_it_says_what_is_missing_if_it_does_not_run() -> None:
    with pytest.raises(UsageError, match="running"):
        await application()({"type": "http", "path": "/comet"}, trio.sleep_forever, trio.sleep_forever)  # type: ignore[arg-type]
