"""`GET /receipts` and `GET /statistics`: how a back-end learns what has become of its packets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from cometary.doors.control.receipts import MOST_HELD, MOST_IN_ANSWER
from cometary.packets.receipts import KEPT, Receipt
from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import Answer, Comet, Connection, Recorder, World, serving

CODECS = pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(recorder: Recorder) -> AsyncIterator[World]:
    async with serving(recorder.app) as world:
        yield world


@pytest.fixture
async def client(world: World) -> Comet:
    return await world.open()


@pytest.fixture
async def control(world: World) -> Connection:
    return await world.connect(control=True)


async def read(connection: Connection, query: str = "") -> Answer:
    answer = await connection.get(f"/receipts{query}")
    assert answer.status == 200, answer.body
    assert set(answer.body) == {"receipts", "cursor", "missed"}
    return answer


def add(world: World, count: int) -> None:
    for number in range(count):
        world.running.receipts.add(Receipt(str(number), "delivered", "a"))


# -- asking for receipts ---------------------------------------------------------------------------


@CODECS
async def test_update_and_send_ask_for_receipts(
    world: World, recorder: Recorder, client: Comet, control: Connection, codec: Codec
) -> None:
    recorder.sessions[0].connect("news")
    recorder.sessions[0].data["user"] = "ada"
    updates = [{"path": "news", "message": 1, "receipt": "one", "ttl": 60}, {"path": "news", "message": 2}]
    packets = [{"path": "a", "message": 3, "receipt": "two", "key": "k"}]
    assert (await world.control("/update", updates, codec=codec)).body == {"updates": 2}
    body = {"sid": client.sid, "packets": packets}
    assert (await world.control("/send", body, codec=codec)).body == {"packets": 1}
    assert sorted(await client.poll()) == [1, 2, 3]
    await client.hold()
    answer = await read(control)
    name = recorder.sessions[0].name
    assert answer.body["missed"] == 0
    assert answer.body["receipts"][0] == {"id": "one", "outcome": "routed", "path": "news", "sessions": 1}
    assert sorted(answer.body["receipts"][1:], key=lambda each: str(each["id"])) == [
        {"id": "one", "outcome": "delivered", "path": "news", "session": name, "user": "ada"},
        {"id": "two", "outcome": "delivered", "path": "a", "session": name, "user": "ada"},
    ]


async def test_what_a_session_did_not_get_says_why(world: World, client: Comet, control: Connection) -> None:
    packets = [{"path": "a", "receipt": "one"}]
    await world.control("/send", {"sid": client.sid, "packets": packets})
    await world.control("/kick", {"sid": client.sid})
    await world.settle()
    [receipt] = (await read(control)).body["receipts"]
    assert (receipt["outcome"], receipt["reason"]) == ("undelivered", "kicked")
    assert client.sid not in str(receipt)


WRONG: list[dict[str, object]] = [
    {"receipt": ""},
    {"receipt": "x" * 257},
    {"receipt": 1},
    {"ttl": -1},
    {"ttl": 0},
    {"ttl": "5"},
    {"ttl": True},
    {"key": 1},
]


@CODECS
@pytest.mark.parametrize("wishes", WRONG, ids=lambda wishes: str(wishes)[:20])
async def test_nothing_of_a_call_with_a_wrong_wish_takes_effect(
    world: World, recorder: Recorder, client: Comet, wishes: dict[str, object], codec: Codec
) -> None:
    recorder.sessions[0].connect("a")
    packets = [{"path": "a", "message": 1, "receipt": "good"}, {"path": "a", "message": 2, **wishes}]
    for path, body in [("/update", packets), ("/send", {"sid": client.sid, "packets": packets})]:
        assert (await world.control(path, body, codec=codec)).error == (400, "bad-request")
    await world.settle()
    assert [session["queued"] for session in await world.sessions()] == [0]
    assert world.running.receipts.last == 0


async def test_a_time_that_is_no_number_is_refused(world: World, client: Comet) -> None:
    packets = [{"path": "a", "ttl": float("nan")}]
    answer = await world.control("/send", {"sid": client.sid, "packets": packets}, codec=cbor)
    assert answer.error == (400, "bad-request")


# -- reading ---------------------------------------------------------------------------------------


async def test_the_same_cursor_gives_the_same_receipts_and_each_reader_has_its_own(
    world: World, control: Connection
) -> None:
    start = (await read(control)).body["cursor"]
    add(world, 3)
    first = await read(control, f"?after={start}")
    assert [receipt["id"] for receipt in first.body["receipts"]] == ["0", "1", "2"]
    assert (await read(control, f"?after={start}")).body == first.body
    assert (await read(control)).body == first.body
    rest = await read(control, f"?after={first.body['cursor']}")
    assert (rest.body["receipts"], rest.body["cursor"]) == ([], first.body["cursor"])


async def test_there_is_a_limit_to_what_is_in_an_answer(world: World, control: Connection) -> None:
    add(world, MOST_IN_ANSWER + 5)
    first = await read(control)
    assert len(first.body["receipts"]) == MOST_IN_ANSWER
    rest = await read(control, f"?after={first.body['cursor']}")
    assert [receipt["id"] for receipt in rest.body["receipts"]] == [
        str(MOST_IN_ANSWER + number) for number in range(5)
    ]


async def test_a_reader_that_is_too_slow_is_told_what_it_missed(world: World, control: Connection) -> None:
    start = (await read(control)).body["cursor"]
    add(world, KEPT + 7)
    answer = await read(control, f"?after={start}")
    assert answer.body["missed"] == 7
    assert answer.body["receipts"][0]["id"] == "7"


async def test_a_cursor_of_an_earlier_life_begins_anew(world: World, control: Connection) -> None:
    add(world, 2)
    answer = await read(control, "?after=00000000-1")
    assert len(answer.body["receipts"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=-",
        "after=1",
        "after={id}-",
        "after={id}-x",
        "after={id}-99999999999999999999",
        "wait=x",
        "wait=",
        "wait=-1",
        "wait=61",
        "wait=nan",
        "wait=inf",
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(world: World, control: Connection, query: str) -> None:
    query = query.replace("{id}", world.running.receipts.id)
    assert (await control.get(f"/receipts?{query}")).error == (400, "bad-request")


# -- waiting ---------------------------------------------------------------------------------------


async def test_a_call_that_waits_is_answered_with_the_next_receipt(world: World, control: Connection) -> None:
    await control.request("GET", "/receipts?wait=60")
    await world.settle()
    add(world, 1)
    answer = await control.answer()
    assert [receipt["id"] for receipt in answer.body["receipts"]] == ["0"]


async def test_a_call_that_has_waited_enough_is_answered_empty(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        control = await world.connect(control=True)
        await control.request("GET", "/receipts?wait=5")
        await world.pass_time(mock_clock, 5)
        assert (await control.answer()).body["receipts"] == []
        assert not world.running.receipts._sinks


async def test_a_caller_that_goes_leaves_nothing_behind(world: World, control: Connection) -> None:
    await control.request("GET", "/receipts?wait=60")
    await world.settle()
    assert len(world.running.receipts._sinks) == 1
    control.wire.reset()
    await world.settle()
    assert not world.running.receipts._sinks


async def test_not_everybody_may_wait(world: World, control: Connection) -> None:
    held = [await world.connect(control=True) for _ in range(MOST_HELD)]
    for connection in held:
        await connection.request("GET", "/receipts?wait=60")
    await world.settle()
    answer = await control.get("/receipts?wait=60")
    assert answer.error == (429, "too-many-requests")
    assert answer.headers["retry-after"] == "1"
    assert (await read(control)).body["receipts"] == []
    add(world, 1)
    for connection in held:
        assert len((await connection.answer()).body["receipts"]) == 1
    await control.request("GET", f"/receipts?wait=60&after={world.running.receipts.id}-1")
    await world.settle()
    add(world, 1)
    assert len((await control.answer()).body["receipts"]) == 1


async def test_a_server_that_stops_answers_those_who_wait(
    world: World, client: Comet, control: Connection
) -> None:
    packets = [{"path": "a", "receipt": "one"}]
    await control.request("GET", "/receipts?wait=60")
    await world.settle()
    await world.control("/send", {"sid": client.sid, "packets": packets})
    world.running.stop()
    [receipt] = (await control.answer()).body["receipts"]
    assert (receipt["outcome"], receipt["reason"]) == ("undelivered", "shutdown")


async def test_a_server_that_stops_does_not_wait_for_those_who_wait(
    world: World, control: Connection
) -> None:
    await control.request("GET", "/receipts?wait=60")
    await world.settle()
    world.running.stop()
    assert (await control.answer()).body["receipts"] == []


# -- statistics ------------------------------------------------------------------------------------


async def test_the_statistics_count_packets_of_all_sessions_that_ever_were(
    world: World, recorder: Recorder, control: Connection
) -> None:
    first = await world.open()
    recorder.sessions[0].send("a", 1)
    recorder.sessions[0].send("a", 2)
    assert await first.poll() == [1, 2]
    recorder.sessions[0].send("a", 3)
    assert (await first.ask(close=True)).packets == [3]
    second = await world.open()
    recorder.sessions[1].send("a", 4, receipt="one")
    assert await second.poll() == [4]
    await second.hold()
    assert (await control.get("/statistics")).body == {
        "sessions": 1,
        "delivered": 3,
        "presumed": 0,
        "expired": 0,
        "dropped": 0,
        "undelivered": 1,
        "sent": 4,
        "received": 0,
        "receipts": 1,
    }
    assert [session["delivered"] for session in await world.sessions()] == [1]
