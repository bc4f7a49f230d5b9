"""What the log says of sessions: each opening, each end and its reason, and no more lines than are worth it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from trio.testing import MockClock

from cometary.sessions import Admission
from cometary.sessions.journal import PER_SECOND
from cometary.transport.codecs import cbor
from tests.protocol.client import Recorder, World, serving


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.sessions")


def events(caplog: pytest.LogCaptureFixture, *names: str) -> list[dict[str, Any]]:
    """The fields of all events of these names so far."""
    fields = [vars(record)["structured"] for record in caplog.records if record.name == "cometary.sessions"]
    return [event for event in fields if event["event"] in names]


def let_in(user: Any) -> dict[str, Any]:
    return {"user": user}


def let_in_for(lifetime: Any) -> Admission:
    return Admission({"user": "ada"}, lifetime)


async def test_a_session_is_told_of_when_it_opens_and_when_it_ends(
    caplog: pytest.LogCaptureFixture, recorder: Recorder, mock_clock: MockClock
) -> None:
    recorder.app.authenticate(let_in)
    async with serving(recorder.app) as world:
        client = await world.open(cbor, token="ada\nINFO forged")
        name = recorder.sessions[0].name
        opened = {"session": name, "user": "ada\nINFO forged", "wire": "cbor", "address": "127.0.0.1"}
        assert events(caplog, "session opened") == [{"event": "session opened", **opened}]
        assert "\n" not in caplog.records[-1].getMessage()
        await client.hold(("a", 1), ("a", 2))
        for number in range(3):
            recorder.sessions[0].send("b", number)
        client.ack = 1
        await client.hold()
        await world.pass_time(mock_clock, 30)
        recorder.sessions[0].kick()
        await world.settle()
    [ended] = events(caplog, "session ended")
    assert 30 <= ended.pop("age") < 31
    counts = {"received": 2, "delivered": 1, "undelivered": 2}
    assert ended == {
        "event": "session ended",
        "session": name,
        "user": "ada\nINFO forged",
        "reason": "kicked",
        **counts,
    }


async def test_addresses_are_left_out_if_the_operator_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(log_addresses="off") as world:
        await world.open()
    [opened] = events(caplog, "session opened")
    assert "address" not in opened


async def test_an_expired_token_is_told_from_a_kick(
    caplog: pytest.LogCaptureFixture, recorder: Recorder, mock_clock: MockClock
) -> None:
    recorder.app.authenticate(let_in_for)
    async with serving(recorder.app) as world:
        await world.open(token=10)
        await world.open(token=20)
        await world.pass_time(mock_clock, 10)
        recorder.sessions[1].kick()
        await world.settle()
    assert [event["reason"] for event in events(caplog, "session ended")] == ["token expired", "kicked"]
    assert [reason for reason, _ in recorder.ended] == ["kicked", "kicked"]


async def test_a_packet_that_is_too_much_is_told_of_with_its_path_and_size(
    caplog: pytest.LogCaptureFixture, world: World, recorder: Recorder
) -> None:
    await world.open()
    for path in ("prices", "prices", "films/1"):  # twice the limit, since this client was there a moment ago
        recorder.sessions[0].send(path, "x" * 900_000)
    await world.settle()
    [event] = events(caplog, "no room for packet")
    assert (event["path"], event["session"], event["queued"]) == ("films/1", recorder.sessions[0].name, 2)
    assert 900_000 < event["size"] < 900_100
    assert event["max_bytes"] == 2 << 20
    assert [record.levelname for record in caplog.records if "too much" in record.getMessage()] == ["WARNING"]
    assert events(caplog, "session ended")[0]["reason"] == "overflow"


async def test_a_flood_is_some_lines_and_the_sum_of_the_rest(
    caplog: pytest.LogCaptureFixture, mock_clock: MockClock
) -> None:
    flood = 5 * PER_SECOND
    async with serving() as world:
        for _ in range(flood):
            await world.open()
        assert len(events(caplog, "session opened")) == PER_SECOND
        await world.pass_time(mock_clock, 1)
        await world.open()
        assert events(caplog, "more sessions") == [{"event": "more sessions", "opened": flood - PER_SECOND}]
        assert len(events(caplog, "session opened")) == PER_SECOND + 1
        await world.pass_time(mock_clock, 1)
        await world.running._manager.shut_down()
    assert len(events(caplog, "session ended")) == PER_SECOND
    told = events(caplog, "more sessions")[1]
    assert told == {"event": "more sessions", "shutdown": flood + 1 - PER_SECOND}


async def test_nothing_is_counted_that_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "cometary.sessions")
    async with serving() as world:
        for _ in range(2 * PER_SECOND):
            await world.open()
        assert not world.running._manager.journal._untold
    assert events(caplog, "session opened", "session ended", "more sessions") == []
