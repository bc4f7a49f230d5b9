"""Engine.IO over real sockets: rules E of the protocol, each as a client sees it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from cometary.app import App
from tests.protocol.client import Recorder, World, serving
from tests.protocol.sockets import ClosedError
from tests.transport.wires.socketio.talking import (
    PATH,
    SOCKETIO,
    Frames,
    Polling,
    asked,
    begun,
    code_of,
    framed,
    query,
    response_of,
)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(recorder: Recorder, mock_clock: MockClock) -> AsyncIterator[World]:
    async with serving(recorder.app, **SOCKETIO) as world:
        yield world


# -- the handshake --------------------------------------------------------------------------------


async def test_e1_a_client_is_told_what_it_may_expect(world: World) -> None:
    polling = await Polling(world).open()
    assert polling.welcome == {
        "sid": polling.sid,
        "upgrades": ["websocket"],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": 256 * 1024,
    }
    assert len(polling.sid) >= 22


async def test_e1_by_a_websocket_there_is_nothing_to_go_on_as(world: World) -> None:
    socket = await framed(world)
    [told] = await socket.hear()
    assert json.loads(told[1:])["upgrades"] == []


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", f"{PATH}?EIO=4", 0),
        ("GET", query("carrier-pigeon"), 0),
        ("GET", query("polling", "nobody"), 1),
        ("POST", query("polling"), 2),
        ("PUT", query("polling"), 2),
        ("HEAD", query("polling"), 2),
        ("GET", query("polling", version="3"), 5),
        ("GET", query("polling", version="abc"), 5),
        ("GET", f"{PATH}?transport=polling", 5),
        ("GET", query("polling", more="&j=0"), 3),
        ("GET", query("websocket"), 3),
        ("GET", query("polling", more="&a=1" * 40), 0),
    ],
)
async def test_e2_e7_what_is_wrong_has_its_code(world: World, method: str, target: str, code: int) -> None:
    connection = await world.connect()
    await connection.request(method, target, data=b"" if method in {"POST", "PUT"} else None)
    if method == "HEAD":
        response = await connection.wire.response(to_head=True)
        assert response.status == 400
    else:
        assert code_of(await response_of(connection)) == (400, code)


async def test_e9_a_huge_sid_is_none(world: World) -> None:
    assert code_of(await asked(world, "GET", query("polling", "x" * 3000))) == (400, 1)


async def test_pages_of_foreign_origins_get_no_connection(world: World) -> None:
    response = await asked(world, "GET", query("polling"), b"Origin: https://evil.example")
    assert response.status == 403


async def test_e8_pages_of_an_origin_that_is_allowed_do(recorder: Recorder, mock_clock: MockClock) -> None:
    async with serving(recorder.app, origins=("https://www.example.org",), **SOCKETIO) as world:
        response = await asked(world, "GET", query("polling"), b"Origin: https://www.example.org")
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == "https://www.example.org"


async def test_it_is_off_unless_it_is_asked_for(mock_clock: MockClock) -> None:
    async with serving(App()) as world:
        assert (await asked(world, "GET", query("polling"))).status == 404


# -- polling --------------------------------------------------------------------------------------


async def test_e4_packets_of_one_payload_are_taken_in_order(world: World, recorder: Recorder) -> None:
    polling = await Polling(world).open()
    await polling.connect()
    await polling.say("\x1e".join(f'42["a",{number}]' for number in range(300)))
    assert recorder.packets == [("a", number) for number in range(300)]


async def test_a_second_get_ends_the_connection(world: World) -> None:
    polling = await Polling(world).open()
    first = await polling.hold()
    assert code_of(await asked(world, "GET", query("polling", polling.sid))) == (400, 3)
    assert (await response_of(first)).body == b"1"
    assert await polling.is_over()


async def test_a_get_whose_client_goes_ends_the_connection(world: World, recorder: Recorder) -> None:
    polling = await Polling(world).open()
    await polling.connect()
    (await polling.hold()).wire.reset()
    await world.settle()
    assert await polling.is_over()
    assert [reason for reason, _ in recorder.ended] == ["closed"]


@pytest.mark.parametrize("body", ["abc", "", "4\x1e4", "2", "b!", "42[]", "4", "9"])
async def test_what_is_no_packet_ends_the_connection(world: World, body: str) -> None:
    polling = await Polling(world).open()
    assert code_of(await polling.post(body)) == (400, 3)
    assert await polling.is_over()


async def test_bytes_are_no_payload(world: World) -> None:
    polling = await Polling(world).open()
    assert code_of(await polling.post("3", b"Content-Type: application/octet-stream")) == (400, 3)


async def test_e3_more_than_may_be_sent_is_refused(recorder: Recorder, mock_clock: MockClock) -> None:
    async with serving(recorder.app, body_bytes=2000, **SOCKETIO) as world:
        polling = await Polling(world).open()
        assert polling.welcome["maxPayload"] == 2000
        assert (await polling.post("4" + "x" * 2000)).status == 413


async def test_who_says_that_it_goes_is_answered(world: World) -> None:
    polling = await Polling(world).open()
    held = await polling.hold()
    assert (await polling.post("1")).body == b"ok"
    assert (await response_of(held)).body == b"6"
    assert await polling.is_over()


# -- heart-beats ----------------------------------------------------------------------------------


async def test_who_answers_pings_stays(world: World, recorder: Recorder, mock_clock: MockClock) -> None:
    polling = await Polling(world).open()
    await polling.connect()
    for _ in range(5):
        held = await polling.hold()
        await world.pass_time(mock_clock, 25)
        assert (await response_of(held)).body == b"2"
        await world.pass_time(mock_clock, 19)
        await polling.say("3")
    assert recorder.ended == []


async def test_who_does_not_is_gone(world: World, recorder: Recorder, mock_clock: MockClock) -> None:
    polling = await Polling(world).open()
    await polling.connect()
    await world.pass_time(mock_clock, 25)
    await world.pass_time(mock_clock, 20)
    assert await polling.is_over()
    assert [reason for reason, _ in recorder.ended] == ["closed"]


async def test_the_same_by_a_websocket(world: World, recorder: Recorder, mock_clock: MockClock) -> None:
    socket = await begun(world)
    await socket.connect()
    for _ in range(3):
        await world.pass_time(mock_clock, 25)
        assert await socket.hear() == ["2"]
        await world.pass_time(mock_clock, 19)
        await socket.say("3")
    assert recorder.ended == []
    await world.pass_time(mock_clock, 25)
    await world.pass_time(mock_clock, 20)
    assert await socket.closed() == 1000
    assert [reason for reason, _ in recorder.ended] == ["closed"]


async def test_who_connects_to_nothing_is_closed(world: World, mock_clock: MockClock) -> None:
    socket = await begun(world)
    await world.pass_time(mock_clock, 25)
    await socket.say("3")
    await world.pass_time(mock_clock, 20)
    assert await socket.closed() == 1000


# -- WebSockets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["abc", "", "2", "4", "42[]", b"\1"])
async def test_what_is_no_packet_closes_a_websocket(world: World, data: str | bytes) -> None:
    socket = await begun(world)
    await socket.say(data)
    assert await socket.closed() == 1000


async def test_who_says_on_a_websocket_that_it_goes_is_closed(world: World) -> None:
    socket = await begun(world)
    await socket.say("1")
    assert await socket.closed() == 1000


async def upgrading(world: World, polling: Polling) -> Frames:
    socket = await framed(world, query("websocket", polling.sid))
    await socket.say("2probe")
    assert await socket.hear() == ["3probe"]
    return socket


async def test_e5_what_is_sent_while_it_goes_on_as_a_websocket_comes_once_and_in_order(
    world: World, recorder: Recorder
) -> None:
    polling = await Polling(world).open()
    await polling.connect()
    [session] = recorder.sessions
    held = await polling.hold()
    socket = await upgrading(world, polling)
    assert (await response_of(held)).body == b"6"
    session.send("a", 1)
    await world.settle()
    assert await polling.get() == '42["a",1]'
    session.send("a", 2)
    session.send("a", 3)
    await world.settle()
    await socket.say("5")
    session.send("a", 4)
    assert await socket.hear(3) == ['42["a",2]', '42["a",3]', '42["a",4]']
    assert code_of(await asked(world, "GET", query("polling", polling.sid))) == (400, 3)
    await socket.say('42["b",1]')
    assert recorder.packets == [("b", 1)]


async def test_while_it_is_tried_a_get_is_answered_at_once(world: World) -> None:
    polling = await Polling(world).open()
    await upgrading(world, polling)
    assert await polling.get() == "6"


async def test_e6_a_websocket_that_is_not_gone_on_as_is_closed_and_polling_goes_on(
    world: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    polling = await Polling(world).open()
    await polling.connect()
    socket = await upgrading(world, polling)
    for _ in range(12):
        await world.pass_time(mock_clock, 1)
    with pytest.raises(ClosedError):
        await socket.hear()
    await polling.say('42["a"]')
    assert recorder.packets == [("a", None)]
    again = await upgrading(world, polling)
    await again.say("5")
    await again.say('42["b"]')
    assert recorder.packets == [("a", None), ("b", None)]


async def test_one_websocket_is_tried_at_a_time_and_none_after_that(world: World) -> None:
    polling = await Polling(world).open()
    socket = await upgrading(world, polling)
    second = await framed(world, query("websocket", polling.sid))
    assert await second.closed() == 1000
    await socket.say("5")
    third = await framed(world, query("websocket", polling.sid))
    assert await third.closed() == 1000


@pytest.mark.parametrize("first", ["5", "2", "3probe", "4", "42[]", b"\1", "x"])
async def test_what_is_tried_says_only_that_it_is(world: World, first: str | bytes) -> None:
    polling = await Polling(world).open()
    socket = await framed(world, query("websocket", polling.sid))
    await socket.say(first)
    assert await socket.closed() == 1000
    assert not await polling_is_over(polling)


async def polling_is_over(polling: Polling) -> bool:
    return (await polling.post("3")).status != 200


async def test_a_server_that_stops_keeps_no_get(recorder: Recorder, mock_clock: MockClock) -> None:
    async with serving(recorder.app, **SOCKETIO) as world:
        polling = await Polling(world).open()
        await polling.connect()
        held = await polling.hold()
        world.running.stop()
        assert (await response_of(held)).body == b"1"
        await world.settle()
    assert [reason for reason, _ in recorder.ended] == ["shutdown"]
