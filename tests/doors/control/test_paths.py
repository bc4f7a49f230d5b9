"""What back-ends ask for about paths: histories, and publishing in batches, once, to all but one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cometary import Session
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


@pytest.mark.parametrize("pattern", ["*", "**", "chat/*", "chat/**", "*/a"])
async def test_a_pattern_where_one_path_is_wanted_is_refused_and_changes_nothing(
    world: World, client: Comet, pattern: str
) -> None:
    packet = {"path": pattern, "message": 1}
    for path, body in (
        ("/update", packet),
        ("/update", [{"path": "chat/a", "message": 1}, packet]),
        ("/send", {"sid": client.sid, "packets": [packet]}),
        ("/send", {"sid": client.sid, "packets": [packet, packet]}),
        ("/ask", {"sid": client.sid, **packet}),
        ("/presence", {"path": pattern}),
    ):
        assert (await world.control(path, body)).error == (400, "bad-request")
    batch = await call(world, "/batch", [packet])
    assert batch["results"][0]["error"] == "bad-request"
    assert (await call(world, "/history", {"path": "**"}))["packets"] == []
    assert (await world.sessions())[0]["queued"] == 0


async def test_to_disconnect_from_what_is_not_a_path_is_refused(world: World, client: Comet) -> None:
    await call(world, "/connect", {"sid": client.sid, "paths": ["news"]})
    for paths in (["news", ""], ["news", "n*"]):
        body = {"sid": client.sid, "paths": paths}
        assert (await world.control("/disconnect", body)).error == (400, "bad-request")
    assert (await world.sessions())[0]["paths"] == ["news"]


# -- publishing -----------------------------------------------------------------------------------


@CODECS
async def test_a_batch_has_a_result_for_each_update(world: World, client: Comet, codec: Codec) -> None:
    await call(world, "/connect", {"sid": client.sid, "paths": ["news", "sport"]})
    items: list[object] = [
        {"path": "news", "message": 1},
        {"path": "a\nb"},
        {"message": 2},
        "news",
        {"path": "news", "message": 3, "idempotency_key": "k"},
        {"path": "news", "message": 3, "idempotency_key": "k"},
        {"path": "news", "message": 4, "idempotency_key": "k"},
        {"path": "sport", "ttl": -1},
        {"path": "sport", "message": 5, "exclude": client.sid},
        {"path": "sport", "message": 6},
    ]
    results = (await call(world, "/batch", items, codec))["results"]
    errors = [result.get("error") for result in results]
    bad = "bad-request"
    assert errors == [None, bad, bad, bad, None, None, "key-reused", bad, None, None]
    assert await client.poll() == [1, 3, 6]


async def test_a_repeat_is_answered_as_the_first_and_another_update_is_refused(
    world: World, client: Comet
) -> None:
    await call(world, "/connect", {"sid": client.sid, "paths": ["news"]})
    update = {"path": "news", "message": 1, "idempotency_key": "k"}
    for _ in range(3):
        assert await call(world, "/update", update) == {"updates": 1}
    for wrong in ({**update, "message": 2}, [{"path": "news", "message": 0}, {**update, "ttl": 9}]):
        assert (await world.control("/update", wrong)).error == (422, "key-reused")
    assert (await world.control("/update", [update, update])).error == (400, "bad-request")
    await call(world, "/update", [{"path": "news", "message": 9}, update])
    assert await client.poll() == [1, 9]


@CODECS
async def test_bytes_that_are_encoded_already_are_passed_on(world: World, codec: Codec) -> None:
    client = await world.open(codec)
    await call(world, "/connect", {"sid": client.sid, "paths": ["news"]})
    await call(world, "/update", {"path": "news", "json": '{"n": 1.50}'}, codec)
    answer = await client.ask()
    assert answer.body["packets"] == [{"path": "news", "message": {"n": 1.5}}]
    assert codec is cbor or b'{"n": 1.50}' in answer.raw
    client.ack = 1
    if codec is cbor:
        await call(world, "/update", {"path": "news", "cbor": b"\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00"}, codec)
        answer = await client.ask()
        assert answer.packets == [1.5]
        assert b"\xfb\x3f\xf8" in answer.raw


@pytest.mark.parametrize(
    "wrong",
    [
        {"json": "{"},
        {"json": "1", "message": 1},
        {"json": "1", "cbor": b"\x01"},
        {"idempotency_key": ""},
        {"idempotency_key": "x" * 257},
        {"idempotency_key": 7},
        {"exclude": 7},
    ],
)
async def test_what_makes_no_sense_is_not_published(world: World, wrong: dict[str, object]) -> None:
    body = {"path": "chat/a", **wrong}
    assert (await world.control("/update", body, codec=cbor)).error == (400, "bad-request")
    page = await call(world, "/history", {"path": "chat/a"})
    assert page["packets"] == []


async def test_what_is_for_updates_is_not_for_one_session(world: World, client: Comet) -> None:
    for wish in ({"exclude": client.sid}, {"idempotency_key": "k"}):
        body = {"sid": client.sid, "packets": [{"path": "a", **wish}]}
        assert (await world.control("/send", body)).error == (400, "bad-request")


# -- asking clients -------------------------------------------------------------------------------


@CODECS
async def test_a_back_end_asks_a_client(world: World, codec: Codec) -> None:
    client = await world.open(codec)
    control = await world.connect(codec, control=True)
    await control.send({"sid": client.sid, "path": "weather", "message": "Delft"}, path="/ask")
    [question] = (await client.ask()).body["packets"]
    assert (question["path"], question["message"]) == ("weather", "Delft")
    client.ack = 1
    answer = {"ask": question["ask"], "value": ["rain"]}
    await client.ask(packets=[{"path": "::answer", "message": answer}], hold=False)
    assert (await control.answer()).body == {"value": ["rain"]}


async def test_whose_fault_it_is_that_there_is_no_answer_is_told(world: World, client: Comet) -> None:
    control = await world.connect(control=True)
    await control.send({"sid": client.sid, "path": "weather"}, path="/ask")
    await world.settle()
    await call(world, "/kick", {"sid": client.sid})
    answer = (await control.answer()).body
    assert (answer["error"], answer["fault"]) == ("session-ended", "nobody")
    gone = await world.control("/ask", {"sid": client.sid, "path": "weather"})
    assert gone.error == (404, "unknown-session")
    for wrong in ({"path": ""}, {"path": "a", "timeout": 0}, {"path": "a", "timeout": 1e9}):
        assert (await world.control("/ask", {"sid": client.sid, **wrong})).error == (400, "bad-request")


async def test_a_handler_asks_the_client_whose_packet_it_handles(recorder: Recorder) -> None:
    answers: list[object] = []

    @recorder.app.packet("order")
    async def order(session: Session, _path: str, message: object) -> object:
        answers.append(await session.ask("sure", message))
        return answers[-1]

    async with serving(recorder.app) as world:
        client = await world.open()
        [question] = (await client.ask(packets=[{"path": "order", "message": 7, "ask": "1"}])).body["packets"]
        client.ack = 1
        answer = {"path": "::answer", "message": {"ask": question["ask"], "value": True}}
        told = (await client.ask(packets=[answer])).body["packets"]
        assert answers == [True]
        assert told == [{"path": "::answer", "message": {"ask": "1", "value": True}}]


# -- presence -------------------------------------------------------------------------------------


@CODECS
async def test_a_back_end_asks_who_is_on_a_path(recorder: Recorder, codec: Codec) -> None:
    async with serving(recorder.app, paths=("room/* keep presence=on",)) as world:
        client = await world.open(codec)
        [session] = recorder.sessions
        session.data["shown"] = "Ada"
        await call(world, "/connect", {"sid": client.sid, "paths": ["room/1"]}, codec)
        member = {"name": session.name, "shown": "Ada"}
        assert await call(world, "/presence", {"path": "room/1"}, codec) == {"count": 1, "members": [member]}
        assert await call(world, "/presence", {"path": "room/1", "most": 0}) == {"count": 1, "members": []}
        assert await call(world, "/presence", {"path": "room/2"}) == {"count": 0, "members": []}
        session.data["shown"] = "x" * 2_000
        refused = await world.control("/connect", {"sid": client.sid, "paths": ["room/2"]})
        assert refused.error == (400, "bad-request")
        for wrong in ({"path": ""}, {"path": "a", "most": -1}, {"path": "a", "most": 10_000}):
            assert (await world.control("/presence", wrong)).error == (400, "bad-request")
