"""What Orbited did, row by row: O and a number is a row to be kept to.

O8 is in tests/doors/stomp/test_door.py, O10 in tests/doors/hosting/test_wsgi.py. Why O1, O2 and parts of others have
no test, docs/explanation/revolved.md says.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary import App, Receipt
from cometary.errors import ConfigError
from cometary.settings import load
from tests.doors.webhooks.receiver import SECRET, Receiver
from tests.protocol.client import Recorder, serving

AWKWARD = ["a|b", "\\|", "line\r\nbreak", '{"json": [1]}', "\0é☄", "", ":", None, {"nested": ["|"]}]


@pytest.fixture
async def receiver(nursery: trio.Nursery) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await nursery.start(receiver.serve)
    yield receiver
    receiver.stop()


def told(receiver: Receiver, kind: str) -> list[Any]:
    return [one.body for one in receiver.received if one.body["type"] == kind]


async def test_o3_signon_comes_once_over_ten_reconnects_and_signoff_says_why(
    receiver: Receiver, mock_clock: MockClock
) -> None:
    recorder = Recorder()
    hooks: dict[str, Any] = {"webhook_url": receiver.url, "webhook_secret": SECRET}
    async with serving(recorder.app, die=30, **hooks) as world:
        lost, closed = await world.open(), await world.open()
        for _ in range(10):
            held = await lost.hold()
            held.wire.stream.socket.close()
        recorder.sessions[0].send("news", "never read")
        await closed.ask(close=True)
        await world.settle()
        assert len(told(receiver, "signon")) == 2
        await world.pass_time(mock_clock, 31)
        await world.pass_time(mock_clock, 1)
        ends = told(receiver, "signoff")
    assert [(end["reason"], end["undelivered"]) for end in ends] == [
        ("closed", []),
        ("timeout", [{"path": "news", "message": "never read"}]),
    ]


async def test_o4_each_recipient_has_one_receipt_whatever_becomes_of_its_packet() -> None:
    recorder = Recorder()
    receipts: list[Receipt] = []
    recorder.app.receipt(receipts.append)
    async with serving(recorder.app) as world:
        clients = [await world.open() for _ in range(4)]
        for session in recorder.sessions:
            session.connect("news")
        recorder.app.update("news", "hello", receipt="r")
        for client in clients[:2]:
            assert await client.poll() == ["hello"]
            await client.hold()
        for client in clients[1:]:
            await client.ask(close=True)
        recorder.sessions[0].kick()
        await world.settle()
    routed, *others = receipts
    assert (routed.outcome, routed.sessions) == ("routed", 4)
    outcomes = {receipt.session: receipt.outcome for receipt in others}
    assert len(others) == len(outcomes) == 4, "one for each recipient, and no more"
    assert [outcomes[session.name] for session in recorder.sessions] == [
        "delivered",
        "delivered",
        "undelivered",
        "undelivered",
    ]


async def test_o5_a_callback_that_fails_delays_no_delivery_is_tried_again_and_given_up(
    receiver: Receiver, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.script.extend(["hang", 500, 500, 500, 500, 500, 500])
    recorder = Recorder()
    hooks: dict[str, Any] = {"webhook_url": receiver.url, "webhook_secret": SECRET, "webhook_patience": 20}
    with caplog.at_level(logging.WARNING):
        async with serving(recorder.app, **hooks) as world:
            client = await world.open()
            recorder.sessions[0].send("a", "not delayed")
            assert await client.poll() == ["not delayed"]
            assert [each.headers["content-type"] for each in receiver.received] == ["application/json"]
            for _ in range(60):
                await client.hold()
                await world.pass_time(mock_clock, 1)
            tries = len(receiver.received)
            assert 2 <= tries <= 8
            assert world.running.statistics()["webhooks_given_up"] == 1
    assert "given up" in caplog.text


async def test_o6_what_was_not_delivered_comes_as_it_was_sent_whatever_is_in_it(receiver: Receiver) -> None:
    recorder = Recorder()
    async with serving(recorder.app, webhook_url=receiver.url, webhook_secret=SECRET) as world:
        await world.open()
        for message in AWKWARD:
            recorder.sessions[0].send("p|q", message)
        recorder.sessions[0].kick()
        await world.settle()
        (end,) = told(receiver, "signoff")
    assert end["undelivered"] == [{"path": "p|q", "message": message} for message in AWKWARD]


async def test_o7_an_application_can_refuse_a_sign_on_and_the_browser_is_told() -> None:
    app = App(authenticate=lambda token: token == "welcome")

    @app.signon
    def joined(session: Any) -> None:
        session.kick()

    async with serving(app) as world:
        connection = await world.connect()
        assert (await connection.ask({"rid": 1, "token": "unwelcome"})).error == (401, "unauthorized")
        client = await world.open(token="welcome")
        answer = await client.ask()
        assert (answer.error, answer.body["reason"]) == ((410, "session-ended"), "kicked")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("port = 8080\nport = 8081\n", r"at line 2"),
        ("prot = 8080\n", r"prot"),
        ("port = 8080\n[routing]\n", r"routing"),
    ],
)
def test_o9_a_file_with_a_key_twice_or_one_that_is_unknown_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    file = tmp_path / "cometary.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        load({"config": str(file)}, {})


async def test_o11_directories_are_served_under_their_prefixes(tmp_path: Path) -> None:
    app = App()
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "page.txt").write_text(name)
        app.files(f"/{name}/", directory)
    async with serving(app) as world:
        for name in ("one", "two"):
            connection = await world.connect()
            await connection.request("GET", f"/{name}/page.txt")
            assert (await connection.wire.response()).body == name.encode()
