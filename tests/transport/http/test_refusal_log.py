"""What is too large is in the log, with the option that could allow it."""

from __future__ import annotations

import logging

import pytest

from cometary.transport.http.refusal_log import MOST, WINDOW, RefusalLog
from tests.protocol.client import World, serving
from tests.protocol.sockets import connected
from tests.protocol.test_websocket import opened

LIMIT = 2048


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [record.structured for record in caplog.records]  # type: ignore[attr-defined]
    return [event for event in found if event["event"] == "body refused"]


@pytest.mark.parametrize("control", [False, True])
async def test_a_body_is_told_of_with_its_path_and_its_size(
    control: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    path = "/update" if control else "/comet"
    async with serving(body_bytes=LIMIT) as world:
        connection = await world.connect(control=control)
        refused = await connection.ask(b"s3cret" * LIMIT, path=path)
        assert refused.error == (413, "too-large")
    [event] = events(caplog)
    assert event == {"event": "body refused", "path": path, "size": 6 * LIMIT, "option": "body-bytes"}
    assert "12288 bytes for /" in caplog.text
    assert "`body-bytes`" in caplog.text
    assert "s3cret" not in caplog.text


async def test_so_is_one_that_did_not_say_how_long_it_would_be(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    async with serving(body_bytes=LIMIT) as world:
        connection = await world.connect()
        await connection.request("POST", "/comet", b"Transfer-Encoding: chunked")
        await connection.wire.send(b"%x\r\n%b" % (LIMIT + 1, bytes(LIMIT + 1)))
        assert (await connection.answer()).error == (413, "too-large")
    assert [event["size"] for event in events(caplog)] == [None]


async def sends(world: World, size: int) -> None:
    socket = await opened(world)
    await socket.send({"rid": 2, "packets": [{"path": "say", "message": "x" * size}]})
    assert await socket.closed() == 1009


async def test_so_is_a_message_on_a_websocket(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    async with serving(body_bytes=10_000) as world:
        await sends(world, 10_000)
        [event] = events(caplog)
        assert event["path"] == "a WebSocket"
        assert 10_000 < int(str(event["size"])) < 10_100


async def test_what_no_option_would_allow_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    async with serving() as world:
        socket = await connected(world)
        await socket.send({"rid": 1, "token": "x" * 100_000})
        assert await socket.closed() == 1009
    assert events(caplog) == []


def test_a_flood_of_them_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    now = 0.0
    log = RefusalLog(lambda: now)
    for number in range(1000):
        log.note_body(f"/{number}\x1b[2J", b"300000", "body-bytes")
        log.note_body("/same", None, "body-bytes")
    assert len(caplog.records) == MOST
    assert "\x1b" not in caplog.text
    now = WINDOW
    log.note_body("/" + 10_000 * "x", b"300000", "body-bytes")
    assert f"{2000 - MOST} more requests" in caplog.records[-2].getMessage()
    assert len(caplog.records[-1].getMessage()) < 400
