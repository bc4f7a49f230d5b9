"""protocol.md, "Errors": each row of the table, and that an error changes nothing in the session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import Comet, Recorder, World, serving

JSON = b"Content-Type: application/json"


@dataclass
class Unharmed:
    """A session with a packet that waits and one that was sent, and what it looks like."""

    world: World
    recorder: Recorder
    client: Comet
    before: dict[str, object] = field(default_factory=dict[str, object])

    async def look(self) -> dict[str, object]:
        [session] = await self.world.sessions()
        session.pop("age")
        return session

    async def check(self) -> None:
        """The session is as it was, and its client can go on."""
        assert await self.look() == self.before
        assert self.recorder.packets == []
        assert await self.client.poll(ack=0) == ["sent"]
        self.recorder.sessions[0].send("a", "next")
        assert (await self.client.ask(ack=1)).packets == ["next"]


@pytest.fixture
async def session(world: World, recorder: Recorder) -> AsyncIterator[Unharmed]:
    client = await world.open()
    recorder.sessions[0].connect("news")
    recorder.sessions[0].send("a", "sent")
    assert await client.poll() == ["sent"]
    unharmed = Unharmed(world, recorder, client)
    client.ack = 0
    unharmed.before = await unharmed.look()
    yield unharmed
    await unharmed.check()


PACKET = {"path": "a", "message": 1}

WRONG: list[tuple[str, dict[str, object], tuple[int, str]]] = [
    ("no rid", {"rid": None}, (400, "bad-request")),
    ("rid of text", {"rid": "3"}, (400, "bad-request")),
    ("rid with a fraction", {"rid": 3.5}, (400, "bad-request")),
    ("rid that is true", {"rid": True}, (400, "bad-request")),
    ("rid of zero", {"rid": 0}, (400, "bad-request")),
    ("rid below zero", {"rid": -1}, (400, "bad-request")),
    ("rid too high", {"rid": 2**53}, (400, "bad-request")),
    ("ack of text", {"ack": "1"}, (400, "bad-request")),
    ("ack below zero", {"ack": -1}, (400, "bad-request")),
    ("ack of null", {"ack": None}, (400, "bad-request")),
    ("ack with a fraction", {"ack": 0.5}, (400, "bad-request")),
    ("packets that are no array", {"packets": PACKET}, (400, "bad-request")),
    ("packets of null", {"packets": None}, (400, "bad-request")),
    ("a packet that is no map", {"packets": ["a"]}, (400, "bad-request")),
    ("a packet without a path", {"packets": [PACKET, {"message": 1}]}, (400, "bad-request")),
    ("a path that is no text", {"packets": [PACKET, {"path": 1}]}, (400, "bad-request")),
    ("an empty path", {"packets": [PACKET, {"path": ""}]}, (400, "bad-request")),
    ("a path too long", {"packets": [PACKET, {"path": "x" * 1025}]}, (400, "bad-request")),
    ("a path too long in bytes", {"packets": [PACKET, {"path": "ü" * 513}]}, (400, "bad-request")),
    ("NUL in a path", {"packets": [PACKET, {"path": "a\x00b"}]}, (400, "bad-request")),
    ("a line break in a path", {"packets": [PACKET, {"path": "a\nb"}]}, (400, "bad-request")),
    ("a control path", {"packets": [PACKET, {"path": "::a"}]}, (400, "forbidden-path")),
    ("nothing but the control prefix", {"packets": [PACKET, {"path": "::"}]}, (400, "forbidden-path")),
    ("close of text", {"close": "true"}, (400, "bad-request")),
    ("close of one", {"close": 1}, (400, "bad-request")),
    ("sid that is no text", {"sid": 1}, (400, "bad-request")),
    ("sid of null", {"sid": None}, (400, "bad-request")),
    ("another version", {"version": 2}, (400, "bad-request")),
    ("a wait that is none", {"wait": "long"}, (400, "bad-request")),
    ("an ack of what was not sent", {"ack": 2}, (400, "bad-ack")),
    ("an unknown sid", {"sid": "x" * 24}, (404, "unknown-session")),
    ("a rid beyond the window", {"rid": 5}, (409, "rid-out-of-window")),
]


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
@pytest.mark.parametrize(("members", "error"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_a_wrong_member_is_refused_in_the_requests_own_encoding(
    session: Unharmed, codec: Codec, members: dict[str, object], error: tuple[int, str]
) -> None:
    connection = await session.world.connect(codec)
    body = session.client.body(packets=[PACKET], close=True)
    session.client.rid -= 1
    answer = await connection.ask({**body, **members})
    assert answer.error == error
    assert answer.headers["content-type"] == codec.content_type.decode()
    assert (await connection.ask({"rid": 1, "version": 9})).status == 400  # the connection is still good


NO_BODIES: dict[str, tuple[Codec, bytes]] = {
    "nothing": (json, b""),
    "no json": (json, b"hello"),
    "half of it": (json, b'{"rid": 1'),
    "more than it": (json, b'{"rid": 1} {}'),
    "an array": (json, b"[1]"),
    "a number": (json, b"1"),
    "null": (json, b"null"),
    "no members": (json, b"{}"),
    "the same key twice": (json, b'{"rid": 1, "rid": 2}'),
    "the same key twice by escapes": (json, b'{"rid": 1, "r\\u0069d": 2}'),
    "invalid utf-8": (json, b'{"rid": 1, "token": "\xff"}'),
    "a lone surrogate": (json, b'{"rid": 1, "token": "\\ud800"}'),
    "not a number": (json, b'{"rid": 1, "token": NaN}'),
    "utf-16": (json, '{"rid": 1}'.encode("utf-16")),
    "a byte order mark": (json, b'\xef\xbb\xbf{"rid": 1}'),
    "no cbor": (cbor, b"\xff"),
    "an array of cbor": (cbor, cbor.encode([1])),
    "cbor cut short": (cbor, cbor.encode({"rid": 1})[:-1]),
    "cbor with a tail": (cbor, cbor.encode({"rid": 1}) + b"\x00"),
    "a key that is no text": (cbor, cbor.encode({1: 1})),
    "a key twice in cbor": (cbor, b"\xa2\x63rid\x01\x63rid\x02"),
    "a text of lying length": (cbor, b"\xa1\x7b\xff\xff\xff\xff\xff\xff\xff\xffrid"),
    "bytes of lying length": (cbor, b"\xa2\x63rid\x01\x65token\x5a\x7f\xff\xff\xff"),
    "an array of lying length": (cbor, b"\xa2\x63rid\x01\x65token\x9b\x00\xff\xff\xff\xff\xff\xff\xff"),
    "a map of lying length": (cbor, b"\xbb\x00\xff\xff\xff\xff\xff\xff\xff\x63rid\x01"),
    "a tag": (cbor, b"\xa2\x63rid\x01\x65token\xc0\x60"),
    "json said to be cbor": (cbor, b'{"rid": 1}'),
    "cbor said to be json": (json, cbor.encode({"rid": 1})),
}


@pytest.mark.parametrize("name", NO_BODIES)
async def test_a_body_that_is_no_request_is_refused(session: Unharmed, name: str) -> None:
    codec, body = NO_BODIES[name]
    connection = await session.world.connect(codec)
    assert (await connection.ask(body)).error == (400, "bad-request")


def nested(depth: int, codec: Codec) -> bytes:
    """A request whose body is `depth` levels deep, written without recursion."""
    if codec is json:
        return b'{"rid":1,"token":%b%b}' % (b"[" * (depth - 1), b"]" * (depth - 1))
    return b"\xa2\x63rid\x01\x65token" + b"\x81" * (depth - 1) + b"\x00"


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
@pytest.mark.parametrize(("depth", "status"), [(64, 200), (65, 400), (10_000, 400), (30_000, 400)])
async def test_a_body_is_nested_64_levels_deep_at_most(
    world: World, codec: Codec, depth: int, status: int
) -> None:
    connection = await world.connect(codec)
    answer = await connection.ask(nested(depth, codec))
    assert answer.status == status
    if status != 200:
        assert answer.error == (400, "bad-request")


# -- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/comet/", "/comet/x", "/Comet", "/update", "/sessions", "/healthz"])
async def test_any_other_path_is_not_found(session: Unharmed, path: str) -> None:
    connection = await session.world.connect()
    assert (await connection.ask({"rid": 1}, path=path)).error == (404, "not-found")


async def test_the_path_of_the_endpoint_is_configurable() -> None:
    async with serving(comet="/push/v1") as world:
        connection = await world.connect()
        assert world.running.comet.endswith("/push/v1")
        assert (await connection.ask({"rid": 1}, path="/push/v1")).status == 200
        assert (await connection.ask({"rid": 1}, path="/push/v1?a=b")).status == 200
        assert (await connection.ask({"rid": 1})).error == (404, "not-found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_any_other_method_is_not_allowed(session: Unharmed, method: str) -> None:
    connection = await session.world.connect()
    await connection.request(method, "/comet", data=b"{}" if method in ("PUT", "PATCH") else None)
    answer = await connection.answer()
    assert answer.error == (405, "method-not-allowed")
    assert answer.headers["allow"] == ("post" if method == "GET" else "get, head, post")  # GET is for streams


async def test_a_body_needs_its_length(session: Unharmed) -> None:
    connection = await session.world.connect()
    await connection.request("POST", "/comet", JSON)
    assert (await connection.answer()).error == (411, "length-required")


async def test_a_body_may_be_chunked(world: World) -> None:
    connection = await world.connect()
    await connection.request("POST", "/comet", JSON, b"Transfer-Encoding: chunked")
    await connection.wire.send(b'4\r\n{"ri\r\n6\r\nd": 1}\r\n0\r\n\r\n')
    assert (await connection.answer()).status == 200


async def test_a_body_is_256_kib_at_most(session: Unharmed) -> None:
    connection = await session.world.connect()
    fits = b'{"rid":1,"token":"%b"}' % (b"x" * (256 * 1024 - 20))
    assert len(fits) == 256 * 1024
    await connection.request("POST", "/comet", JSON, b"Content-Length: %d" % (len(fits) + 1))
    assert (await connection.answer()).error == (413, "too-large")


async def test_a_body_of_exactly_256_kib_is_taken(world: World) -> None:
    client = await world.open()
    connection = await world.connect()
    begin = b'{"sid":"%b","rid":2,"close":true,"x":"' % client.sid.encode()
    fits = begin + b"x" * (256 * 1024 - len(begin) - 2) + b'"}'
    assert (await connection.ask(fits)).status == 200


async def test_a_body_that_opens_a_session_has_at_most_32_kib(world: World) -> None:
    connection = await world.connect()
    for more, status in ((0, 200), (1, 413)):
        fits = b'{"rid":1,"token":"%b"}' % (b"x" * (32 * 1024 - 20 + more))
        assert (await connection.ask(fits)).status == status


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/html",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data",
        b"application/json5",
        b"json",
    ],
)
async def test_other_media_types_are_not_supported(session: Unharmed, content_type: bytes) -> None:
    connection = await session.world.connect()
    await connection.send({"rid": 1}, content_type=content_type)
    assert (await connection.answer()).error == (415, "unsupported-media-type")


async def test_other_charsets_are_not_supported(session: Unharmed) -> None:
    connection = await session.world.connect()
    await connection.send({"rid": 1}, content_type=b"application/json; charset=latin-1")
    assert (await connection.answer()).error == (415, "unsupported-media-type")


async def test_headers_have_a_limit(session: Unharmed) -> None:
    connection = await session.world.connect()
    await connection.send({"rid": 1}, b"X: " + b"x" * 17_000)
    assert (await connection.answer()).error == (431, "headers-too-large")


MALFORMED: dict[str, bytes] = {
    "both lengths": b"POST /comet HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"POST /comet HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
    "a length that is none": b"POST /comet HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n",
    "no http": b"hello\r\n\r\n",
    "no host": b"POST /comet HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "a bad chunk": b"POST /comet HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "an over-long line": b"POST /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_http_is_answered_and_the_connection_closed(session: Unharmed, name: str) -> None:
    connection = await session.world.connect()
    await connection.wire.send(MALFORMED[name])
    answer = await connection.answer()
    assert answer.error == (400, "bad-request")
    assert answer.headers["connection"] == "close"
    assert await connection.wire.closed()


# -- Retry-After -----------------------------------------------------------------------------------


async def test_only_errors_that_pass_say_when_to_try_again(session: Unharmed) -> None:
    for body in ({"rid": 0}, session.client.body(sid="x"), session.client.body(rid=99)):
        assert "retry-after" not in (await session.client.connection.ask(body)).headers
    session.client.rid = 2


# -- cross-origin ----------------------------------------------------------------------------------

PAGE = b"Origin: https://shop.example"
PREFLIGHT = (PAGE, b"Access-Control-Request-Method: POST", b"Access-Control-Request-Headers: content-type")
ALLOWED = ("https://shop.example",)


async def test_a_preflight_from_a_configured_origin_is_answered() -> None:
    async with serving(origins=ALLOWED) as world:
        connection = await world.connect()
        await connection.request("OPTIONS", "/comet", *PREFLIGHT)
        answer = await connection.answer()
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert "post" in answer.headers["access-control-allow-methods"]
        assert "content-type" in answer.headers["access-control-allow-headers"]
        assert "origin" in answer.headers["vary"]


async def test_a_page_of_a_configured_origin_may_read_answers_and_errors() -> None:
    async with serving(origins=ALLOWED) as world:
        connection = await world.connect()
        for body in ({"rid": 1}, {"rid": 0}):
            answer = await connection.ask(body, PAGE)
            assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_a_held_answer_may_be_read_too(recorder: Recorder) -> None:
    async with serving(recorder.app, origins=ALLOWED) as world:
        client = await world.open()
        connection = await world.connect()
        await connection.send(client.body(), PAGE)
        await world.settle()
        recorder.sessions[0].send("a", 1)
        answer = await connection.answer()
        assert answer.packets == [1]
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"https://shop.example.evil.example"])
async def test_a_page_of_another_origin_is_refused_before_anything_happens(
    session: Unharmed, origin: bytes
) -> None:
    connection = await session.world.connect()
    body = session.client.body(("a", 1), close=True)
    session.client.rid -= 1
    answer = await connection.ask(body, b"Origin: " + origin)
    assert answer.error == (403, "forbidden")
    assert "access-control-allow-origin" not in answer.headers
    await connection.request("OPTIONS", "/comet", b"Origin: " + origin, *PREFLIGHT[1:])
    assert (await connection.answer()).error == (403, "forbidden")


async def test_a_page_of_the_server_itself_needs_no_permission(world: World) -> None:
    connection = await world.connect()
    assert (await connection.ask({"rid": 1}, b"Origin: http://127.0.0.1")).status == 200
