"""WebSockets at the comet endpoint: handshake, first frame, frames that are wrong, closing.

What they have in common with other wires is in `tests/conformance`.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import trio
from trio.testing import MockClock
from websockets.exceptions import InvalidHandshake
from websockets.protocol import State

from cometary.app import App
from cometary.sessions import Admission, Packet
from cometary.transport.wires.websocket.bodies import FORMS, Form
from cometary.transport.wires.websocket.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame
from tests.protocol.client import Recorder, World, serving
from tests.protocol.sockets import ClosedError, Socket, connected
from tests.transport.wires.websocket.test_frames import sent

HANDSHAKE = (
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Protocol: cometary.1",
)
IN = pytest.mark.parametrize("subprotocol", ["cometary.1", "cometary.1.cbor"])


async def opened(world: World, subprotocol: str = "cometary.1", **members: object) -> Socket:
    """A WebSocket with a session of its own."""
    socket = await connected(world, subprotocol)
    await socket.send({"rid": 1, **members})
    socket.sid = (await socket.body())["sid"]
    assert await socket.body() == {"seq": 1, "packets": []}
    return socket


async def raw(world: World, *data: bytes) -> Socket:
    """One that has sent these bytes."""
    socket = await connected(world)
    for piece in data:
        await socket.connection.wire.send(piece)
    return socket


async def state(world: World) -> str:
    [session] = await world.sessions()
    return str(session["state"])


# -- the handshake ----------------------------------------------------------------------------------


async def shake_hands(
    world: World, *headers: bytes, without: bytes = b"-"
) -> tuple[int, dict[str, str], Any]:
    connection = await world.connect()
    lines = [line for line in HANDSHAKE if not line.lower().startswith(without.lower())]
    await connection.request("GET", "/comet", *lines, *headers)
    response = await connection.wire.response()
    return response.status, response.headers, response.body


@IN
async def test_the_client_may_choose_its_encoding(world: World, subprotocol: str) -> None:
    socket = await connected(world, subprotocol)
    assert socket.protocol.subprotocol == subprotocol
    assert socket.protocol.state is State.OPEN


async def test_a_protocol_that_nobody_speaks_is_refused(world: World) -> None:
    status, _, body = await shake_hands(world, b"Sec-WebSocket-Protocol: chat", without=b"Sec-WebSocket-P")
    assert status == 400
    assert b"bad-request" in body
    assert (await shake_hands(world, without=b"Sec-WebSocket-P"))[0] == 400


@pytest.mark.parametrize("missing", [b"Upgrade", b"Connection"])
async def test_an_upgrade_that_a_proxy_has_taken_out_is_said_to_be_missing(
    world: World, missing: bytes
) -> None:
    status, headers, body = await shake_hands(world, without=missing)
    assert status in {400, 426}
    if missing == b"Upgrade":
        assert (status, headers["upgrade"]) == (426, "websocket")
        assert b"upgrade-required" in body


async def test_another_version_is_told_which_one_is_spoken(world: World) -> None:
    status, headers, _ = await shake_hands(world, b"Sec-WebSocket-Version: 8", without=b"Sec-WebSocket-V")
    assert (status, headers["sec-websocket-version"]) == (426, "13")


async def test_a_page_of_a_foreign_origin_gets_none(recorder: Recorder) -> None:
    async with serving(recorder.app, origins=["https://friend.example"]) as world:
        status, _, body = await shake_hands(world, b"Origin: https://stranger.example")
        assert status == 403
        assert b"forbidden" in body
        for origin in (b"https://friend.example", b"http://127.0.0.1"):
            assert (await shake_hands(world, b"Origin: " + origin))[0] == 101


async def test_a_name_that_is_not_the_servers_gets_none(recorder: Recorder) -> None:
    async with serving(recorder.app, hosts=["push.example.org"]) as world:
        connection = await world.connect()
        lines = b"".join(line + b"\r\n" for line in HANDSHAKE)
        await connection.wire.send(b"GET /comet HTTP/1.1\r\nHost: evil.example\r\n" + lines + b"\r\n")
        assert (await connection.wire.response()).status == 403


async def test_a_server_may_offer_none(recorder: Recorder) -> None:
    async with serving(recorder.app, wires=()) as world:
        with pytest.raises(InvalidHandshake):
            await connected(world)


async def test_what_comes_with_the_handshake_is_not_lost(world: World) -> None:
    connection = await world.connect()
    first = sent(TEXT, b'{"probe":1}') + sent(TEXT, b'{"rid":1}')
    await connection.wire.send(
        b"GET /comet HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        + b"".join(line + b"\r\n" for line in HANDSHAKE)
        + b"\r\n"
        + first
    )
    assert (await connection.wire.response()).status == 101
    await world.settle()
    assert b'\x81\x0b{"probe":1}\x81' in connection.wire._buffer or await connection.wire.read_some()
    connection.is_closed()
    assert b'{"probe":1}' in connection.wire._buffer
    assert b'"sid":' in connection.wire._buffer


# -- the first frame ----------------------------------------------------------------------------------


@IN
async def test_a_probe_comes_back_and_another_first_frame_follows(world: World, subprotocol: str) -> None:
    socket = await connected(world, subprotocol)
    for probe in ("ping", {"a": [1]}, None):
        await socket.send({"probe": probe})
        assert await socket.body() == {"probe": probe}
    assert await world.sessions() == []
    await socket.send({"rid": 1})
    assert (await socket.body())["version"] == 1


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({}, 4400),
        ({"ack": 1}, 4400),
        ({"rid": 0}, 4400),
        ({"rid": 1, "packets": [{"path": "a"}]}, 4400),
        ({"rid": 1, "version": 2}, 4400),
        ({"rid": 2**53 - 1}, 4400),
        ({"sid": "nobody", "ack": 0}, 4404),
        ({"sid": 7}, 4400),
        ([1], 4400),
    ],
)
async def test_a_first_frame_that_is_wrong_closes_the_connection(
    world: World, first: object, code: int
) -> None:
    socket = await connected(world)
    await socket.send(first)
    error = await socket.body()
    assert {"error", "detail"} <= set(error)
    assert await socket.closed() == code
    assert await world.sessions() == []


async def test_the_first_frame_has_ten_seconds(world: World, mock_clock: MockClock) -> None:
    socket = await connected(world)
    await world.pass_time(mock_clock, 9)
    await socket.send({"probe": 1})
    assert await socket.body() == {"probe": 1}
    await world.pass_time(mock_clock, 9)
    assert not socket.connection.is_closed()
    await world.pass_time(mock_clock, 2)
    assert socket.connection.is_closed()


async def test_the_first_frame_is_short(world: World) -> None:
    socket = await connected(world)
    await socket.send({"rid": 1, "token": "x" * 33_000})
    assert await socket.closed() == 1009


async def test_what_follows_the_first_frame_waits_for_its_answer(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async def judge(token: object) -> Admission:
        await trio.sleep(1)
        return Admission({"user": token})

    recorder.app.authenticate(judge)
    async with serving(recorder.app) as world:
        socket = await connected(world)
        await socket.send({"rid": 1, "token": "ada"})
        await socket.send({"rid": 2, "packets": [{"path": "a", "message": 1}]})
        await world.settle()
        assert (recorder.sessions, recorder.packets) == ([], [])
        await world.pass_time(mock_clock, 2)
        assert (await socket.body())["sid"]
        assert recorder.packets == [("a", 1)]
        again = await connected(world)
        await again.send({"sid": recorder.sessions[0].sid, "ack": 0, "token": "ada"})
        await again.send({"rid": 3, "packets": [{"path": "a", "message": 2}]})
        await world.settle()
        assert recorder.packets == [("a", 1)]
        await world.pass_time(mock_clock, 2)
        assert recorder.packets == [("a", 1), ("a", 2)]


async def test_nothing_comes_of_an_opening_whose_client_has_gone(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async def judge(token: object) -> bool:
        await trio.sleep(1)
        return True

    recorder.app.authenticate(judge)
    async with serving(recorder.app) as world:
        socket = await connected(world)
        await socket.send({"rid": 1})
        await world.settle()
        socket.connection.wire.reset()
        await world.pass_time(mock_clock, 2)
        assert recorder.sessions == []


# -- frames of a session ------------------------------------------------------------------------------


@IN
async def test_a_message_in_fragments_or_in_any_pieces_is_the_same(
    world: World, recorder: Recorder, subprotocol: str
) -> None:
    socket = await opened(world, subprotocol)
    opcode = TEXT if subprotocol == "cometary.1" else BINARY
    payload = socket.codec.encode({"rid": 2, "packets": [{"path": "a", "message": "ü" * 100}]})
    parts = [payload[:7], payload[7:150], payload[150:]]
    data = (
        sent(opcode, parts[0], fin=False)
        + sent(CONTINUATION, parts[1], fin=False)
        + sent(PING, b"in between")
        + sent(CONTINUATION, parts[2])
    )
    for byte in data:
        await socket.connection.wire.send(bytes([byte]))
    await world.settle()
    assert recorder.packets == [("a", "ü" * 100)]
    socket.look()
    assert socket.next() is None


async def test_many_frames_that_come_at_once_are_handled_in_order(world: World, recorder: Recorder) -> None:
    socket = await opened(world)
    bodies = [b'{"rid":%d,"packets":[{"path":"a","message":%d}]}' % (n, n) for n in range(2, 902)]
    await socket.connection.wire.send(b"".join(sent(TEXT, body) for body in bodies))
    await world.settle()
    assert recorder.packets == [("a", n) for n in range(2, 902)]


async def test_many_frames_that_come_at_once_are_handled_in_turns_with_those_of_others(
    world: World, recorder: Recorder
) -> None:
    flood, other = await opened(world), await opened(world)
    bodies = [b'{"rid":%d,"packets":[{"path":"a"}]}' % rid for rid in range(2, 602)]
    await flood.connection.wire.send(sent(PING, b"") * 1_000 + b"".join(sent(TEXT, body) for body in bodies))
    await other.send({"rid": 2, "packets": [{"path": "b"}]})
    await world.settle()
    assert recorder.packets.index(("b", None)) < 500
    assert len(recorder.packets) == 601


async def test_a_confirmation_comes_before_the_next_frame_or_within_a_second_or_so(
    world: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    socket = await opened(world)
    for rid in (2, 3):
        await socket.send({"rid": rid, "packets": [{"path": "a"}]})
        await world.settle()
    recorder.sessions[0].send("news", 1)
    assert await socket.body() == {"rid": 3}
    assert await socket.body() == {"packets": [{"path": "news", "message": 1}]}
    await socket.send({"rid": 4, "packets": [{"path": "a"}]})
    await world.pass_time(mock_clock, 2)
    assert await socket.body() == {"rid": 4}
    await world.pass_time(mock_clock, 10)
    socket.look()
    assert socket.next() is None


async def test_a_broadcast_is_the_same_frame_for_everybody(world: World, recorder: Recorder) -> None:
    sockets = [await opened(world) for _ in range(5)]
    for session in recorder.sessions:
        session.connect("news")
    recorder.app.update("news", "all")
    for socket in sockets:
        assert await socket.body() == {"packets": [{"path": "news", "message": "all"}]}


@pytest.mark.parametrize("form", FORMS.values())
def test_the_frame_of_a_packet_that_follows_on_is_written_once(form: Form) -> None:
    packet = Packet("news", "all")
    written = [form.carry(number, [packet], follows=True) for number in (1, 7)]
    assert written[0] is written[1]


@pytest.mark.parametrize(
    ("body", "condition"),
    [
        (b'{"rid":2,"packets":[{"path":"::token"}]}', "forbidden-path"),
        (b'{"rid":2,"packets":[{"path":""}]}', "bad-request"),
        (b'{"rid":2,"packets":[{"path":"a","path":"b"}]}', "bad-request"),
        (b'{"rid":2,"packets":[{"path":"a","message":' + b"[" * 70 + b"]" * 70 + b"}]}", "bad-request"),
        (b'{"rid":2,"packets":7}', "bad-request"),
        (b'{"rid":9,"packets":[]}', "rid-out-of-window"),
        (b'{"rid":2,"ack":5}', "bad-ack"),
    ],
)
async def test_what_is_wrong_with_a_request_is_told_with_its_rid_and_the_connection_goes_on(
    world: World, recorder: Recorder, body: bytes, condition: str
) -> None:
    socket = await opened(world)
    await socket.connection.wire.send(sent(TEXT, body))
    error = await socket.body()
    assert (error["error"], error.get("rid")) == (condition, 9 if b'"rid":9' in body else 2)
    await socket.send({"rid": 2, "packets": [{"path": "a"}]})
    await world.settle()
    assert recorder.packets == [("a", None)]
    assert await state(world) == "have_request"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 4400),
        (b"[]", 4400),
        (b'{"rid":2,"packets":[{"path":"a","message":NaN}]}', 4400),
        (b'{"packets":[{"path":"a"}]}', 4400),
        (b'{"token":"x"}', 4400),
        (b'{"close":true}', 4400),
        (b'{"ack":1,"ack":2}', 4400),
        (b'{"ack":-1}', 4400),
        (b'{"ack":7}', 4420),
    ],
)
async def test_what_is_wrong_with_no_request_closes_the_connection_and_the_session_waits(
    world: World, body: bytes, code: int
) -> None:
    socket = await opened(world)
    await socket.connection.wire.send(sent(TEXT, body))
    assert await socket.closed() == code
    await world.settle()
    assert await state(world) == "waiting"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (sent(BINARY, b"{}"), 1003),
        (sent(TEXT, b'{"ack":"\xff"}'), 1007),
        (sent(TEXT, b"{}", first=0x40), 1002),
        (frame(TEXT, b"{}"), 1002),
        (sent(CONTINUATION, b"{}"), 1002),
        (sent(TEXT, b"x" * 300_000)[:100], 1009),
        (sent(CLOSE, b"\x03\xed"), 1002),
    ],
    ids=["binary", "utf-8", "reserved", "unmasked", "continuation", "long", "code"],
)
async def test_what_is_no_frame_closes_the_connection_and_the_session_waits(
    world: World, data: bytes, code: int
) -> None:
    socket = await opened(world)
    await socket.connection.wire.send(data)
    assert await socket.closed() == code
    await world.settle()
    assert await state(world) == "waiting"


async def test_a_message_takes_as_long_as_it_gets_on(world: World, mock_clock: MockClock) -> None:
    socket = await opened(world)
    await socket.connection.wire.send(sent(TEXT, b"x" * 200_000)[:50])
    await world.pass_time(mock_clock, 8)
    await socket.connection.wire.send(b"x" * 6_000)
    await world.pass_time(mock_clock, 8)
    assert not socket.connection.is_closed()
    await world.pass_time(mock_clock, 12)
    assert socket.connection.is_closed()


# -- readers, writers -----------------------------------------------------------------------------------


async def test_who_asks_and_does_not_read_is_not_answered_for_ever(world: World) -> None:
    socket = await opened(world)
    sock = socket.connection.wire.stream.socket
    data = sent(PING, b"x" * 125) * 500
    total = 0
    while True:
        await world.settle()
        try:
            total += os.write(sock.fileno(), data)
        except BlockingIOError:
            break
        assert total < 100_000_000
    [session] = await world.sessions()
    assert session["state"] == "have_request"
    await socket.connection.wire.read_some()  # and who reads on is served on
    await world.settle()


@pytest.mark.parametrize("leave", ["close frame", "reset", "half-close"])
async def test_a_page_that_has_gone_leaves_its_session_waiting(world: World, leave: str) -> None:
    socket = await opened(world)
    if leave == "close frame":
        socket.protocol.send_close(1001)
        await socket.flush()
    elif leave == "reset":
        socket.connection.wire.reset()
    else:
        socket.connection.wire.half_close()
    await world.settle()
    assert await state(world) == "waiting"


async def test_a_close_is_answered_with_its_like(world: World) -> None:
    socket = await opened(world)
    socket.protocol.send_close(1001, "away")
    await socket.flush()
    assert await socket.closed() == 1001


async def test_who_does_not_answer_a_close_is_closed_on(
    world: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    socket = await opened(world)
    recorder.sessions[0].kick()
    await world.settle()
    assert not socket.connection.is_closed()
    await world.pass_time(mock_clock, 4)
    assert socket.connection.is_closed()
    socket.look()
    assert socket.close_code == 4014


async def test_another_carrier_releases_it(world: World) -> None:
    socket = await opened(world)
    other = await connected(world)
    await other.send({"sid": socket.sid, "ack": 0})
    assert await other.body() == {"seq": 1, "packets": []}
    assert await socket.closed() == 4001
    assert await state(world) == "have_request"


@pytest.mark.parametrize(("packets", "code"), [(0, 4014), (20, 4012)])
async def test_the_end_of_a_session_has_a_code(recorder: Recorder, packets: int, code: int) -> None:
    async with serving(recorder.app, queue_packets=5) as world:
        socket = await opened(world)
        for number in range(packets):
            recorder.sessions[0].send("a", number)
        recorder.sessions[0].kick()
        assert await socket.closed() == code


async def test_signs_of_life_that_bring_nothing_are_bounded(world: World) -> None:
    socket = await opened(world)
    for _ in range(30):
        await socket.send({"ack": 0})
    assert await socket.closed() == 4429
    assert await state(world) == "waiting"


async def test_packets_that_come_too_fast_are_told_when_to_come_again(recorder: Recorder) -> None:
    async with serving(recorder.app, packets_per_second=5, packet_burst=5) as world:
        socket = await opened(world)
        for rid in (2, 3):
            await socket.send({"rid": rid, "packets": [{"path": "a", "message": rid}] * 4})
        bodies = [await socket.body()]
        while "error" not in bodies[-1]:
            bodies.append(await socket.body())
        assert bodies[-1]["error"] == "too-many-requests"
        assert (bodies[-1]["rid"], bodies[-1]["retry_after"]) == (3, 1)
        assert recorder.packets == [("a", 2)] * 4


async def test_a_socket_without_a_session_keeps_no_server_from_stopping() -> None:
    async with serving(App()) as world:
        idle, session = await connected(world), await opened(world)
        world.running.stop()
        assert await session.closed() == 4015
        with pytest.raises(ClosedError):
            await idle.body()
