"""What back-ends ask for about paths: histories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import Comet, Recorder, World, serving

CODECS = pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(recorder: Recorder) -> AsyncIterator[World]:
    recorder.app.path("chat/*", history=3)
    async with serving(recorder.app) as world:
        yield world


@pytest.fixture
async def client(world: World) -> Comet:
    return await world.open()


async def call(world: World, path: str, body: object, codec: Codec = json) -> Any:
    answer = await world.control(path, body, codec=codec)
    assert answer.status == 200, answer.body
    return answer.body


async def updates(world: World, *messages: object) -> None:
    await call(world, "/update", [{"path": "chat/a", "message": message} for message in messages])


@CODECS
async def test_what_is_kept_can_be_read_and_read_on_from(world: World, codec: Codec) -> None:
    await updates(world, 1, 2, 3, 4)
    page = await call(world, "/history", {"path": "chat/a", "last": 2}, codec)
    epoch = page["at"].rpartition("-")[0]
    assert page == {
        "packets": [{"path": "chat/a", "message": n, "at": f"{epoch}-{n}"} for n in (3, 4)],
        "at": f"{epoch}-4",
        "complete": True,
    }
    await updates(world, {"b": 5})
    page = await call(world, "/history", {"path": "chat/a", "since": page["at"]}, codec)
    assert [packet["message"] for packet in page["packets"]] == [{"b": 5}]
    page = await call(world, "/history", {"path": "chat/a", "since": f"{epoch}-0"}, codec)
    assert page == {"packets": [], "at": f"{epoch}-5", "complete": False}
    page = await call(world, "/history", {"path": "news"}, codec)
    assert page == {"packets": [], "at": None, "complete": False}


@CODECS
async def test_who_is_connected_gets_what_is_kept_first(world: World, codec: Codec) -> None:
    client = await world.open(codec)
    await updates(world, 1, 2)
    await call(world, "/connect", {"sid": client.sid, "paths": ["chat/a"], "last": 1}, codec)
    await updates(world, 3)
    answer = await client.ask()
    packets = answer.body["packets"]
    epoch = packets[0]["message"]["at"].rpartition("-")[0]
    assert packets == [
        {"path": "::at", "message": {"path": "chat/a", "at": f"{epoch}-1"}},
        {"path": "chat/a", "message": 2, "at": f"{epoch}-2"},
        {"path": "chat/a", "message": 3, "at": f"{epoch}-3"},
    ]
    other = await world.open(codec)
    since = {"chat/a": f"{epoch}-2"}
    await call(world, "/connect", {"sid": other.sid, "paths": ["chat/a"], "since": since}, codec)
    assert (await other.ask()).packets == [{"path": "chat/a", "at": f"{epoch}-2"}, 3]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/connect", {"paths": ["chat/a"], "last": -1}),
        ("/connect", {"paths": ["chat/a"], "since": {"chat/a": "seven"}}),
        ("/connect", {"paths": ["chat/a"], "since": {"": "e-1"}}),
        ("/history", {"path": ""}),
        ("/history", {"path": "a\nb"}),
        ("/history", {"path": "chat/a", "last": 0}),
        ("/history", {"path": "chat/a", "last": 10_000}),
        ("/history", {"path": "chat/a", "since": "seven"}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    world: World, client: Comet, path: str, body: dict[str, object]
) -> None:
    given = {"sid": client.sid, **body} if path == "/connect" else body
    assert (await world.control(path, given)).error == (400, "bad-request")
    assert (await world.sessions())[0]["paths"] == []
