"""The control interface, call by call: what each does, in JSON and CBOR, and who may make it."""

from __future__ import annotations

import json as standard_json
import logging
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings

from cometary.actors import Future
from cometary.config import Address
from cometary.doors.control.endpoint import PostEndpoint
from cometary.doors.control.shapes import PacketBody, SessionPackets
from cometary.errors import ProtocolError
from cometary.transport.codecs import Codec, cbor, json
from cometary.transport.http.hosts import names_this_machine
from tests.protocol.client import Answer, Comet, Connection, Recorder, World, serving
from tests.transport.wires.comet.test_bodies import mutated

CODECS = pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
SECRET = "the-secret-of-this-test"


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


# -- the calls -------------------------------------------------------------------------------------


@CODECS
async def test_connect_update_and_disconnect(world: World, client: Comet, codec: Codec) -> None:
    async def call(path: str, body: object) -> Answer:
        answer = await world.control(path, body, codec=codec)
        assert answer.headers["content-type"] == codec.content_type.decode()
        assert answer.status == 200
        return answer

    connected = await call("/connect", {"sid": client.sid, "paths": ["news", "jobs/*"]})
    assert connected.body == {"paths": ["news", "jobs/*"]}
    assert (await call("/update", {"path": "news", "message": {"a": 1}})).body == {"updates": 1}
    array = [{"path": "jobs/7", "message": 2}, {"path": "sport"}, {"path": "news"}]
    assert (await call("/update", array)).body == {"updates": 3}
    assert await client.poll() == [{"a": 1}, 2, None]
    left = await call("/disconnect", {"sid": client.sid, "paths": ["news", "never"]})
    assert left.body == {"paths": ["jobs/*"]}
    await call("/update", [{"path": "news", "message": 3}, {"path": "jobs/8", "message": 4}])
    assert await client.poll() == [4]


@CODECS
async def test_send_and_kick(world: World, client: Comet, recorder: Recorder, codec: Codec) -> None:
    packets = [{"path": "a", "message": 1}, {"path": "b"}]
    answer = await world.control("/send", {"sid": client.sid, "packets": packets}, codec=codec)
    assert answer.body == {"packets": 2}
    assert await client.poll() == [1, None]
    held = await client.hold()
    assert (await world.control("/kick", {"sid": client.sid}, codec=codec)).body == {}
    assert (await held.answer()).body["reason"] == "kicked"
    assert recorder.ended == [("kicked", [])]


@CODECS
@pytest.mark.parametrize("path", ["/sessions", "/receipts", "/statistics", "/tree", "/healthz"])
async def test_what_is_looked_at_comes_in_the_preferred_encoding(
    control: Connection, path: str, codec: Codec
) -> None:
    answer = await control.get(path, b"Accept: " + codec.content_type)
    assert answer.headers["content-type"] == codec.content_type.decode()
    assert answer.status == 200
    assert answer.body == (await control.get(path)).body


async def test_bytes_reach_a_cbor_client_as_bytes(world: World) -> None:
    client = await world.open(cbor)
    packets = [{"path": "a", "message": b"\x00\xff"}]
    await world.control("/send", {"sid": client.sid, "packets": packets}, codec=cbor)
    assert await client.poll() == [b"\x00\xff"]


@pytest.mark.parametrize("body", [[], [{"path": "nobody/listens"}]])
async def test_updates_need_no_listener(world: World, body: list[object]) -> None:
    assert (await world.control("/update", body)).body == {"updates": len(body)}


async def test_only_back_ends_may_use_control_paths(world: World, client: Comet) -> None:
    await world.control("/send", {"sid": client.sid, "packets": [{"path": "::a", "message": 1}]})
    assert await client.poll() == [1]


async def test_connecting_twice_changes_nothing(world: World, client: Comet) -> None:
    for _ in range(2):
        answer = await world.control("/connect", {"sid": client.sid, "paths": ["a", "a"]})
        assert answer.body == {"paths": ["a"]}
    await world.control("/update", {"path": "a", "message": 1})
    assert await client.poll() == [1]


async def test_sessions_are_described_without_their_ids(
    world: World, client: Comet, recorder: Recorder
) -> None:
    recorder.sessions[0].connect("news")
    recorder.sessions[0].send("a", 1)
    await world.settle()
    [session] = await world.sessions()
    age = session.pop("age")
    assert 0 <= age < 60
    assert session == {
        "name": recorder.sessions[0].name,
        "user": None,
        "wire": "polling",
        "state": "have_packet",
        "queued": 1,
        "queued_bytes": len('{"path":"a","message":1}'),
        "unhandled": 0,
        "delivered": 0,
        "expired": 0,
        "dropped": 0,
        "paths": ["news"],
    }


async def test_the_tree_shows_what_runs_under_what(client: Comet, control: Connection) -> None:
    tree = (await control.get("/tree")).body
    members = {"id", "kind", "restart", "state", "restarts", "mailbox", "children"}
    assert members <= set(tree)
    assert [child["id"] for child in tree["children"]] == ["dispatcher", "control", "sessions", "front-end"]
    [session] = tree["children"][2]["children"]
    assert members <= set(session)
    assert session["state"] == "running"


async def test_healthz_says_ok(control: Connection) -> None:
    assert (await control.get("/healthz")).body == {"status": "ok"}


# -- errors ----------------------------------------------------------------------------------------

PACKETS = [{"path": "a", "message": 1}]
CALLS_ON_A_SESSION: dict[str, dict[str, object]] = {
    "/connect": {"paths": ["a"]},
    "/disconnect": {"paths": ["a"]},
    "/send": {"packets": PACKETS},
    "/kick": {},
}


@CODECS
@pytest.mark.parametrize("path", CALLS_ON_A_SESSION)
async def test_a_session_that_is_not_there_is_unknown(
    world: World, client: Comet, path: str, codec: Codec
) -> None:
    await client.ask(close=True)
    for sid in ("never", "", client.sid):
        answer = await world.control(path, {"sid": sid, **CALLS_ON_A_SESSION[path]}, codec=codec)
        assert answer.error == (404, "unknown-session")


WRONG: list[tuple[str, object]] = [
    ("/update", {}),
    ("/update", {"message": 1}),
    ("/update", {"path": 1}),
    ("/update", {"path": ""}),
    ("/update", {"path": "a\x00"}),
    ("/update", [{"path": "news", "message": 1}, {"path": ""}]),
    ("/update", [{"path": "news", "message": 1}, "news"]),
    ("/update", None),
    ("/update", "news"),
    ("/connect", {"paths": ["a"]}),
    ("/connect", {"sid": "{sid}"}),
    ("/connect", {"sid": "{sid}", "paths": "a"}),
    ("/connect", {"sid": "{sid}", "paths": ["a", 1]}),
    ("/connect", {"sid": "{sid}", "paths": ["new", "bad*"]}),
    ("/connect", {"sid": "{sid}", "paths": ["new", "**/bad"]}),
    ("/connect", {"sid": "{sid}", "paths": ["new", ""]}),
    ("/disconnect", {"sid": "{sid}", "paths": ["news", None]}),
    ("/send", {"sid": "{sid}"}),
    ("/send", {"sid": "{sid}", "packets": {"path": "a"}}),
    ("/send", {"sid": "{sid}", "packets": [*PACKETS, {"path": ""}]}),
    ("/send", {"sid": "{sid}", "packets": [*PACKETS, {}]}),
    ("/kick", {"sid": 1}),
    ("/kick", {}),
]


@CODECS
@pytest.mark.parametrize("call", WRONG)
async def test_nothing_of_a_wrong_call_takes_effect(
    world: World, client: Comet, recorder: Recorder, codec: Codec, call: tuple[str, object]
) -> None:
    recorder.sessions[0].connect("news")
    path, body = call
    filled_in = standard_json.loads(standard_json.dumps(body).replace("{sid}", client.sid))
    answer = await world.control(path, filled_in, codec=codec)
    assert answer.error == (400, "bad-request")
    assert recorder.sessions[0].paths == ["news"]
    await world.settle()
    assert [session["queued"] for session in await world.sessions()] == [0]


@pytest.mark.parametrize("body", [b"", b"{", b'{"path":"a","path":"b"}', b"\xff", b"[" * 10_000])
async def test_a_body_that_is_none_is_refused(control: Connection, body: bytes) -> None:
    assert (await control.ask(body, path="/update")).error == (400, "bad-request")


async def test_numbers_too_large_for_one_codec_are_no_failure_of_the_server(
    world: World, client: Comet, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"sid":"%b","packets":[{"path":"a","message":%b}]}' % (client.sid.encode(), b"9" * 30)
    answer = await world.control("/send", body)
    assert answer.status in (200, 400)
    assert caplog.records == []


async def test_other_paths_methods_and_types_are_refused(control: Connection) -> None:
    assert (await control.ask({}, path="/comet")).error == (404, "not-found")
    assert (await control.ask({}, path="/sessions")).error == (405, "method-not-allowed")
    assert (await control.get("/update")).error == (405, "method-not-allowed")
    await control.send({}, path="/update", content_type=b"text/html")
    assert (await control.answer()).error == (415, "unsupported-media-type")


# -- who may call ----------------------------------------------------------------------------------

ALL_CALLS = [*CALLS_ON_A_SESSION, "/update", "/sessions", "/tree", "/nothing"]


async def call_all(world: World, *headers: bytes) -> set[tuple[int, bytes]]:
    """Make every call; returns the different answers."""
    answers: set[tuple[int, bytes]] = set()
    for path in ALL_CALLS:
        connection = await world.connect(control=True)
        method = "GET" if path in ("/sessions", "/tree") else "POST"
        await connection.request(method, path, *headers, data=b"{}")
        answer = await connection.answer()
        answers.add((answer.status, answer.raw))
    return answers


@pytest.mark.parametrize(
    "given",
    [
        [],
        [b"Authorization: Bearer"],
        [b"Authorization: Bearer "],
        [b"Authorization: Bearer wrong"],
        [b"Authorization: Bearer " + SECRET[:-1].encode()],
        [b"Authorization: Bearer " + SECRET.encode() + b"x"],
        [b"Authorization: Bearer " + SECRET.upper().encode()],
        [b"Authorization: Basic " + SECRET.encode()],
        [b"Authorization: " + SECRET.encode()],
        [b"Authorization: Bearer \xff\xfe"],
    ],
    ids=range(10),
)
async def test_without_the_secret_every_call_gets_the_same_refusal(
    caplog: pytest.LogCaptureFixture, given: list[bytes]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(secret=SECRET) as world:
        answers = await call_all(world, *given)
        assert len(answers) == 1
        [(status, raw)] = answers
        assert status == 401
        assert b'"unauthorized"' in raw
        assert SECRET not in caplog.text


async def test_whether_it_lives_anybody_may_ask() -> None:
    async with serving(secret=SECRET) as world:
        connection = await world.connect(control=True)
        assert (await connection.get("/healthz")).body == {"status": "ok"}
        assert (await connection.get("/healthz/")).status == 401


async def test_with_the_secret_calls_are_taken_under_any_name() -> None:
    async with serving(secret=SECRET) as world:
        connection = await world.connect(control=True)
        host = b"Host: push.example"
        await connection.wire.send(
            b"GET /healthz HTTP/1.1\r\n%b\r\nAuthorization: Bearer %b\r\n\r\n" % (host, SECRET.encode())
        )
        assert (await connection.answer()).status == 200


@pytest.mark.parametrize(
    "host", [b"push.example", b"evil.example:8081", b"192.0.2.1", b"localhost.evil.example"]
)
async def test_without_a_secret_calls_are_taken_under_this_machines_name_only(
    world: World, host: bytes
) -> None:
    """A page of another site may have given its own name this machine's address."""
    connection = await world.connect(control=True)
    await connection.wire.send(b"GET /sessions HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
    assert (await connection.answer()).error == (403, "forbidden")


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        (b"localhost", True),
        (b"LOCALHOST:8081", True),
        (b"127.0.0.1", True),
        (b"127.0.0.1:8081", True),
        (b"127.1.2.3", True),
        (b"[::1]", True),
        (b"[::1]:8081", True),
        (b"", True),
        (b"192.0.2.1", False),
        (b"192.0.2.1:8081", False),
        (b"[2001:db8::1]:8081", False),
        (b"localhost.evil.example", False),
        (b"127.0.0.1.evil.example:8081", False),
        (b"evil.example", False),
        (b"\xff", False),
    ],
)
def test_which_names_are_this_machines(host: bytes, ours: bool) -> None:
    assert names_this_machine(host) is ours


async def test_a_web_page_may_not_call(world: World, client: Comet) -> None:
    answer = await world.control("/kick", {"sid": client.sid}, b"Origin: https://evil.example")
    assert answer.error == (403, "forbidden")
    assert len(await world.sessions()) == 1


async def test_the_two_interfaces_have_nothing_in_common(world: World) -> None:
    public = await world.connect()
    assert (await public.ask({"path": "a"}, path="/update")).error == (404, "not-found")
    assert Address("127.0.0.1", 0).is_loopback


# -- reading bodies --------------------------------------------------------------------------------

BACK_ENDS_WRITE = (
    '{"path":"news","message":"b:[c"}',
    '[{"path":"news","message":{"b":[1.5,null,"\\n"]}},{"path":"é","receipt":"r","ttl":1.5}]',
)
SENDS = ('{"sid":"s","packets":[{"path":"m","message":"b:[c"},{"path":"n"}]}',)


def read(type_: object, body: bytes, codec: Codec) -> object:
    """What becomes of a body: what the call is given, or the error."""
    endpoint = PostEndpoint(type_, lambda given: (Future(), given))
    try:
        return endpoint.read(body, codec)
    except ProtocolError as error:
        return error.condition


@settings(max_examples=200)
@given(mutated(BACK_ENDS_WRITE), mutated(SENDS))
def test_what_back_ends_write_and_whatever_is_like_it_is_read_as_the_strict_codec_reads_it(
    update: bytes, send: bytes
) -> None:
    for type_, body in ((PacketBody | list[PacketBody], update), (SessionPackets, send)):
        try:
            strictly = read(type_, cbor.encode(json.decode(body)), cbor)
        except ProtocolError as error:
            strictly = error.condition
        assert read(type_, body, json) == strictly
