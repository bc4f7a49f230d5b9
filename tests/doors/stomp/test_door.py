"""STOMP over TCP, with the whole server behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from cometary import App, server
from cometary.config import Address, Settings
from cometary.connector import AsyncConnector
from cometary.doors.stomp import queues
from cometary.errors import ConfigError
from cometary.server import Running
from tests.connector.test_against_the_server import Browser
from tests.doors.stomp.wire import StompClient, connected

SECRET = "the-secret-of-this-test"


async def serve(secret: str | None = None, app: App | None = None, **more: Any) -> AsyncIterator[Running]:
    settings = Settings(
        port=0, control=Address("127.0.0.1", 0), stomp=Address("127.0.0.1", 0), secret=secret, **more
    )
    async with trio.open_nursery() as nursery:
        running = await nursery.start(server.serve, settings, app)
        yield running
        running.stop()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async for running in serve():
        yield running


@pytest.fixture
async def client(running: Running) -> AsyncIterator[StompClient]:
    async with connected(running.urls["stomp"]) as client:
        yield client


@pytest.fixture
async def other(running: Running) -> AsyncIterator[StompClient]:
    async with connected(running.urls["stomp"]) as client:
        yield client


@pytest.fixture
async def page(running: Running) -> AsyncIterator[Browser]:
    """A session that hears `news` and `a`."""
    browser = Browser(running.comet)
    await browser.open()
    async with AsyncConnector(running.control) as connector:
        await connector.connect(browser.sid, ["news", "a"])
    yield browser
    await browser._http.aclose()


# -- messages to paths ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("application/json", b'{"a": [1]}', {"a": [1]}),
        ("text/plain", "é".encode(), "é"),
        ("application/octet-stream", b"\0\xff", "AP8="),
    ],
)
async def test_o8_what_is_sent_to_a_path_reaches_browsers(
    page: Browser, client: StompClient, *, content_type: str, body: bytes, message: object
) -> None:
    await client.done("SEND", body, destination="news", content_type=content_type)
    assert await page.poll() == [("news", message)]


async def test_o8_a_session_can_be_sent_a_packet_by_its_id_and_one_that_has_left_is_no_mistake(
    page: Browser, client: StompClient
) -> None:
    await client.done("SEND", b"hi", destination=f"/session/{page.sid}", path="hello")
    await client.done("SEND", b"hi", destination="/session/nobody", path="hello")
    assert await page.poll() == [("hello", "hi")]


async def test_o8_who_subscribes_hears_updates_whoever_makes_them(
    running: Running, client: StompClient, other: StompClient
) -> None:
    await client.done("SUBSCRIBE", id="1", destination="news")
    await client.done("SUBSCRIBE", id="2", destination="chat/*")
    async with AsyncConnector(running.control) as connector:
        await connector.update("news", {"title": "é"})
        await connector.update("chat/a", b"\0\1")
    await other.done("SEND", b"text", destination="chat/b")
    heard = [await client.hear() for _ in range(3)]
    assert [
        (frame.headers["subscription"], frame.headers["destination"], frame.body) for frame in heard if frame
    ] == [
        ("1", "news", '{"title":"é"}'.encode()),
        ("2", "chat/a", b"\0\1"),
        ("2", "chat/b", b"text"),
    ]
    assert [frame.headers["content-type"] for frame in heard if frame] == [
        "application/json",
        "application/octet-stream",
        "text/plain",
    ]
    await client.done("UNSUBSCRIBE", id="2")
    await other.done("SEND", b"unheard", destination="chat/b")
    await other.done("SEND", b"heard", destination="news")
    frame = await client.hear()
    assert frame is not None
    assert frame.body == b"heard"


async def test_o8_sign_on_and_sign_off_are_messages(
    running: Running, client: StompClient, page: Browser
) -> None:
    await client.done("SUBSCRIBE", id="on", destination="::signon")
    await client.done("SUBSCRIBE", id="off", destination="::signoff")
    await page.open()  # another session
    signed_on = await client.hear()
    await client.done("SEND", b"never read", destination=f"/session/{page.sid}", path="hello")
    async with AsyncConnector(running.control) as connector:
        await connector.kick(page.sid)
    signed_off = await client.hear()
    assert signed_on is not None
    assert signed_off is not None
    event = json.loads(signed_off.body)
    assert json.loads(signed_on.body)["session"] == event["session"]
    assert event["reason"] == "kicked"
    assert event["undelivered"] == [{"path": "hello", "message": "never read"}]


@pytest.fixture
async def taking() -> AsyncIterator[Running]:
    """A server whose clients may send to back-ends."""
    async for running in serve(message_paths=("say/*",)):
        yield running


@pytest.fixture
async def talker(taking: Running) -> AsyncIterator[Browser]:
    browser = Browser(taking.comet)
    await browser.open()
    yield browser
    await browser._http.aclose()


async def test_what_clients_say_to_back_ends_is_a_message_to_those_who_subscribe(
    taking: Running, talker: Browser
) -> None:
    async with connected(taking.urls["stomp"]) as client:
        assert await talker.ask("say/hello", 1) is False
        await client.done("SUBSCRIBE", id="m", destination="::message")
        assert await talker.ask("say/hello", {"text": "é"}) is True
        heard = await client.hear()
    assert heard is not None
    assert (heard.headers["destination"], heard.headers["content-type"]) == ("::message", "application/json")
    event = json.loads(heard.body)
    assert (event["type"], event["packet"]) == ("message", {"path": "say/hello", "message": {"text": "é"}})


# -- transactions, receipts -------------------------------------------------------------------------


async def test_o8_a_transaction_is_sent_whole_or_not_at_all(
    running: Running, client: StompClient, page: Browser
) -> None:
    await client.done("BEGIN", transaction="t")
    await client.done("BEGIN", transaction="other")
    await client.done("SEND", b"1", destination="a", transaction="t")
    await client.done("SEND", b"never", destination="a", transaction="other")
    await client.done("SEND", b"0", destination="a")
    await client.done("SEND", b"2", destination="a", transaction="t")
    await client.done("ABORT", transaction="other")
    await client.done("COMMIT", transaction="t")
    assert await page.poll() == [("a", "0"), ("a", "1"), ("a", "2")]
    await client.done("BEGIN", transaction="t")
    await client.done("SEND", b"never", destination="a", transaction="t")
    await client.done("SEND", b"{", destination="a", content_type="application/json", transaction="t")
    frame = await client.ask("COMMIT", transaction="t", receipt="x")
    assert (frame.command, frame.headers["receipt-id"]) == ("ERROR", "x")
    async with connected(running.urls["stomp"]) as again:
        await again.done("SEND", b"3", destination="a")
    assert await page.poll() == [("a", "3")]


async def test_a_transaction_that_acknowledges_what_it_cannot_sends_nothing(
    running: Running, client: StompClient, page: Browser
) -> None:
    await client.done("SUBSCRIBE", id="q", destination="/queue/jobs", ack="client-individual")
    await client.say("SEND", b"job", destination="/queue/jobs")
    job = await client.hear()
    assert job is not None
    await client.done("BEGIN", transaction="t")
    await client.done("SEND", b"never", destination="a", transaction="t")
    await client.done("SEND", b"never", destination="/queue/a", transaction="t")
    for _ in range(2):
        await client.done("ACK", id=job.headers["ack"], transaction="t")
    assert (await client.ask("COMMIT", transaction="t")).command == "ERROR"
    async with connected(running.urls["stomp"]) as again:
        await again.done("SUBSCRIBE", id="never", destination="/queue/a")
        await again.done("SEND", b"2", destination="a")
        left = await again.ask("SUBSCRIBE", id="q", destination="/queue/jobs")
        assert left.body == b"job", "it was not acknowledged"
    assert await page.poll() == [("a", "2")]


# -- queues -----------------------------------------------------------------------------------------


async def test_each_message_of_a_queue_goes_to_one_consumer_and_those_sent_before_wait(
    client: StompClient, other: StompClient
) -> None:
    await client.done("SEND", b"0", destination="/queue/jobs", content_type="text/plain")
    await client.say("SUBSCRIBE", id="q", destination="/queue/jobs")
    waited = await client.hear()
    await other.done("SUBSCRIBE", id="q", destination="/queue/jobs")
    for number in range(4):
        await other.say("SEND", b"%d" % number, destination="/queue/jobs")
    mine = [await client.hear() for _ in range(2)]
    theirs = [await other.hear() for _ in range(2)]
    assert waited is not None
    assert sorted(frame.body for frame in [*mine, *theirs] if frame) == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_what_is_not_acknowledged_or_not_taken_goes_to_another_one(
    running: Running, client: StompClient, version: str
) -> None:
    destination = "/queue/jobs"
    async with connected(running.urls["stomp"], version) as first:
        await first.done("SUBSCRIBE", id="q", destination=destination, ack="client-individual")
        for number in range(3):
            await client.done("SEND", b"%d" % number, destination=destination)
        jobs = [frame for _ in range(3) if (frame := await first.hear()) is not None]
        await client.done("SUBSCRIBE", id="q", destination=destination, ack="client-individual")
        if version == "1.2":
            await first.done("ACK", id=jobs[1].headers["ack"])
            await first.done("NACK", id=jobs[0].headers["ack"])
        else:
            await first.done("ACK", message_id=jobs[1].headers["message-id"], subscription="q")
            await first.done("NACK", message_id=jobs[0].headers["message-id"], subscription="q")
        frame = await client.hear()
        assert frame is not None
        assert frame.body == b"0"
    frame = await client.hear()
    assert frame is not None
    assert frame.body == b"2"


async def test_client_acknowledges_all_before_it(running: Running, client: StompClient) -> None:
    async with connected(running.urls["stomp"]) as first:
        await first.done("SUBSCRIBE", id="q", destination="/queue/a", ack="client")
        for number in range(3):
            await client.done("SEND", b"%d" % number, destination="/queue/a")
        jobs = [frame for _ in range(3) if (frame := await first.hear()) is not None]
        await first.done("ACK", id=jobs[1].headers["ack"])
        frame = await first.ask("ACK", id=jobs[0].headers["ack"])
        assert frame.command == "ERROR", "it was acknowledged already"
    await client.say("SUBSCRIBE", id="q", destination="/queue/a")
    left = await client.hear()
    assert left is not None
    assert left.body == b"2"


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (b"text", {}, "text/plain"),
        (b"\xff", {}, "application/octet-stream"),
        (b"<a/>", {"content_type": 'application/xml;profile="a:b"'}, 'application/xml;profile="a:b"'),
    ],
)
async def test_a_message_of_a_queue_is_passed_on_with_the_type_that_its_body_has(
    client: StompClient, *, body: bytes, headers: dict[str, str], kind: str
) -> None:
    await client.done("SUBSCRIBE", id="q", destination="/queue/a")
    heard = await client.ask("SEND", body, destination="/queue/a", **headers)
    assert (heard.command, heard.body, heard.headers["content-type"]) == ("MESSAGE", body, kind)


async def test_a_transaction_fits_into_a_queue_as_a_whole_or_nothing_of_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, client: StompClient, other: StompClient
) -> None:
    monkeypatch.setattr(queues, "MOST_WAITING", 2)
    await client.done("SEND", b"0", destination="/queue/a")
    await client.done("BEGIN", transaction="t")
    for _ in range(2):
        await client.done("SEND", b"never", destination="/queue/a", transaction="t")
    frame = await client.ask("COMMIT", transaction="t")
    assert (frame.command, frame.headers["message"]) == ("ERROR", "too-many-requests")
    await other.done("SEND", b"1", destination="/queue/a")
    await other.say("SUBSCRIBE", id="q", destination="/queue/a")
    heard = [await other.hear() for _ in range(2)]
    assert [frame.body for frame in heard if frame] == [b"0", b"1"]


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "headers"),
    [
        ("NOTHING", {"a": "b"}),
        ("CONNECT", {"accept_version": "1.2"}),
        ("SEND", {"path": "a"}),
        ("SEND", {"destination": ""}),
        ("SEND", {"destination": "a\n"}),
        ("SEND", {"destination": "x" * 2000}),
        ("SEND", {"destination": "a", "transaction": "none"}),
        ("SEND", {"destination": "/session/x"}),
        ("SEND", {"destination": "/queue/a", "content_type": "text/plain\nother:header"}),
        ("SEND", {"destination": "/queue/a", "content_type": "text/plain;a=\\b"}),
        ("SUBSCRIBE", {"id": "1", "destination": "**/a"}),
        ("SUBSCRIBE", {"destination": "a"}),
        ("SUBSCRIBE", {"id": "1", "destination": "a", "ack": "never"}),
        ("UNSUBSCRIBE", {"id": "1"}),
        ("ACK", {"id": "1"}),
        ("COMMIT", {"transaction": "none"}),
    ],
)
async def test_what_is_wrong_gets_one_error_and_the_connection_is_closed(
    client: StompClient, command: str, headers: dict[str, str]
) -> None:
    answer = await client.ask(command, b"", receipt="r", **headers)
    assert (answer.command, answer.headers["message"]) == ("ERROR", "bad-request")
    assert answer.headers["receipt-id"] == "r"
    assert answer.body
    assert await client.hear() is None


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\n\n\0", b"a" * 100_000, b"SEND\n\n\0"])
async def test_a_stranger_gets_one_error(running: Running, data: bytes) -> None:
    port = int(running.urls["stomp"].rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(data)
        assert (await StompClient(stream, "1.2").hear() or ("",))[0] == "ERROR"


async def test_no_version_in_common_is_an_error(running: Running) -> None:
    port = int(running.urls["stomp"].rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        frame = await StompClient(stream, "1.2").ask("STOMP", accept_version="2.0")
        assert (frame.command, frame.headers["message"]) == ("ERROR", "bad-request")


async def test_who_leaves_in_good_order_gets_the_receipt_and_the_end(client: StompClient) -> None:
    await client.done("DISCONNECT")
    assert await client.hear() is None


@pytest.mark.parametrize("given", ["", "wrong", "é"])
async def test_the_passcode_is_the_secret(given: str) -> None:
    async for running in serve(SECRET):
        port = int(running.urls["stomp"].rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            client = StompClient(stream, "1.2")
            frame = await client.ask("CONNECT", accept_version="1.2", login="any", passcode=given)
            assert (frame.command, frame.headers["message"]) == ("ERROR", "unauthorized")
            assert await client.hear() is None
        async with connected(running.urls["stomp"], login="any", passcode=SECRET) as client:
            await client.done("SEND", b"", destination="a")


@pytest.mark.parametrize("open_to_others", [{"stomp": Address("0.0.0.0", 0)}, {"stomp_websocket": "/stomp"}])
def test_where_others_can_reach_it_there_has_to_be_a_secret(open_to_others: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="secret"):
        Settings(**open_to_others)
    Settings(**open_to_others, secret="one")


async def test_who_sends_faster_than_it_reads_is_disconnected_and_nobody_else(
    running: Running, client: StompClient
) -> None:
    async with connected(running.urls["stomp"]) as deaf:
        await deaf.done("SUBSCRIBE", id="1", destination="flood")
        body = b"x" * 100_000
        async with AsyncConnector(running.control) as connector:
            for _ in range(400):
                await client.done("SEND", body, destination="flood")
                if (await connector.statistics())["stomp_clients"] == 1:
                    break
            else:
                pytest.fail("what waits for a client that does not read is not bounded")
    await client.done("SEND", b"", destination="a")


async def test_a_client_of_a_session_cannot_disconnect_a_back_end_by_saying_much(
    taking: Running, talker: Browser
) -> None:
    async with connected(taking.urls["stomp"]) as deaf:
        await deaf.done("SUBSCRIBE", id="m", destination="::message")
        sent = 0
        while await talker.ask("say/much", "x" * 200_000):
            sent += 1
            assert sent < 200, "what waits for a client that does not read is not bounded"
        for _ in range(sent):
            assert await deaf.hear() is not None
        assert await talker.ask("say/much", "it reads again") is True


async def test_what_is_never_acknowledged_is_bounded(client: StompClient, other: StompClient) -> None:
    await client.done("SUBSCRIBE", id="1", destination="a", ack="client")
    for number in range(1001):
        await other.say("SEND", b"%d" % number, destination="a")
    heard = [frame for _ in range(1001) if (frame := await client.hear()) is not None]
    assert [int(frame.body) for frame in heard[:-1]] == list(range(1000))
    assert (heard[-1].command, heard[-1].headers["message"]) == ("ERROR", "too-many-requests")
    assert await client.hear() is None


# -- signs of life ------------------------------------------------------------------------------------


async def test_signs_of_life_are_sent_as_promised_and_who_sends_none_is_gone(
    running: Running, autojump_clock: trio.testing.MockClock
) -> None:
    async with connected(running.urls["stomp"], heart_beat="0,2000") as quiet:
        with trio.move_on_after(20):
            await quiet.hear()
        assert quiet.beats in range(9, 12)
    async with connected(running.urls["stomp"], heart_beat="1000,0") as dead:
        start = trio.current_time()
        assert await dead.hear() is None
        assert 19 < trio.current_time() - start < 22
