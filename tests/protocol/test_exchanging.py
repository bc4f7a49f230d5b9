"""protocol.md, "Exchanging": packets in both directions, numbers, acknowledgements, request ids."""

from __future__ import annotations

import json as standard_json
from functools import partial

import pytest
import trio.testing

from cometary.app import App
from cometary.errors import UsageError
from cometary.sessions import Session
from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import Comet, Recorder, World, serving

CODECS = pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])


@pytest.fixture
async def client(world: World) -> Comet:
    return await world.open()


@pytest.fixture
async def session(client: Comet, recorder: Recorder) -> Session:
    return recorder.sessions[0]


# -- bodies ----------------------------------------------------------------------------------------


@CODECS
async def test_packets_travel_in_both_directions(world: World, recorder: Recorder, codec: Codec) -> None:
    client = await world.open(codec)
    recorder.sessions[0].send("to/client", {"a": [1, 2.5, "ü", None, True]})
    answer = await client.ask(("to/server", {"b": [1, 2.5, "ü", None, True]}))
    assert recorder.packets == [("to/server", {"b": [1, 2.5, "ü", None, True]})]
    assert answer.body == {
        "seq": 1,
        "packets": [{"path": "to/client", "message": {"a": [1, 2.5, "ü", None, True]}}],
    }
    assert answer.headers["content-type"] == codec.content_type.decode()


async def test_cbor_carries_byte_strings(world: World, recorder: Recorder) -> None:
    client = await world.open(cbor)
    recorder.sessions[0].send("picture", b"\x89PNG")
    assert await client.poll(("upload", b"\x00\xff")) == [b"\x89PNG"]
    assert recorder.packets == [("upload", b"\x00\xff")]


async def test_a_session_may_change_its_codec_from_request_to_request(
    world: World, client: Comet, session: Session
) -> None:
    session.send("a", b"bytes")
    as_cbor = await world.connect(cbor)
    answer = await as_cbor.ask(client.body())
    assert answer.packets == [b"bytes"]
    answer = await client.ask()
    assert answer.packets == ["Ynl0ZXM="]


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/plain",
        b"text/plain;charset=UTF-8",
        b"application/json; charset=utf-8",
        b"APPLICATION/JSON",
    ],
)
async def test_json_may_come_as_a_simple_request(
    world: World, recorder: Recorder, content_type: bytes
) -> None:
    """What `navigator.sendBeacon` and old pages can send, answered as JSON."""
    connection = await world.connect()
    await connection.send({"rid": 1}, content_type=content_type)
    answer = await connection.answer()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    closing = {"sid": answer.body["sid"], "rid": 2, "packets": [{"path": "bye"}], "close": True}
    await connection.send(closing, content_type=content_type)
    assert (await connection.answer()).body == {"packets": []}
    assert recorder.packets == [("bye", None)]


async def test_a_message_left_out_is_null(world: World, client: Comet, recorder: Recorder) -> None:
    await client.hold(packets=[{"path": "a"}, {"path": "b", "message": None}])
    assert recorder.packets == [("a", None), ("b", None)]


async def test_unknown_members_are_ignored(client: Comet, session: Session, recorder: Recorder) -> None:
    session.send("a", 1)
    packet = {"path": "a", "message": 1, "colour": "red"}
    assert await client.poll(packets=[packet], hue=0.5) == [1]
    assert recorder.packets == [("a", 1)]


async def test_the_body_is_compact_utf_8(client: Comet, session: Session) -> None:
    session.send("ü", "→")
    answer = await client.ask()
    assert answer.raw == '{"seq":1,"packets":[{"path":"ü","message":"→"}]}'.encode()


# -- holding ---------------------------------------------------------------------------------------


async def test_a_request_is_held_until_a_packet_comes(world: World, client: Comet, session: Session) -> None:
    held = await client.hold()
    assert [each["state"] for each in await world.sessions()] == ["have_request"]
    session.send("a", "now")
    assert await client.receive(held) == ["now"]
    await world.settle()
    assert [each["state"] for each in await world.sessions()] == ["waiting"]


async def test_packets_that_wait_go_at_once(client: Comet, session: Session) -> None:
    for number in range(5):
        session.send("a", number)
    assert await client.poll() == [0, 1, 2, 3, 4]


async def test_a_second_request_releases_the_first(client: Comet, session: Session) -> None:
    first = await client.hold()
    second = await client.hold()
    answer = await first.answer()
    assert (answer.status, answer.body) == (200, {"packets": []})
    session.send("a", 1)
    assert await client.receive(second) == [1]


async def test_a_client_may_send_at_any_moment_on_its_second_connection(
    client: Comet, recorder: Recorder
) -> None:
    held = await client.hold()
    for number in range(3):
        newer = await client.hold(("a", number))
        assert await client.receive(held) == []
        held = newer
    assert recorder.packets == [("a", 0), ("a", 1), ("a", 2)]


async def test_packets_of_one_request_are_handed_over_in_order(client: Comet, recorder: Recorder) -> None:
    await client.hold(*[("a", number) for number in range(256)])
    assert recorder.packets == [("a", number) for number in range(256)]


async def test_what_a_handler_sends_back_goes_out_at_once(client: Comet, recorder: Recorder) -> None:
    @recorder.app.packet("echo")
    def echo(session: Session, path: str, message: object) -> None:
        session.send(path, message)

    held = await client.hold()
    await client.hold(("echo", "hello"))
    assert await client.receive(held) == ["hello"]


async def test_two_requests_on_one_connection_are_answered_in_order(
    world: World, client: Comet, session: Session
) -> None:
    connection = await world.connect()
    await connection.send(client.body())
    await connection.send(client.body())
    assert (await connection.answer()).packets == []
    session.send("a", 1)
    assert await client.receive(connection) == [1]


async def test_the_second_of_two_pipelined_requests_may_send(
    world: World, client: Comet, session: Session, recorder: Recorder
) -> None:
    connection = await world.connect()
    await connection.send(client.body(("a", 1)))
    await connection.send(client.body(("a", 2)))
    await world.settle()
    assert recorder.packets == [("a", 1), ("a", 2)]
    session.send("b", 3)
    assert (await connection.answer()).packets == []
    assert await client.receive(connection) == [3]


# -- seq and ack -----------------------------------------------------------------------------------


async def test_an_answer_numbers_its_packets_from_seq(client: Comet, session: Session) -> None:
    for number in (1, 2, 3):
        session.send("a", number)
    assert (await client.ask()).body["seq"] == 1
    session.send("a", 4)
    answer = await client.ask(ack=2)
    assert answer.body["seq"] == 3
    assert answer.packets == [3, 4]


async def test_an_empty_answer_has_no_seq(client: Comet) -> None:
    assert (await client.ask(close=True)).body == {"packets": []}


async def test_what_is_not_acknowledged_is_sent_again(client: Comet, session: Session) -> None:
    session.send("a", 1)
    for _ in range(3):
        assert (await client.ask(ack=0)).packets == [1]
    held = await client.hold(ack=1)
    session.send("a", 2)
    answer = await held.answer()
    assert (answer.body["seq"], answer.packets) == (2, [2])


async def test_an_ack_left_out_is_none(client: Comet, session: Session) -> None:
    session.send("a", 1)
    await client.ask()
    body = client.body()
    del body["ack"]
    assert (await client.connection.ask(body)).packets == [1]


async def test_a_lower_ack_is_ignored(client: Comet, session: Session) -> None:
    for number in (1, 2, 3):
        session.send("a", number)
    await client.ask()
    await client.hold(ack=3)
    session.send("a", 4)
    answer = await client.ask(ack=1)
    assert (answer.body["seq"], answer.packets) == (4, [4])


@pytest.mark.parametrize("ack", [1, 2, 2**53, 2**63, 10**100])
async def test_an_ack_of_what_was_never_sent_is_bad_and_changes_nothing(
    client: Comet, session: Session, recorder: Recorder, ack: int
) -> None:
    body = client.body(("a", "lost"), ack=ack, close=True)
    answer = await client.connection.ask(standard_json.dumps(body).encode())
    assert answer.error == (400, "bad-ack")
    client.rid -= 1
    session.send("a", 1)
    assert await client.poll() == [1]
    assert recorder.packets == []


async def test_what_waits_but_was_not_sent_cannot_be_acknowledged(client: Comet, session: Session) -> None:
    session.send("a", 1)
    assert (await client.ask(ack=1)).error == (400, "bad-ack")


# -- the response limit ----------------------------------------------------------------------------


async def test_an_answer_is_limited_and_the_rest_goes_with_the_next_one(recorder: Recorder) -> None:
    async with serving(recorder.app, response_bytes=1024) as world:
        client = await world.open()
        for number in range(5):
            recorder.sessions[0].send("a", f"{number}" * 400)
        lengths: list[int] = []
        while sum(lengths) < 5:
            lengths.append(len(await client.poll()))
        assert lengths == [2, 2, 1]


async def test_one_packet_always_goes_however_large(recorder: Recorder) -> None:
    async with serving(recorder.app, response_bytes=1024) as world:
        client = await world.open()
        recorder.sessions[0].send("a", "x" * 100_000)
        [message] = await client.poll()
        assert len(message) == 100_000


# -- request ids -----------------------------------------------------------------------------------


async def test_a_retry_after_a_lost_answer_gets_the_lost_packets(
    world: World, client: Comet, session: Session, recorder: Recorder
) -> None:
    body = client.body(("a", "once"))
    lost = await world.connect()
    await lost.send(body)
    await world.settle()
    session.send("b", "precious")
    await world.settle()
    lost.wire.reset()  # with the answer on its way
    again = await client.connection.ask(body)
    assert again.packets == ["precious"]
    assert recorder.packets == [("a", "once")]


async def test_a_retry_of_a_request_that_is_held_takes_its_place(client: Comet, session: Session) -> None:
    body = client.body()
    older = await client.world.connect()
    await older.send(body)
    await client.world.settle()
    await client.connection.send(body)
    assert (await older.answer()).packets == []
    session.send("a", 1)
    assert (await client.connection.answer()).packets == [1]


async def test_even_the_oldest_request_may_be_sent_again(client: Comet, session: Session) -> None:
    for number in range(10):
        session.send("a", number)
        await client.poll()
    session.send("a", "new")
    answer = await client.ask(rid=2)
    assert answer.packets == ["new"]


async def test_an_early_request_waits_for_the_one_before_it(
    world: World, client: Comet, session: Session, recorder: Recorder
) -> None:
    second, third = client.body(("a", 2)), client.body(("a", 3))
    early = await world.connect()
    await early.send(third)
    await world.settle()
    assert recorder.packets == []
    await client.connection.send(second)
    assert (await client.connection.answer()).packets == []  # released by the early one
    assert recorder.packets == [("a", 2), ("a", 3)]
    session.send("b", 4)
    assert (await early.answer()).packets == [4]


async def test_an_early_request_gets_an_error_after_wait_with_nothing_of_it_processed(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, die=300) as world:
        client = await world.open()
        second, third = client.body(("a", 2)), client.body(("a", 3))
        early = await world.connect()
        await early.send(third)
        await world.pass_time(mock_clock, 59)
        assert recorder.packets == []
        assert [session["state"] for session in await world.sessions()] == ["waiting"]
        await world.pass_time(mock_clock, 1)
        assert (await early.answer()).error == (409, "rid-out-of-window")
        await client.connection.send(second)
        await early.send(third)
        await world.settle()
        assert recorder.packets == [("a", 2), ("a", 3)]


@pytest.mark.parametrize("requests", [1, 2, 5])
async def test_the_window_is_as_wide_as_the_requests_that_are_allowed(
    recorder: Recorder, requests: int
) -> None:
    async with serving(recorder.app, requests=requests) as world:
        client = await world.open()
        outside = await client.hold(("a", 1), rid=2 + requests)
        assert (await outside.answer()).error == (409, "rid-out-of-window")
        client.rid = 1
        early = [await client.hold(("a", rid), rid=rid) for rid in range(1 + requests, 1, -1)]
        assert recorder.packets == [("a", rid) for rid in range(2, 2 + requests)]
        assert len(early) == requests


@pytest.mark.parametrize("rid", [99, 1, 103, 2**53 - 1])
async def test_a_rid_outside_the_window_changes_nothing(world: World, recorder: Recorder, rid: int) -> None:
    client = await world.open(rid=100)
    recorder.sessions[0].send("a", "kept")
    answer = await client.ask(("a", "lost"), rid=rid, close=True)
    assert answer.error == (409, "rid-out-of-window")
    client.rid = 100
    assert await client.poll() == ["kept"]
    assert recorder.packets == []


async def test_the_rid_counts_as_far_as_a_double_can(world: World, recorder: Recorder) -> None:
    client = await world.open(rid=2**53 - 1 - 2**20)
    for number in range(3):
        recorder.sessions[0].send("a", number)
        assert await client.poll() == [number]


# -- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["a", "a/b/c", "/", "ünï/→", "a b", ":", "a::b", ":a:", "x" * 1024])
async def test_any_other_path_is_fine(client: Comet, recorder: Recorder, path: str) -> None:
    await client.hold((path, 1))
    assert recorder.packets == [(path, 1)]


async def test_a_packet_that_the_application_takes_not_is_forbidden_and_none_of_its_request_is_taken() -> (
    None
):
    app = App()
    taken: list[object] = []

    @app.packet("chat/*")
    def chat(_session: Session, _path: str, message: object) -> None:
        taken.append(message)

    async with serving(app) as world:
        client = await world.open()
        answer = await client.ask(("chat/1", "a"), ("other", "b"))
        assert answer.error == (403, "forbidden")
        assert taken == []
        client.rid -= 1
        await client.hold(("chat/1", "c"))
        assert taken == ["c"]


async def test_without_an_application_every_packet_is_forbidden() -> None:
    async with serving() as world:
        client = await world.open()
        assert (await client.ask(("a", 1))).error == (403, "forbidden")


@pytest.mark.parametrize("codec", [json, cbor])
async def test_a_message_as_deep_as_any_may_be_reaches_clients_of_either_encoding(
    world: World, recorder: Recorder, codec: Codec
) -> None:
    client = await world.open(codec)
    deep = nested(61)
    recorder.sessions[0].send("a", deep)
    world.app.update("nobody", deep)
    assert await client.poll() == [deep]


@pytest.mark.parametrize("codec", [json, cbor])
@pytest.mark.parametrize("levels", [62, 970])
async def test_a_message_that_is_too_deep_is_refused_where_it_is_sent(
    world: World, recorder: Recorder, codec: Codec, levels: int
) -> None:
    client = await world.open(codec)
    session = recorder.sessions[0]
    for send in (
        session.send,
        world.app.update,
        partial(session.send, receipt="1"),
        partial(world.app.update, ttl=9),
    ):
        with pytest.raises(UsageError, match=r"deeper than 61 levels|cannot be encoded"):
            send("a", nested(levels))
    session.send("a", "[" * 10_000)
    assert await client.poll() == ["[" * 10_000]


def nested(levels: int) -> object:
    value: object = 1
    for level in range(levels):
        value = [value, ["\\"]] if level % 2 else {"a": value}
    return value
