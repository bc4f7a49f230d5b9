"""CSP over real sockets: rules C of the draft and its suite, each as a client sees it."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.sessions import Session
from cometary.transport.wires.csp.variables import SCRIPTS
from tests.protocol.client import Recorder, World, serving
from tests.transport.wires.csp.client import CSP, CspClient, Streaming, in_base64, response_of, said_in

OF_THIS_SITE = b"Referer: http://127.0.0.1/page"


@pytest.fixture(autouse=True)
def no_actor_crashes(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


@pytest.fixture
def recorder() -> Recorder:
    recorder = Recorder()

    @recorder.app.packet("echo")
    def echo(session: Session, path: str, message: object) -> None:
        session.send(path, message)

    return recorder


@pytest.fixture
async def world(recorder: Recorder, mock_clock: MockClock) -> AsyncIterator[World]:
    async with serving(recorder.app, **CSP) as world:
        yield world


@pytest.fixture
async def client(world: World) -> CspClient:
    return await CspClient(world).open()


async def opened(world: World, **variables: str) -> CspClient:
    return await CspClient(world, **variables).open()


# -- C1: what the draft's own suite asks for ----------------------------------------------------------


@pytest.mark.parametrize("data", [None, "", "{", "[]", "1", "null", '{"a":1,"a":2}'])
async def test_c1_a_handshake_without_an_object_is_refused(world: World, data: str | None) -> None:
    said = {} if data is None else {"d": data}
    response = await CspClient(world).ask("handshake", **said)
    assert response.status == 400


@pytest.mark.parametrize("data", ["{}", '{"version":1,"whatever":[1]}'])
async def test_c1_a_handshake_gives_a_key_by_get_and_by_post(world: World, data: str) -> None:
    keys: set[str] = set()
    for said in ({"d": data}, {"data": data}):
        response = await CspClient(world).ask("handshake", **said)
        assert response.status == 200
        assert response.headers["content-type"] == "text/html"
        assert response.body.startswith(b"(")
        assert response.body.endswith(b")")
        keys.add(json.loads(response.body[1:-1])["session"])
    assert len(keys) == 2


async def test_c1_a_duration_of_a_second_brings_an_empty_batch_behind_it(
    world: World, mock_clock: MockClock
) -> None:
    client = await opened(world)
    held = await client.comet(du="1")
    await world.pass_time(mock_clock, 0.9)
    assert held.wire.received == b""
    await world.pass_time(mock_clock, 0.2)
    assert (await response_of(held)).body == b"([])"


async def test_c1_by_default_a_comet_is_held_for_thirty_seconds(
    world: World, client: CspClient, mock_clock: MockClock
) -> None:
    held = await client.comet()
    await world.pass_time(mock_clock, 29)
    assert not held.is_closed()
    assert held.wire.received == b""
    await world.pass_time(mock_clock, 2)
    assert await client.hear(held) == []


async def test_c1_a_duration_of_nothing_is_polling(world: World, recorder: Recorder) -> None:
    client = await opened(world, du="0", **{"is": "1"})
    assert await client.poll() == []
    recorder.sessions[0].send("news", 1)
    recorder.sessions[0].send("news", 2)
    assert said_in(await client.poll()) == [1, 2]
    [session] = await world.sessions()
    assert (session["state"], session["wire"]) == ("waiting", "polling")


async def test_c1_a_stream_has_a_batch_for_each_of_three_sends(world: World, recorder: Recorder) -> None:
    client = await opened(world)
    stream = await Streaming(await client.comet(bs=";;;", du="5", **{"is": "1"})).begin()
    for number in range(3):
        await client.write(("echo", number))
        assert said_in(
            [json.dumps(json.loads(one)).encode() for one in client.take(await stream.chunk())]
        ) == [number]


async def test_c1_what_is_sent_comes_back(client: CspClient) -> None:
    await client.write(("echo", "hello"), ("echo", {"two": [2, None]}))
    assert said_in(await client.poll()) == ["hello", {"two": [2, None]}]


async def test_c1_a_request_without_a_key_is_refused_and_so_is_one_with_another(world: World) -> None:
    for action in ("comet", "send", "close"):
        assert (await CspClient(world).ask(action)).status == 400
        assert (await CspClient(world).ask(action, s="nobody")).status == 404


# -- C2: what was not acknowledged comes again ---------------------------------------------------------


async def test_c2_what_went_into_a_comet_that_broke_comes_with_the_next(
    world: World, client: CspClient, recorder: Recorder
) -> None:
    lost = await client.comet()
    recorder.sessions[0].send("news", 1)
    await world.settle()
    lost.wire.reset()
    await world.settle()
    recorder.sessions[0].send("news", 2)
    assert said_in(await client.poll()) == [1, 2]
    recorder.sessions[0].send("news", 3)
    assert said_in(await client.poll()) == [3]


async def test_c2_a_stream_that_breaks_loses_nothing(
    world: World, client: CspClient, recorder: Recorder
) -> None:
    lost = await client.comet(bs="\n", **{"is": "1"})
    for number in range(3):
        recorder.sessions[0].send("news", number)
    await world.settle()
    lost.wire.reset()
    await world.settle()
    stream = await Streaming(await client.comet()).begin()
    assert said_in(client.take(await stream.chunk())) == [0, 1, 2]


async def test_c2_an_acknowledgement_of_what_was_never_sent_is_refused(client: CspClient) -> None:
    assert (await client.ask("comet", a="7")).status == 400
    assert (await client.ask("comet", a="x")).status == 400


async def test_c2_a_send_acknowledges_as_well(client: CspClient, world: World, recorder: Recorder) -> None:
    recorder.sessions[0].send("news", 1, receipt="it")
    assert said_in(await client.poll()) == [1]
    assert (await client.ask("send")).body == b'("OK")'
    assert [one.outcome for one in world.running.receipts.read().receipts] == ["delivered"]


async def test_c2_a_stream_is_completed_before_a_queue_is_full_of_what_is_not_acknowledged(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app, queue_packets=20, **CSP) as world:
        client = await CspClient(world).open()
        for begin in range(0, 100, 10):
            stream = await Streaming(await client.comet(bs="\n", **{"is": "1"})).begin()
            for number in range(begin, begin + 10):
                recorder.sessions[0].send("news", number)
            await world.settle()
            while text := await stream.chunk():
                client.take(text)
        client.take(await (await Streaming(await client.comet()).begin()).chunk())
        assert said_in(client.read) == list(range(100))
        assert recorder.ended == []


# -- C3: what is sent twice is taken once ----------------------------------------------------------------


async def test_c3_what_is_sent_again_is_handed_over_once(client: CspClient, recorder: Recorder) -> None:
    await client.write(("a", 1), ("a", 2))
    client.sent = 0
    await client.write(("a", 1), ("a", 2), ("a", 3))
    client.sent = 2
    await client.write(("a", 3))
    assert recorder.packets == [("a", 1), ("a", 2), ("a", 3)]


async def test_c3_a_packet_that_is_missing_is_waited_for(client: CspClient, recorder: Recorder) -> None:
    client.sent = 1
    assert (await client.send('{"path":"a","message":2}')).status == 400
    client.sent = 0
    await client.write(("a", 1), ("a", 2))
    assert recorder.packets == [("a", 1), ("a", 2)]


async def test_c3_what_is_joined_and_cut_up_is_the_same(client: CspClient, recorder: Recorder) -> None:
    messages: list[object] = ["}{", 'x"\\', {"b": {}}, "ü"]
    joined = "\n ".join([json.dumps({"path": "a", "message": each}) for each in messages])
    await client.send(joined[:7], in_base64(joined[7:30].encode()))
    await client.send(*joined[30:])
    assert [message for _, message in recorder.packets] == messages


@pytest.mark.parametrize(
    "data",
    [
        "{",
        '[[1,2,"x"]]',
        '[[0,0,"x"]]',
        '[[1,0,"x"],[3,0,"y"]]',
        "[[1,0]]",
        '[[1,1,"!"]]',
        '[[1,0,null],[2,0,"x"]]',
        '[[1,0,"x"]]',
        '[[1,0,"{}"]]',
        r'[[1,0,"{\"path\":\"::token\"}"]]',
    ],
)
async def test_c3_what_is_no_batch_of_packets_is_refused_and_changes_nothing(
    client: CspClient, recorder: Recorder, data: str
) -> None:
    assert (await client.ask("send", data=data)).status == 400
    await client.write(("a", 1))
    assert recorder.packets == [("a", 1)]


async def test_c3_more_messages_than_a_request_may_have_are_taken_in_parts(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app, request_packets=2, **CSP) as world:
        client = await CspClient(world).open()
        await client.write(*[("a", number) for number in range(7)])
        end = client.batch(*[json.dumps({"path": "a", "message": number}) for number in (7, 8, 9)], [0, None])
        assert (await client.ask("send", data=end)).body == b'("OK")'
        await world.settle()
        assert [message for _, message in recorder.packets] == list(range(10))
        assert recorder.ended == [("closed", [])]


async def test_c3_what_was_taken_of_a_batch_before_it_was_refused_is_not_handed_over_again(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    limits: dict[str, Any] = {"request_packets": 2, "packets_per_second": 1, "packet_burst": 4}
    async with serving(recorder.app, **limits, **CSP) as world:
        client = await CspClient(world).open()
        said = [json.dumps({"path": "a", "message": number}) for number in range(7)]
        said[6:] = [said[6][:9]]
        assert (await client.send(*said)).status == 429
        assert [message for _, message in recorder.packets] == [0, 1, 2, 3]
        client.sent = 0  # a batch that is shorter than what was taken
        assert (await client.send(*said[:3])).status == 200
        await world.pass_time(mock_clock, 4)
        client.sent = 0
        assert (await client.send(*said)).status == 200
        await world.pass_time(mock_clock, 4)
        await client.send(json.dumps({"path": "a", "message": 6})[9:])
        assert [message for _, message in recorder.packets] == list(range(7))


# -- C4: one comet at a time ---------------------------------------------------------------------------


async def test_c4_a_second_comet_completes_the_first_which_gets_no_packets(
    world: World, client: CspClient, recorder: Recorder
) -> None:
    first = await client.comet()
    second = await client.comet()
    assert (await response_of(first)).body == b"([])"
    recorder.sessions[0].send("news", 1)
    assert said_in(await client.hear(second)) == [1]


async def test_c4_a_second_comet_ends_a_stream(client: CspClient, recorder: Recorder) -> None:
    first = await Streaming(await client.comet(**{"is": "1"})).begin()
    second = await Streaming(await client.comet()).begin()
    assert await first.chunk() == ""
    recorder.sessions[0].send("news", 1)
    assert said_in(client.take(await second.chunk())) == [1]


@pytest.mark.parametrize("streaming", ["0", "1"])
async def test_c4_a_packet_that_finds_its_comet_complete_comes_with_the_next(
    world: World, client: CspClient, recorder: Recorder, streaming: str
) -> None:
    held = await client.comet(**{"is": streaming})
    session = recorder.sessions[0]
    session.send("news", 1)
    stream: Any = session._keeper.machine.stream
    stream.complete()  # as when its duration is over before the session's actor has its turn
    await world.settle()
    assert (await response_of(held)).status == 200
    session.send("news", 2)
    assert said_in(await client.poll(**{"is": "0"})) == [1, 2]


async def test_c4_of_two_comets_in_one_turn_the_first_is_complete_before_the_session_knows_of_it(
    world: World, client: CspClient, recorder: Recorder
) -> None:
    recorder.sessions[0].send("news", 1)
    connection = await world.connect()
    line = "GET /csp/comet?s=%s&g=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    await connection.wire.send("".join([line % (client.key, g) for g in (1, 2)]).encode())
    assert (await response_of(connection)).body == b"([])"
    assert said_in(await client.hear(connection)) == [1]


# -- C5: which bytes are sent as they are -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "encoding"), [("plain </script> ~", 0), ("ü", 1), ("\x7f", 1), ("tab\t", 0), ("\u2028", 1)]
)
async def test_c5_only_what_is_printable_is_sent_as_it_is(
    client: CspClient, recorder: Recorder, message: str, encoding: int
) -> None:
    recorder.sessions[0].send("news", message)
    response = await response_of(await client.comet())
    assert json.loads(response.body[1:-1])[0][:2] == [1, encoding]
    assert b"<" not in response.body
    assert b"\n" not in response.body
    assert said_in(client.take(response.body.decode())) == [message]


# -- C6: scripts ------------------------------------------------------------------------------------------


async def test_c6_a_script_calls_the_functions_that_it_is_told(world: World, recorder: Recorder) -> None:
    script = {"rp": "a.b", "rs": ";", "bp": "c", "bs": ";", "ct": "application/javascript"}
    client = CspClient(world, OF_THIS_SITE, **script)
    await client.open()
    response = await client.send('{"path":"echo"}')
    assert response.body == b'a.b("OK");'
    assert response.headers["content-type"] == "application/javascript"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert said_in(await client.poll()) == [None]


@pytest.mark.parametrize(
    "said", [{"rp": "alert(1)//"}, {"rs": ";alert(1)"}, {"bp": "x="}, {"bs": "\nx"}, {"p": "alert(1);"}]
)
async def test_c6_a_script_is_no_script_of_somebody_elses(world: World, said: dict[str, str]) -> None:
    client = CspClient(world, OF_THIS_SITE, ct="text/javascript", **said)
    assert (await client.ask("handshake", data="{}")).status == 400
    assert (await CspClient(world, **said).ask("handshake", data="{}")).status == 200


@pytest.mark.parametrize("site", [b"cross-site", b"same-site"])
async def test_c6_a_script_of_another_site_gets_no_session(
    world: World, site: bytes, recorder: Recorder
) -> None:
    response = await CspClient(world).ask("handshake", b"Sec-Fetch-Site: " + site, d="{}")
    assert response.status == 403
    response = await CspClient(world).ask("handshake", b"Origin: https://evil.example", d="{}")
    assert response.status == 403
    assert recorder.sessions == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 403),
        ([b"Referer: http://evil.example/?http://127.0.0.1/"], 403),
        ([b"Referer: http://127.0.0.1.evil.example/"], 403),
        ([b"Referer: null"], 403),
        ([OF_THIS_SITE], 200),
        ([b"Referer: https://friend.example"], 200),
        ([b"Sec-Fetch-Site: same-origin"], 200),
        ([b"Sec-Fetch-Site: cross-site", OF_THIS_SITE], 403),
        ([b"Origin: https://friend.example"], 200),
    ],
)
async def test_c6_where_a_browser_does_not_say_of_which_site_a_script_is_its_page_counts(
    recorder: Recorder, mock_clock: MockClock, headers: list[bytes], status: int
) -> None:
    async with serving(recorder.app, origins=("https://friend.example",), **CSP) as world:
        client = CspClient(world, *headers, ct="text/javascript")
        assert (await client.ask("handshake", data="{}")).status == status
        assert len(recorder.sessions) == (status == 200)


async def test_c6_nor_is_any_other_request_answered_by_a_script_then(
    client: CspClient, recorder: Recorder
) -> None:
    for action in ("comet", "send", "close"):
        assert (await client.ask(action, ct="text/javascript")).status == 403
    await client.write(("a", 1))
    assert recorder.packets == [("a", 1)]


# -- C7: server-sent events --------------------------------------------------------------------------------


async def test_c7_events_have_the_number_of_the_last_packet_and_a_browser_says_it(
    world: World, recorder: Recorder
) -> None:
    client = await opened(world)
    events = {"bp": "data: ", "bs": "\r\n", "se": "1", "is": "1", "ct": "text/event-stream"}
    stream = await Streaming(await client.comet(**events)).begin()
    assert stream.head.headers["content-type"] == "text/event-stream"
    recorder.sessions[0].send("news", 1)
    recorder.sessions[0].send("news", 2)
    first, second = await stream.chunk(), await stream.chunk()
    assert first.startswith("data: ([[1,")
    assert first.endswith("])\r\nid: 1\r\n\r\n")
    assert second.endswith("])\r\nid: 2\r\n\r\n")
    again = await Streaming(await client.comet(b"Last-Event-Id: 1", a="0")).begin()
    assert (await again.chunk()).startswith("data: ([[2,")


# -- C8: what a stream begins with ---------------------------------------------------------------------------


async def test_c8_a_stream_begins_with_blanks_and_a_preamble_and_shows_that_it_goes_on(
    world: World, client: CspClient, mock_clock: MockClock
) -> None:
    stream = await Streaming(await client.comet(ps="3", p="<p>", i="2", du="5", **{"is": "1"})).begin()
    assert await stream.chunk() == "   <p>"
    await world.pass_time(mock_clock, 2.1)
    assert await stream.chunk() == "([])"
    await world.pass_time(mock_clock, 2.1)
    assert await stream.chunk() == "([])"
    await world.pass_time(mock_clock, 2.1)
    assert await stream.chunk() == ""


async def test_c8_blanks_are_for_streams_alone(client: CspClient) -> None:
    held = await response_of(await client.comet(ps="3", p="<p>", i="1", du="0"))
    assert held.body == b"<p>([])"


# -- C9: variables stay ---------------------------------------------------------------------------------------


async def test_c9_variables_stay_until_they_are_said_anew(world: World) -> None:
    client = await opened(world, rp="r", rs="!", bp="b", bs="?")
    assert (await client.ask("send")).body == b'r("OK")!'
    assert (await client.ask("send", rp="")).body == b'("OK")!'
    assert (await client.ask("comet", du="0")).body == b"b([])?"
    assert (await client.ask("comet", data=f"bp=x&s={client.key}", s="")).status == 404
    connection = await world.connect()
    await connection.request("POST", "/csp/comet", data=f"bp=x&s={client.key}&a=-1".encode())
    assert (await response_of(connection)).body == b"x([])?"


@pytest.mark.parametrize(
    "said", [{"du": "x"}, {"du": "-1"}, {"ct": "text/css"}, {"rp": "x" * 2000}, {"ct": "a\r\nb"}]
)
async def test_c9_what_cannot_be_read_is_ignored(world: World, said: dict[str, str]) -> None:
    client = await opened(world, rp="r", du="0")
    response = await client.ask("send", **said)
    assert (response.body, response.headers["content-type"]) == (b'r("OK")', "text/html")
    assert (await client.ask("comet")).body == b"([])"


async def test_c9_whether_answers_may_be_compressed_completes_a_comet(client: CspClient) -> None:
    await client.comet()
    held = await client.comet()
    assert (await client.ask("send", g="1")).body == b'("OK")'
    assert (await response_of(held)).body == b"([])"


# -- C10: the end -----------------------------------------------------------------------------------------------


async def test_c10_a_client_that_closes_gets_all_and_acknowledges_the_end(
    world: World, client: CspClient, recorder: Recorder
) -> None:
    recorder.sessions[0].send("news", 1)
    assert (await client.ask("close")).body == b'("OK")'
    assert (await client.ask("close")).body == b'("OK")'
    await world.settle()
    assert recorder.ended == [("closed", [1])]
    for _ in range(2):
        client.ack, client.closed = -1, False
        assert said_in(await client.poll()) == [1]
        assert client.closed
    assert (await client.ask("send")).body == b'("OK")'
    assert (await client.ask("send")).status == 404


@pytest.mark.parametrize("streaming", ["0", "1"])
async def test_c10_who_is_kicked_is_told_at_once_and_sends_nothing_any_more(
    world: World, client: CspClient, recorder: Recorder, streaming: str
) -> None:
    held = await client.comet(**{"is": streaming})
    recorder.sessions[0].kick()
    await world.settle()
    text = (
        await (await Streaming(held).begin()).chunk() if streaming == "1" else (await response_of(held)).body
    )
    assert text in {"([[1,0,null]])", b"([[1,0,null]])"}
    assert (await client.send('{"path":"a"}')).status == 410
    assert recorder.packets == []
    client.ack = 1
    assert (await client.ask("send")).body == b'("OK")'
    assert (await client.ask("comet")).status == 404


async def test_c10_a_client_may_end_its_stream_as_js_io_does(
    world: World, client: CspClient, recorder: Recorder
) -> None:
    for _ in range(2):
        client.sent = 0
        last: list[object] = [0, None]
        batch = client.batch('{"path":"a","message":1}', last)
        assert (await client.ask("send", data=batch)).status in {200, 410}
        await world.settle()
    assert recorder.packets == [("a", 1)]
    assert recorder.ended == [("closed", [])]
    assert (await client.ask("send", data="[[2,0,null]]")).body == b'("OK")'
    await client.poll()
    assert client.closed


async def test_c10_a_held_comet_gets_the_end_when_the_client_closes(client: CspClient) -> None:
    held = await client.comet()
    assert (await client.ask("close")).body == b'("OK")'
    assert await client.hear(held) == []
    assert client.closed


# -- C11: a client that says nothing -----------------------------------------------------------------------------


async def test_c11_who_does_not_come_back_is_gone(
    world: World, client: CspClient, recorder: Recorder, mock_clock: MockClock
) -> None:
    held = await client.comet(du="20")
    await world.pass_time(mock_clock, 21)
    await client.hear(held)
    await world.pass_time(mock_clock, 44)
    assert recorder.ended == []
    await world.pass_time(mock_clock, 2)
    assert recorder.ended == [("timeout", [])]
    assert await client.poll() == []
    assert client.closed


async def test_c11_sessions_that_are_over_are_forgotten(
    world: World, client: CspClient, recorder: Recorder, mock_clock: MockClock
) -> None:
    await world.pass_time(mock_clock, 46)
    assert recorder.ended == [("timeout", [])]
    await world.pass_time(mock_clock, 1000)
    await opened(world)
    assert (await client.ask("comet")).status == 404


# -- C12: documents -------------------------------------------------------------------------------------------------


async def test_c12_nothing_is_reflected_unless_it_is_asked_for(world: World) -> None:
    assert (await CspClient(world).ask("reflect", d="<script>")).status == 404
    response = await CspClient(world, rp="<script>alert(1)</script>").ask("handshake", d="{}")
    assert response.headers["content-security-policy"] == "sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_c12_if_it_is_then_it_is_what_it_is_said_to_be(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app, csp_documents="on", **CSP) as world:
        for said in ({"d": "<p>ü"}, {"data": "<p>ü"}):
            response = await CspClient(world).ask("reflect", **said)
            assert (response.status, response.body.decode()) == (200, "<p>ü")
            assert response.headers["content-type"] == "text/html"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "content-security-policy" not in response.headers


async def test_c12_no_scripts_are_reflected(recorder: Recorder, mock_clock: MockClock) -> None:
    async with serving(recorder.app, csp_documents="on", **CSP) as world:
        for kind in sorted(SCRIPTS):
            assert (await CspClient(world, OF_THIS_SITE).ask("reflect", d="alert(1)", ct=kind)).status == 400


# -- who it is -------------------------------------------------------------------------------------------------------


async def test_a_token_comes_with_the_handshake_and_a_session_is_bound_to_it(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    def judge(token: object) -> dict[str, object] | bool:
        return {"user": token} if token == "ada" else False

    recorder.app.authenticate(judge)
    async with serving(recorder.app, bind="token", **CSP) as world:
        assert (await CspClient(world).ask("handshake", data='{"token":"bob"}')).status == 401
        client = CspClient(world, b"Authorization: Bearer ada")
        await client.open(token="ada")
        await client.write(("a", 1))
        thief = CspClient(world)
        thief.key = client.key
        assert (await thief.ask("comet", bp="x")).status == 404
        assert (await thief.ask("send", data='[[2,0,"{\\"path\\":\\"a\\"}"]]', rp="x")).status == 404
        recorder.sessions[0].send("news", recorder.sessions[0].data["user"])
        assert said_in(await client.poll()) == ["ada"]
        assert (await client.ask("send")).body == b'("OK")'


@pytest.mark.parametrize("bind", ["off", "token"])
async def test_a_token_of_one_request_is_judged_once_however_many_parts_it_is_taken_in(
    recorder: Recorder, mock_clock: MockClock, bind: str
) -> None:
    judged: list[object] = []

    def judge(token: object) -> bool:
        judged.append(token)
        return True

    recorder.app.authenticate(judge)
    async with serving(recorder.app, bind=bind, request_packets=2, **CSP) as world:
        client = CspClient(world, b"Authorization: Bearer first")
        await client.open(token="first")
        client.headers = (b"Authorization: Bearer second",)
        await client.write(*[("a", number) for number in range(5)])
        assert (judged, len(recorder.packets)) == (["first", "second"], 5)


async def test_sends_that_come_while_one_is_judged_wait_for_it(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    gate = trio.Event()

    async def judge(token: object) -> Any:
        if token == "slow":
            await gate.wait()
        return True

    recorder.app.authenticate(judge)
    async with serving(recorder.app, **CSP) as world:
        client = await CspClient(world).open()
        slow = await client.begin(
            "send", b"Authorization: Bearer slow", data=client.batch('{"path":"a","message":1}')
        )
        more = [await client.begin("send", data=client.batch('{"path":"a","message":2}')) for _ in range(1)]
        client.sent = 0
        again = await client.begin("send", data=client.batch('{"path":"a","message":1}'))
        await world.settle()
        assert (await client.ask("send")).status == 429
        assert recorder.packets == []
        gate.set()
        for connection in (slow, *more, again):
            assert (await response_of(connection)).body == b'("OK")'
        assert recorder.packets == [("a", 1), ("a", 2)]
