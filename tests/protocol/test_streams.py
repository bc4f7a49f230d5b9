"""Server-sent events and fetch streams: the same session, the same numbers, an answer without end."""

from __future__ import annotations

import pytest
import trio.testing

from cometary.app import App
from cometary.sessions import Session
from tests.protocol.client import Recorder, World, serving
from tests.protocol.streaming import ITEMS, LINES, SSE, Piece, Streamed, asked, attach, send

ALL = pytest.mark.parametrize("accept", [SSE, LINES, ITEMS])


async def state(world: World) -> str:
    [session] = await world.sessions()
    return str(session["state"])


@ALL
async def test_the_hello_comes_at_once_and_each_packet_as_it_is_sent(
    world: World, recorder: Recorder, accept: str
) -> None:
    client = await world.open()
    stream = await attach(world, accept, client)
    for message in ("one", {"two": [2]}, None):
        recorder.sessions[0].send("a", message)
        assert await stream.packets() == [message]
    assert await state(world) == "have_request"


@ALL
async def test_what_waited_comes_with_the_first_breath(world: World, recorder: Recorder, accept: str) -> None:
    client = await world.open()
    for number in range(3):
        recorder.sessions[0].send("a", number)
    stream = await attach(world, accept, client)
    assert await stream.packets(3) == [0, 1, 2]


@ALL
async def test_what_was_not_acknowledged_comes_again_on_the_next_stream_and_nothing_else(
    world: World, recorder: Recorder, accept: str
) -> None:
    client = await world.open()
    first = await attach(world, accept, client)
    for number in range(5):
        recorder.sessions[0].send("a", number)
    assert await first.packets(5) == [0, 1, 2, 3, 4]
    first.connection.wire.reset()
    await world.settle()
    recorder.sessions[0].send("a", 5)
    second = await attach(world, accept, client, ack=2)
    assert await second.packets(4) == [2, 3, 4, 5]


@ALL
async def test_a_send_beside_it_leaves_it_alone_and_acknowledges(
    world: World, recorder: Recorder, accept: str
) -> None:
    client = await world.open()
    stream = await attach(world, accept, client)
    recorder.sessions[0].send("a", "one")
    await stream.packets()
    await send(client, ("b", "up"), ack=1)
    assert recorder.packets == [("b", "up")]
    [session] = await world.sessions()
    assert (session["state"], session["queued"]) == ("have_request", 0)
    recorder.sessions[0].send("a", "two")
    assert await stream.packets() == ["two"]


async def test_a_send_beside_a_held_request_leaves_that_held(world: World, recorder: Recorder) -> None:
    client = await world.open()
    held = await client.hold()
    client.connection = await world.connect()
    await send(client, ("b", "up"))
    recorder.sessions[0].send("a", "one")
    assert await client.receive(held) == ["one"]


@ALL
async def test_a_poll_releases_it_and_it_releases_a_poll(
    world: World, recorder: Recorder, accept: str
) -> None:
    client = await world.open()
    held = await client.hold()
    stream = await attach(world, accept, client)
    assert await client.receive(held) == []
    other = await client.hold()
    assert await stream.end() == []
    recorder.sessions[0].send("a", "one")
    assert await client.receive(other) == ["one"]


async def test_each_stream_releases_the_one_before_it(world: World, recorder: Recorder) -> None:
    client = await world.open()
    streams = [await attach(world, accept, client) for accept in (SSE, LINES, ITEMS, SSE)]
    for stream in streams[:-1]:
        assert await stream.end() == []
    recorder.sessions[0].send("a", "one")
    assert await streams[-1].packets() == ["one"]


@ALL
async def test_the_connection_goes_on_when_it_is_released(world: World, accept: str) -> None:
    client = await world.open()
    stream = await attach(world, accept, client)
    client.connection = stream.connection
    await attach(world, accept, client)
    await stream.end()
    await send(client)


@ALL
async def test_when_it_drops_the_session_waits_for_the_next_for_so_long(
    recorder: Recorder, mock_clock: trio.testing.MockClock, accept: str
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        stream = await attach(world, accept, client)
        await world.pass_time(mock_clock, 20)
        stream.connection.wire.reset()
        await world.pass_time(mock_clock, 44.9)
        assert recorder.ended == []
        await world.pass_time(mock_clock, 0.2)
        assert recorder.ended == [("timeout", [])]


@ALL
async def test_a_client_that_says_no_more_has_left(world: World, recorder: Recorder, accept: str) -> None:
    client = await world.open()
    stream = await attach(world, accept, client)
    stream.connection.wire.half_close()
    await world.settle()
    assert await state(world) == "waiting"
    assert await stream.connection.wire.closed()


@ALL
async def test_a_beat_is_answered_by_a_send_and_who_is_silent_is_released(
    recorder: Recorder, mock_clock: trio.testing.MockClock, accept: str
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        stream = await attach(world, accept, client)
        beat = Piece({}, "comet" if accept == SSE else "")
        await world.pass_time(mock_clock, 25)
        assert await stream.piece() == beat
        await world.pass_time(mock_clock, 19)
        await send(client)
        await world.pass_time(mock_clock, 25)
        await world.pass_time(mock_clock, 25)
        assert await stream.piece() == beat
        await world.pass_time(mock_clock, 20.1)
        assert await stream.end() == []
        assert recorder.ended == []


@pytest.mark.parametrize("accept", [SSE, LINES])
async def test_errors_come_before_the_stream_begins(world: World, recorder: Recorder, accept: str) -> None:
    client = await world.open()
    for sid, ack, status, condition in [
        ("nobody", 0, 404, "unknown-session"),
        (client.sid, 7, 400, "bad-ack"),
    ]:
        stream = await asked(world, accept, sid, ack=ack)
        error = await stream.begin()
        assert (stream.head.status, error["error"]) == (status, condition)
    recorder.sessions[0].kick()
    await world.settle()
    stream = await asked(world, accept, client.sid)
    error = await stream.begin()
    assert (stream.head.status, error["error"], error["reason"]) == (410, "session-ended", "kicked")


@ALL
async def test_the_end_of_the_session_is_its_last_word(world: World, recorder: Recorder, accept: str) -> None:
    client = await world.open()
    stream = await attach(world, accept, client)
    recorder.sessions[0].send("a", "one")
    recorder.sessions[0].kick()
    await stream.packets()
    [last] = await stream.end()
    assert (last.body["error"], last.body["reason"]) == ("session-ended", "kicked")


@pytest.mark.parametrize("accept", [LINES, ITEMS, SSE])
async def test_a_session_may_be_opened_with_it(world: World, recorder: Recorder, accept: str) -> None:
    connection = await world.connect()
    await connection.send({"rid": 1}, b"Accept: " + accept.encode())
    stream = Streamed(connection, accept)
    assert await stream.begin() is None
    welcome = (await stream.piece()).body
    assert welcome["version"] == 1
    assert (await stream.piece()).body == {"seq": 1, "packets": []}
    stream._next = 1
    recorder.sessions[0].send("a", "one")
    assert await stream.packets() == ["one"]


@pytest.mark.parametrize(
    "members",
    [{"sid": 7}, {"ack": -1}, {"ack": "1"}, {"rid": 0}, {"rid": "2"}],
)
async def test_what_attaches_names_its_session_and_has_no_number_of_its_own(
    world: World, members: dict[str, object]
) -> None:
    client = await world.open()
    connection = await world.connect()
    answer = await connection.ask({"sid": client.sid, **members}, b"Accept: application/x-ndjson")
    assert answer.error == (400, "bad-request")


async def test_a_request_is_answered_as_one_whatever_it_accepts(world: World, recorder: Recorder) -> None:
    client = await world.open()
    recorder.sessions[0].send("a", "one")
    answer = await client.connection.ask(client.body(), b"Accept: application/x-ndjson")
    assert answer.packets == ["one"]


@pytest.mark.parametrize("value", [b"x", b"-1", b"1.5", b"9" * 30])
async def test_a_last_event_id_that_is_no_number_is_refused(world: World, value: bytes) -> None:
    client = await world.open()
    stream = await asked(world, SSE, client.sid, b"Last-Event-ID: " + value)
    assert (await stream.begin())["error"] == "bad-request"


async def test_the_id_of_a_session_is_never_in_the_url(world: World) -> None:
    client = await world.open()
    connection = await world.connect()
    answer = await connection.get(f"/comet?sid={client.sid}", b"Accept: text/event-stream")
    assert answer.error == (400, "bad-request")


async def test_a_get_that_wants_no_stream_is_refused(world: World) -> None:
    connection = await world.connect()
    answer = await connection.get("/comet", b"Accept: text/html, */*")
    assert (answer.error, answer.headers["allow"]) == ((405, "method-not-allowed"), "post")


async def test_head_gets_the_head_alone_and_leaves_the_carrier_alone(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    stream = await attach(world, SSE, client)
    connection = await world.connect()
    await connection.request(
        "HEAD", "/comet", b"Accept: text/event-stream", b"X-Comet-Session: " + client.sid.encode()
    )
    response = await connection.wire.response(to_head=True)
    assert (response.status, response.headers["content-type"]) == (200, SSE)
    assert (await connection.get("/comet")).status == 405
    recorder.sessions[0].send("a", "one")
    assert await stream.packets() == ["one"]


@ALL
async def test_http_1_0_reads_until_the_connection_ends(
    world: World, recorder: Recorder, accept: str
) -> None:
    client = await world.open()
    connection = await world.connect()
    sid, body = client.sid.encode(), b'{"sid":"%b"}' % client.sid.encode()
    head = b"Accept: %b\r\nX-Comet-Session: %b\r\n" % (accept.encode(), sid)
    if accept == SSE:
        await connection.wire.send(b"GET /comet HTTP/1.0\r\n%b\r\n" % head)
    else:
        await connection.wire.send(
            b"POST /comet HTTP/1.0\r\n%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        )
    stream = Streamed(connection, accept, chunked=False)
    assert await stream.begin() is None
    assert "transfer-encoding" not in stream.head.headers
    await stream.piece()
    stream._next = 1
    recorder.sessions[0].send("a", "one")
    assert await stream.packets() == ["one"]
    recorder.sessions[0].kick()
    assert [piece.body["reason"] for piece in await stream.end()] == ["kicked"]


async def test_a_page_of_a_foreign_origin_gets_no_stream_and_takes_no_carrier_away() -> None:
    recorder = Recorder()
    async with serving(recorder.app, origins=("https://good.example",)) as world:
        client = await world.open()
        stream = await attach(world, SSE, client, b"Origin: https://good.example")
        assert stream.head.headers["access-control-allow-origin"] == "https://good.example"
        foreign = await asked(world, SSE, client.sid, b"Origin: https://evil.example")
        assert (await foreign.begin())["error"] == "forbidden"
        recorder.sessions[0].send("a", "one")
        assert await stream.packets() == ["one"]
        connection = await world.connect()
        await connection.request(
            "OPTIONS",
            "/comet",
            b"Origin: https://good.example",
            b"Access-Control-Request-Method: GET",
            b"Access-Control-Request-Headers: x-comet-session",
        )
        response = await connection.wire.response(to_head=True)
        assert "x-comet-session" in response.headers["access-control-allow-headers"]


async def test_it_proves_what_its_session_is_bound_to(recorder: Recorder) -> None:
    async with serving(recorder.app, bind="cookie:login") as world:
        connection = await world.connect()
        sid = (await connection.ask({"rid": 1}, b"Cookie: login=me")).body["sid"]
        for accept in (SSE, LINES, ITEMS):
            stream = await asked(world, accept, sid, b"Cookie: login=you")
            await stream.connection.wire.read_some()
            assert b"HTTP/1.1 404 " in stream.connection.wire.received
            stream = await asked(world, accept, sid, b"Cookie: login=me")
            assert await stream.begin() is None


async def test_a_token_comes_with_it_as_with_any_request(recorder: Recorder) -> None:
    def is_mine(token: object) -> bool:
        return token == "me"

    recorder.app.authenticate(is_mine)
    async with serving(recorder.app, bind="token") as world:
        connection = await world.connect()
        sid = (await connection.ask({"rid": 1, "token": "me"})).body["sid"]
        for token, status in (("you", 404), ("me", 200)):
            events = await asked(world, SSE, sid, b"Authorization: Bearer " + token.encode())
            await events.begin()
            lines = await asked(world, LINES, sid, token=token)
            await lines.begin()
            assert (events.head.status, lines.head.status) == (status, status)


@ALL
async def test_a_reader_that_stops_is_no_carrier_and_the_rest_waits_in_the_session(
    recorder: Recorder, mock_clock: trio.testing.MockClock, accept: str
) -> None:
    async with serving(recorder.app, queue_packets=10_000, queue_bytes=2**27) as world:
        client = await world.open()
        stream = await attach(world, accept, client)
        sent = 0
        while await state(world) != "have_packet":
            recorder.sessions[0].send("a", [sent, "x" * 100_000])
            sent += 1
            await world.settle()
            assert sent < 200, "the kernel takes everything"
        recorder.sessions[0].send("a", [sent, "last"])
        assert [number for number, _ in await stream.packets(sent + 1)] == list(range(sent + 1))
        await world.settle()
        assert await state(world) == "have_request"


@ALL
async def test_contracts_apply_to_a_reader_that_stops(recorder: Recorder, accept: str) -> None:
    recorder.app.path("prices", when_full="conflate")
    async with serving(recorder.app, queue_bytes=2**27) as world:
        client = await world.open()
        recorder.sessions[0].connect("prices")
        stream = await attach(world, accept, client)
        for _ in range(30):
            recorder.sessions[0].send("a", "x" * 200_000)
        await world.settle()
        for number in range(100):
            recorder.app.update("prices", number)
        await world.settle()
        assert (await stream.packets(31))[-1] == 99


async def test_attaching_over_and_over_is_refused(mock_clock: trio.testing.MockClock, world: World) -> None:
    assert mock_clock.rate == 0, "all of it is in one second"
    client = await world.open()
    statuses: set[int] = set()
    for _ in range(30):
        stream = await asked(world, LINES, client.sid)
        await stream.begin()
        statuses.add(stream.head.status)
        stream.connection.wire.reset()
    assert statuses == {200, 429}


async def test_a_broadcast_is_the_same_line_for_everybody(recorder: Recorder) -> None:
    lines: list[bytes] = []
    async with serving(recorder.app) as world:
        streams: list[Streamed] = []
        for number in range(3):
            client = await world.open()
            recorder.sessions[number].connect("news")
            recorder.sessions[number].send("own", number) if number else None
            stream = await attach(world, LINES, client)
            if number:
                await stream.packets()
            streams.append(stream)
        recorder.app.update("news", "all")
        for stream in streams:
            await stream.connection.wire.read_some()
            lines.append(stream.connection.wire.received)
    assert len(set(lines)) == 1


async def test_a_stream_waits_for_its_turn_on_its_connection() -> None:
    app = App()
    sessions: list[Session] = []
    app.signon(sessions.append)
    async with serving(app) as world:
        client = await world.open()
        other = await world.open()
        connection = client.connection
        await connection.send(other.body())
        await connection.send({"sid": client.sid}, b"Accept: application/x-ndjson")
        await world.settle()
        sessions[0].send("a", "behind")
        await world.settle()
        sessions[1].send("a", "first")
        assert (await connection.answer()).packets == ["first"]
        stream = Streamed(connection, LINES)
        assert await stream.begin() is None
        await stream.piece()
        stream._next = 1
        assert await stream.packets() == ["behind"]
        sessions[0].send("a", "more")
        assert await stream.packets() == ["more"]


async def test_an_operator_may_offer_none(recorder: Recorder) -> None:
    async with serving(recorder.app, wires=("websocket",)) as world:
        client = await world.open()
        for accept, condition in ((SSE, "method-not-allowed"), (LINES, "bad-request")):
            stream = await asked(world, accept, client.sid)
            assert (await stream.begin())["error"] == condition
        connection = await world.connect()
        answer = await connection.ask({"rid": 1}, b"Accept: application/x-ndjson")
        assert answer.headers["content-type"] == "application/json"
