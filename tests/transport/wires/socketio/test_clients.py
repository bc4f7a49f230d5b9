"""Socket.IO over real sockets: rules S of the protocol, each as a client sees it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from trio.testing import MockClock

from cometary.app import App
from cometary.errors import AskError, RefusedError
from cometary.sessions import Admission, Applicant, Authenticator, Session
from tests.protocol.client import Recorder, World, serving
from tests.transport.wires.socketio.talking import (
    SOCKETIO,
    Frames,
    Polling,
    asked,
    begun,
    framed,
    query,
    response_of,
)


@pytest.fixture
def recorder() -> Recorder:
    recorder = Recorder()
    recorder.app.namespace("/chat")
    return recorder


@pytest.fixture
async def world(recorder: Recorder, mock_clock: MockClock) -> AsyncIterator[World]:
    async with serving(recorder.app, **SOCKETIO) as world:
        yield world


# -- namespaces -----------------------------------------------------------------------------------


async def test_s1_a_client_is_in_no_namespace_until_it_connects(world: World, recorder: Recorder) -> None:
    socket = await begun(world)
    assert recorder.sessions == []
    told = await socket.connect()
    assert told == {"sid": recorder.sessions[0].name}


async def test_s1_each_namespace_is_a_session(world: World, recorder: Recorder) -> None:
    socket = await begun(world)
    await socket.connect()
    await socket.connect("/chat")
    main, chat = recorder.sessions
    main.send("a", 1)
    assert await socket.hear() == ['42["a",1]']
    for path, event in [("chat", "message"), ("chat/said", "said"), ("news", "news"), ("chatter", "chatter")]:
        chat.send(path, 2)
        assert await socket.hear() == [f'42/chat,["{event}",2]']
    await socket.say('42["message",1]')
    await socket.say('42/chat,["message",2]')
    await socket.say('42/chat,["said",3]')
    assert recorder.packets == [("message", 1), ("chat", 2), ("chat/said", 3)]
    assert (main.namespace, chat.namespace) == ("/", "/chat")


async def test_s1_a_namespace_that_there_is_not_is_refused(world: World) -> None:
    socket = await begun(world)
    await socket.say("40/random")
    assert await socket.hear() == ['44/random,{"message":"Invalid namespace"}']
    await socket.connect()


async def test_s1_who_leaves_a_namespace_stays_in_the_others(world: World, recorder: Recorder) -> None:
    socket = await begun(world)
    await socket.connect()
    await socket.connect("/chat")
    await socket.say('42/chat,["last"]')
    await socket.say("41/chat,")
    assert [reason for reason, _ in recorder.ended] == ["closed"]
    recorder.sessions[1].send("chat", "too late")
    await socket.say('42["a",1]')
    assert recorder.packets == [("chat/last", None), ("a", 1)]
    await socket.connect("/chat")
    assert len(recorder.sessions) == 3


async def test_s1_who_leaves_at_once_leaves_no_session_behind(world: World, recorder: Recorder) -> None:
    polling = await Polling(world).open()
    assert (await polling.post('40\x1e42["a",1]\x1e41')).body == b"ok"
    await world.settle()
    assert recorder.packets == [("a", 1)]
    assert [reason for reason, _ in recorder.ended] == ["closed"]


@pytest.mark.parametrize("packet", ['42/chat,["a"]', "41/chat,", "40", '44{"message":"no"}', "430[]x"])
async def test_s1_what_makes_no_sense_closes_the_connection(
    world: World, recorder: Recorder, packet: str
) -> None:
    socket = await begun(world)
    await socket.connect()
    await socket.say(packet)
    assert await socket.closed() == 1000
    assert [reason for reason, _ in recorder.ended] == ["closed"]


async def test_a_client_is_in_so_many_namespaces_at_most(mock_clock: MockClock) -> None:
    app = App()
    for number in range(25):
        app.namespace(f"/n{number}")
    async with serving(app) as world:
        socket = await begun(world)
        for number in range(20):
            await socket.connect(f"/n{number}")
        await socket.say("40/n20")
        [told] = await socket.hear()
        assert told.startswith("44/n20,")


# -- who is let in --------------------------------------------------------------------------------


RIGHT: list[object] = ["right", {"token": "right", "more": 1}]


async def test_the_application_says_who_is_let_in_and_to_which_namespace(mock_clock: MockClock) -> None:
    app, seen = App(), list[object]()

    @app.authenticate
    def admit(token: object) -> dict[str, object] | bool:
        seen.append(token)
        return {"user": "ada"} if token in RIGHT else False

    @app.namespace("/admin")
    async def admit_admin(token: object) -> bool:
        return token == "root"

    async with serving(app) as world:
        socket = await begun(world)
        await socket.connect(auth={"token": "right"})
        await socket.say("41")
        await socket.connect(auth={"token": "right", "more": 1})
        await socket.connect("/admin", {"token": "root"})
        for packet, namespace in [
            ('40/admin,{"token":"right"}', "/admin,"),
            ("40", ""),
            ('40{"token":1}', ""),
        ]:
            other = await begun(world)
            await other.say(packet)
            [told] = await other.hear()
            head, _, said = told.partition("{")
            assert head == f"44{namespace}"
            assert json.loads("{" + said)["data"]["error"] == "unauthorized"
            assert isinstance(json.loads("{" + said)["message"], str)
    assert seen == ["right", {"token": "right", "more": 1}, None, 1]


class Middleware(Authenticator):
    """Lets in who says the word in the query of its URL, and notes who has asked.

    Attributes:
        asked: all that have.
    """

    def __init__(self) -> None:
        self.asked: list[Applicant] = []

    def judge(self, applicant: Applicant) -> Admission | bool:
        self.asked.append(applicant)
        assert applicant.handshake is not None
        return applicant.handshake.query.get("word") == "sesame" and Admission({"user": "ada"}, 100)


@pytest.mark.parametrize("by_websocket", [True, False])
async def test_a_middleware_and_the_handlers_see_what_a_client_has_shown(
    recorder: Recorder, mock_clock: MockClock, *, by_websocket: bool
) -> None:
    middleware = recorder.app.authenticate(Middleware())
    more = "&word=%73esame&key=secret"
    async with serving(recorder.app, **SOCKETIO) as world:
        if by_websocket:
            socket = await framed(world, query("websocket", more=more), {"Cookie": "a=1", "X-Mine": "b"})
            await socket.hear()
            await socket.connect("/chat", {"name": "ada", "pid": "x", "offset": "0"})
        else:
            response = await asked(world, "GET", query("polling", more=more), b"Cookie: a=1", b"X-Mine: b")
            polling = Polling(world)
            polling.sid = json.loads(response.body[1:])["sid"]
            await polling.connect("/chat", {"name": "ada", "pid": "x", "offset": "0"})
        shown = recorder.sessions[0].handshake
        assert shown is not None
        assert shown is middleware.asked[0].handshake
        assert (shown.address, shown.auth) == (middleware.asked[0].address, {"name": "ada"})
        assert (shown.headers["cookie"], shown.headers["x-mine"]) == ("a=1", "b")
        transport = "websocket" if by_websocket else "polling"
        assert shown.query == {"EIO": "4", "transport": transport, "word": "sesame", "key": "secret"}
        assert "secret" not in f"{recorder.sessions[0]} {shown} {middleware.asked}"


async def test_a_middleware_says_who_is_not_let_in_by_what_it_has_shown(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    recorder.app.authenticate(Middleware())
    async with serving(recorder.app, **SOCKETIO) as world:
        socket = await framed(world, query("websocket", more="&word=open"))
        await socket.hear()
        await socket.say("40")
        [told] = await socket.hear()
        assert json.loads(told[2:])["data"]["error"] == "unauthorized"


async def test_who_brings_another_token_is_judged_by_what_it_has_shown_at_first(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    middleware = recorder.app.authenticate(Middleware())
    async with serving(recorder.app, socketio_ping_interval=3600, **SOCKETIO) as world:
        socket = await framed(world, query("websocket", more="&word=sesame"))
        await socket.hear()
        await socket.connect(auth={"token": "first", "more": 1})
        await socket.say('421["::token","second"]')
        assert await socket.hear() == ["431[]"]
        first, second = middleware.asked
        assert (first.token, second.token) == ({"token": "first", "more": 1}, "second")
        assert first.handshake is second.handshake


def user_for_seconds(token: object) -> Admission | bool:
    """A token is a user, and seconds."""
    user, _, seconds = str(token).partition(" ")
    return Admission({"user": user}, float(seconds)) if seconds else False


@asynccontextmanager
async def expiring(recorder: Recorder, **settings: Any) -> AsyncGenerator[World]:
    """A server whose sessions expire, and which does not ask for signs of life meanwhile."""
    recorder.app.authenticate(user_for_seconds)
    async with serving(recorder.app, socketio_ping_interval=3600, **settings, **SOCKETIO) as world:
        yield world


async def test_a_token_that_expires_is_renewed_by_an_event_or_the_session_ends(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with expiring(recorder) as world:
        socket = await begun(world)
        await socket.connect(auth={"token": "ada 100"})
        await world.pass_time(mock_clock, 70)
        [told] = await socket.hear()
        assert json.loads(told[2:]) == ["::token", {"expires": 30}]
        await socket.say('421["::token","bob 100"]')
        [told] = await socket.hear()
        assert told.startswith('431[{"error":"unauthorized","detail":')
        await socket.say('42["::token","bob 100"]')
        [told] = await socket.hear()
        assert told.startswith('42["::refused",{"path":"::token","error":"unauthorized","detail":')
        await socket.say('42["a",1]')
        await socket.say('422["::token",{"token":"ada 200"}]')
        assert await socket.hear() == ["432[]"]
        await world.pass_time(mock_clock, 160)
        assert (recorder.packets, recorder.ended) == ([("a", 1)], [])
        await world.pass_time(mock_clock, 50)
        assert [reason for reason, _ in recorder.ended] == ["kicked"]
        told, last = await socket.hear(2)
        assert (json.loads(told[2:]), last) == (["::token", {"expires": 30}], "41")


async def test_tokens_that_come_too_fast_are_put_off_and_judged_in_their_turn(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with expiring(recorder, opens_per_minute=3, trusted_proxies=("127.0.0.1",)) as world:
        socket = await framed(world, headers={"X-Forwarded-For": "192.0.2.1"})
        await socket.hear()
        await socket.connect(auth={"token": "ada 100"})
        for number in range(4):
            await socket.say(f'42{number}["::token","ada 20{number}"]')
        await socket.say('42["a",1]')
        assert await socket.hear(2) == ["430[]", "431[]"]
        assert recorder.packets == []
        await world.pass_time(mock_clock, 61)
        assert await socket.hear(2) == ["432[]", "433[]"]
        assert recorder.packets == [("a", 1)]


# -- events ---------------------------------------------------------------------------------------

SAID: list[tuple[str, Any]] = [
    ('["a"]', None),
    ('["a",null]', None),
    ('["a",1]', 1),
    ('["a",[1,2]]', [1, 2]),
    ('["a",1,"2",{"3":[true]}]', (1, "2", {"3": [True]})),
]


@pytest.mark.parametrize(("said", "message"), SAID)
async def test_an_event_s_arguments_are_the_message(
    world: World, recorder: Recorder, said: str, message: object
) -> None:
    socket = await begun(world)
    await socket.connect()
    await socket.say(f"42{said}")
    assert recorder.packets == [("a", message)]
    recorder.sessions[0].send("a", message)
    assert await socket.hear() == [f"42{said if message is not None else SAID[1][0]}"]


async def test_byte_strings_go_both_ways(world: World, recorder: Recorder) -> None:
    clients: list[Frames | Polling] = [await begun(world), await Polling(world).open()]
    for client in clients:
        recorder.packets.clear()
        await client.connect()
        said = '["a",{"_placeholder":true,"num":0},{"b":[{"_placeholder":true,"num":1}]}]'
        message = (b"\1\2\3", {"b": [b"\4"]})
        if isinstance(client, Frames):
            await client.say(f"452-{said}")
            await client.say(b"\1\2\3")
            await client.say(b"\4")
            recorder.sessions[-1].send("a", message)
            assert await client.hear(3) == [f"452-{said}", b"\1\2\3", b"\4"]
        else:
            await client.say(f"452-{said}\x1ebAQID\x1ebBA==")
            recorder.sessions[-1].send("a", message)
            assert await client.get() == f"452-{said}\x1ebAQID\x1ebBA=="
        assert recorder.packets == [("a", message)]


async def test_s5_too_many_attachments_close_the_connection(world: World) -> None:
    socket = await begun(world)
    await socket.connect()
    await socket.say('4511-["a"]')
    assert await socket.closed() == 1000


async def test_an_event_that_nobody_takes_is_nothing(mock_clock: MockClock) -> None:
    app, taken = App(), list[object]()

    @app.packet("known")
    def take(_session: Session, _path: str, message: object) -> None:
        taken.append(message)

    async with serving(app, **SOCKETIO) as world:
        client = await Polling(world).open()
        await client.connect()
        await client.say('42["unknown",1]\x1e42["known",2]\x1e42["::at",3]\x1e42["",4]\x1e42["known",5]')
    assert taken == [2, 5]


async def test_s6_rooms_are_paths_and_a_broadcast_may_leave_somebody_out(
    world: World, recorder: Recorder
) -> None:
    sockets = [await begun(world) for _ in range(3)]
    for socket in sockets:
        await socket.connect()
    first, second, _ = recorder.sessions
    first.connect("room")
    second.connect("room")
    recorder.app.update("room", 1)
    recorder.app.update("room", 2, exclude=first)
    recorder.app.update("room", 3)
    assert await sockets[0].hear(2) == ['42["room",1]', '42["room",3]']
    assert await sockets[1].hear(3) == ['42["room",1]', '42["room",2]', '42["room",3]']
    await sockets[2].say('42["::connect",{"paths":["room"]}]')
    [told] = await sockets[2].hear()
    assert json.loads(told[2:])[0] == "::refused"


# -- acknowledgements -----------------------------------------------------------------------------


async def test_s4_what_a_handler_returns_is_acknowledged_once(
    world: World, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    @recorder.app.packet("give/*")
    def give(_session: Session, path: str, message: Any) -> Any:
        if path == "give/refusal":
            raise RefusedError("Not today.", "forbidden")
        if path == "give/crash":
            raise ZeroDivisionError
        return message

    socket = await begun(world)
    await socket.connect()
    for said, told in [
        ('427["give/back",1]', "437[1]"),
        ('428["give/back",1,2]', "438[1,2]"),
        ('429["give/back"]', "439[]"),
        ('4210["give/refusal"]', '4310[{"error":"forbidden","detail":"Not today."}]'),
    ]:
        await socket.say(said)
        assert await socket.hear() == [told]
    await socket.say('451-11["give/back",{"_placeholder":true,"num":0}]')
    await socket.say(b"\1")
    assert await socket.hear(2) == ['461-11[{"_placeholder":true,"num":0}]', b"\1"]
    await socket.say('4212["give/crash"]')
    [told] = await socket.hear()
    assert told.startswith('4312[{"error":"internal-error"')
    assert "ZeroDivisionError" in caplog.text


async def test_s4_what_a_client_acknowledges_is_the_answer(
    world: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    answers: list[object] = []

    @recorder.app.packet("begin")
    async def ask(session: Session, _path: str, _message: object) -> None:
        try:
            answers.append(await session.ask("question", {"n": 1}, timeout=5))
        except AskError as error:
            answers.append(error.condition)

    socket = await begun(world)
    await socket.connect()
    for args, value in [("", None), ("1", 1), ("1,2", (1, 2))]:
        await socket.say('42["begin"]')
        [told] = await socket.hear()
        number = told[2 : told.index("[")]
        assert told == f'42{number}["question",{{"n":1}}]'
        await socket.say(f"43{number}[{args}]")
        await socket.say(f"43{number}[99]")
        assert answers.pop() == value
    await socket.say('42["begin"]')
    await world.pass_time(mock_clock, 5)
    assert answers == ["timeout"]


# -- the end --------------------------------------------------------------------------------------


async def test_who_is_kicked_is_told_and_the_connection_stays(world: World, recorder: Recorder) -> None:
    socket = await begun(world)
    await socket.connect()
    await socket.connect("/chat")
    recorder.sessions[1].kick()
    assert await socket.hear() == ["41/chat,"]
    await socket.say('42["a",1]')
    assert recorder.packets == [("a", 1)]


async def test_a_server_that_stops_closes_connections_so_that_clients_come_back(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app, **SOCKETIO) as world:
        socket = await begun(world)
        await socket.connect()
        world.running.stop()
        assert await socket.closed() == 1000
    assert [reason for reason, _ in recorder.ended] == ["shutdown"]


async def test_what_was_not_read_is_undelivered(world: World, recorder: Recorder) -> None:
    client = await Polling(world).open()
    await client.connect()
    recorder.sessions[0].send("a", 1)
    await world.settle()
    assert await client.get() == '42["a",1]'
    recorder.sessions[0].send("a", 2)
    await world.settle()
    assert await client.get() == '42["a",2]'  # which says that the first has arrived
    await client.say("1")
    assert recorder.ended == [("closed", [2])]


async def test_a_pong_says_what_has_arrived(world: World, recorder: Recorder, mock_clock: MockClock) -> None:
    socket = await begun(world)
    await socket.connect()
    recorder.sessions[0].send("a", 1)
    await world.pass_time(mock_clock, 25)
    recorder.sessions[0].send("a", 2)
    assert await socket.hear(3) == ['42["a",1]', "2", '42["a",2]']
    await socket.say("3")
    await socket.say("1")
    assert recorder.ended == [("closed", [2])]


# -- bounds ---------------------------------------------------------------------------------------


async def test_g9_who_is_sent_much_is_asked_for_signs_of_life_and_is_not_ended(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app, queue_packets=100, **SOCKETIO) as world:
        socket = await begun(world)
        await socket.connect()
        for number in range(1000):
            recorder.sessions[0].send("a", number)
            [told] = await socket.hear()
            if told == "2":
                await socket.say("3")
                [told] = await socket.hear()
            assert told == f'42["a",{number}]'
        assert recorder.ended == []


async def test_g9_who_does_not_read_is_ended(recorder: Recorder, mock_clock: MockClock) -> None:
    async with serving(recorder.app, queue_packets=100, **SOCKETIO) as world:
        client = await Polling(world).open()
        await client.connect()
        for number in range(250):
            recorder.sessions[0].send("a", "x" * 1000)
            if number % 10 == 0:
                await world.settle()
        await world.settle()
        assert [reason for reason, _ in recorder.ended] == ["overflow"]
        assert await client.is_over()


async def test_who_sends_too_fast_is_put_off_and_loses_nothing(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app, packets_per_second=10, packet_burst=20, **SOCKETIO) as world:
        socket = await begun(world)
        await socket.connect()
        for number in range(60):
            await socket.say(f'42["a",{number}]')
        assert len(recorder.packets) == 20
        for _ in range(10):
            await world.pass_time(mock_clock, 1)
        assert recorder.packets == [("a", number) for number in range(60)]


async def test_who_goes_on_sending_too_fast_is_not_read(recorder: Recorder, mock_clock: MockClock) -> None:
    async with serving(recorder.app, packets_per_second=10, packet_burst=20, **SOCKETIO) as world:
        client = await Polling(world).open()
        await client.connect()
        connection = await world.connect()
        payload = "\x1e".join(f'42["a",{number},"{"x" * 700}"]' for number in range(200))
        await connection.request("POST", query("polling", client.sid), data=payload.encode())
        await world.settle()
        assert not connection.is_closed()
        assert connection.wire.received == b""
        for _ in range(25):
            await world.pass_time(mock_clock, 1)
        assert (await response_of(connection)).body == b"ok"
        assert recorder.packets == [("a", (number, "x" * 700)) for number in range(200)]


# -- recovery -------------------------------------------------------------------------------------


@pytest.fixture
async def recovering(recorder: Recorder, mock_clock: MockClock) -> AsyncIterator[World]:
    async with serving(recorder.app, socketio_recovery="on", **SOCKETIO) as world:
        yield world


async def test_s3_who_comes_back_goes_on_with_exactly_what_it_lacks(
    recovering: World, recorder: Recorder
) -> None:
    socket = await begun(recovering)
    told = await socket.connect("/chat")
    [session] = recorder.sessions
    for number in range(3):
        session.send("chat", number)
    assert await socket.hear(3) == [f'42/chat,["message",{number},"{number + 1}"]' for number in range(3)]
    socket.connection.wire.reset()
    await recovering.settle()
    session.send("chat", b"\1")
    again = await begun(recovering)
    assert await again.connect("/chat", {"pid": told["pid"], "offset": "2"}) == told
    assert await again.hear(3) == [
        '42/chat,["message",2,"3"]',
        '451-/chat,["message",{"_placeholder":true,"num":0},"4"]',
        b"\1",
    ]
    await again.say('42/chat,["message","more"]')
    assert recorder.packets == [("chat", "more")]
    assert (len(recorder.sessions), recorder.ended) == (1, [])


@pytest.mark.parametrize(
    "auth",
    [
        {"pid": "nobody.at-all", "offset": "0"},
        {"pid": "nobody", "offset": "0"},
        {"pid": 7},
        {"offset": "3"},
        {"offset": "99"},
        {"offset": "x"},
        {"offset": 1},
        {"offset": "9" * 30},
    ],
)
async def test_s3_a_wrong_pid_or_offset_begins_anew(
    recovering: World, recorder: Recorder, auth: dict[str, object]
) -> None:
    socket = await begun(recovering)
    told = await socket.connect()
    socket.connection.wire.reset()
    again = await begun(recovering)
    fresh = await again.connect(auth={"pid": told["pid"], **auth})
    assert fresh["pid"] != told["pid"]
    assert len(recorder.sessions) == 2
    recorder.sessions[1].send("a", 1)
    assert await again.hear() == ['42["a",1,"1"]']


async def test_s3_who_stays_away_too_long_begins_anew(
    recovering: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    socket = await begun(recovering)
    told = await socket.connect()
    recorder.sessions[0].send("a", 1)
    socket.connection.wire.reset()
    await recovering.pass_time(mock_clock, 46)
    assert recorder.ended == [("timeout", [1])]
    again = await begun(recovering)
    assert (await again.connect(auth={"pid": told["pid"], "offset": "0"}))["pid"] != told["pid"]


async def test_s3_who_has_left_its_namespace_begins_anew(recovering: World, recorder: Recorder) -> None:
    socket = await begun(recovering)
    told = await socket.connect()
    await socket.say("41")
    assert (await socket.connect(auth={"pid": told["pid"], "offset": "0"}))["pid"] != told["pid"]
    assert [reason for reason, _ in recorder.ended] == ["closed"]


async def test_s3_one_pid_is_one_client_s_at_a_time(recovering: World, recorder: Recorder) -> None:
    socket = await begun(recovering)
    told = await socket.connect()
    again = await begun(recovering)
    assert await again.connect(auth={"pid": told["pid"], "offset": "0"}) == told
    assert await socket.hear() == ["41"]
    recorder.sessions[0].send("a", 1)
    assert await again.hear() == ['42["a",1,"1"]']


async def test_s3_without_recovery_nobody_is_told_what_to_come_back_with(
    world: World, recorder: Recorder
) -> None:
    socket = await begun(world)
    assert set(await socket.connect()) == {"sid"}
    socket.connection.wire.reset()
    await world.settle()
    assert recorder.ended == [("closed", [])]
