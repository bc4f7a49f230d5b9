"""Clients that are slow, deaf, mute, huge or wrong: each gets its error or is cut off, and costs little."""

from __future__ import annotations

import gc
import logging
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trio
import trio.testing

from cometary.transport.codecs import cbor, json
from tests.protocol.client import Connection, Recorder, World, serving

JSON = b"Content-Type: application/json"
MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def nothing_unexpected_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Bad input is the client's fault: no exception of it is in the server's log, nor a warning but of its session."""
    caplog.set_level(logging.DEBUG)
    yield
    records = caplog.get_records("call")  # `caplog.records` are those of what comes after the test by now
    told = [record for record in records if record.exc_info or record.levelno >= logging.WARNING]
    assert [record for record in told if record.exc_info or record.name != "cometary.sessions"] == []


class Memory:
    """How much more is in use than at the beginning, in bytes."""

    def __init__(self) -> None:
        gc.collect()
        tracemalloc.start()

    @property
    def more(self) -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]


@pytest.fixture
def memory() -> Iterator[Memory]:
    yield Memory()
    tracemalloc.stop()


# -- slow ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["head", "body"])
async def test_one_byte_a_second_is_cut_off_at_the_deadline(
    recorder: Recorder, mock_clock: trio.testing.MockClock, part: str
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        connection = await world.connect()
        head = b"POST /comet HTTP/1.1\r\nHost: a\r\n%b\r\nContent-Length: 500\r\n" % JSON
        if part == "body":
            await connection.wire.send(head + b"\r\n")
        seconds = 0
        while seconds < 60 and not connection.is_closed():
            with suppress(trio.BrokenResourceError):
                await connection.wire.send(head[seconds : seconds + 1] if part == "head" else b"{")
            await world.pass_time(mock_clock, 1)
            seconds += 1
        assert 10 <= seconds <= 12
        recorder.sessions[0].send("a", "unharmed")
        assert await client.poll() == ["unharmed"]


async def test_a_request_in_small_pieces_is_fine_as_long_as_it_is_in_time(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        connection = await world.connect()
        request = b'POST /comet HTTP/1.1\r\nHost: a\r\n%b\r\nContent-Length: 10\r\n\r\n{"rid": 1}' % JSON
        for byte in request:
            await connection.wire.send(bytes([byte]))
            await world.pass_time(mock_clock, 0.05)
        assert (await connection.answer()).status == 200


async def test_those_who_say_nothing_are_sent_away_and_others_served_meanwhile(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        mute = [await world.connect() for _ in range(100)]
        client = await world.open()
        recorder.sessions[0].send("a", "served")
        assert await client.poll() == ["served"]
        await world.pass_time(mock_clock, 10)
        await world.pass_time(mock_clock, 1)
        assert all(connection.is_closed() for connection in mute)


# -- deaf ------------------------------------------------------------------------------------------


async def test_a_client_that_never_reads_costs_no_more_than_its_limits(
    recorder: Recorder, mock_clock: trio.testing.MockClock, memory: Memory
) -> None:
    """It keeps asking and never acknowledges, so that every answer brings everything again."""
    async with serving(recorder.app, queue_bytes=MEGABYTE, response_bytes=MEGABYTE) as world:
        client = await world.open()
        for _ in range(4):
            recorder.sessions[0].send("a", "x" * 250_000)
        deaf = await world.connect()
        asked = 0
        while is_taken(deaf, client.body(ack=0, padding="x" * 50_000)):
            asked += 1
            assert asked < 1000, "it would take requests for ever"
            await world.settle()
        await world.settle()
        assert memory.more < 20 * MEGABYTE
        await world.pass_time(mock_clock, 11)
        await world.pass_time(mock_clock, 1)
        assert recorder.ended == []
        client.rid = 1
        other = await world.connect()
        answer = await other.ask(client.body(rid=2))
        assert len(answer.packets) == 4
        await world.pass_time(mock_clock, 45)
        assert [reason for reason, _ in recorder.ended] == ["timeout"]


def is_taken(connection: Connection, body: dict[str, object]) -> bool:
    """Send a request; whether the kernel had room for all of it."""
    data = json.encode(body)
    request = b"POST /comet HTTP/1.1\r\nHost: a\r\n%b\r\nContent-Length: %d\r\n\r\n" % (JSON, len(data))
    try:
        return os.write(connection.wire.stream.socket.fileno(), request + data) == len(request + data)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        return False


async def test_a_client_that_never_fetches_overflows(
    recorder: Recorder, memory: Memory, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, queue_bytes=MEGABYTE) as world:
        await world.open()
        await world.pass_time(mock_clock, 11)
        recorder.sessions[0].connect("news")
        for _ in range(50):
            recorder.app.update("news", "x" * 100_000)
            await world.settle()
        [(reason, undelivered)] = recorder.ended
        assert reason == "overflow"
        assert len(undelivered) == 11
        recorder.ended.clear()
        undelivered.clear()
        assert memory.more < 5 * MEGABYTE


# -- huge ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_a_body_of_100_mb_is_refused_before_it_is_there(
    recorder: Recorder, memory: Memory, mock_clock: trio.testing.MockClock, chunked: bool
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        connection = await world.connect()
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 100000000"
        await connection.request("POST", "/comet", JSON, length)
        sent = 0
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n" if chunked else b"x" * 65536
        with suppress(trio.BrokenResourceError):
            while sent < 100_000_000 and not connection.is_closed():
                await connection.wire.send(chunk)
                sent += len(chunk)
                await world.pass_time(mock_clock, 0.1)
        assert sent < 5_000_000
        assert memory.more < 5 * MEGABYTE
        assert (await connection.answer()).error == (413, "too-large")
        recorder.sessions[0].send("a", "unharmed")
        assert await client.poll() == ["unharmed"]


async def test_more_packets_than_a_request_may_have_are_refused_and_change_nothing(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    answer = await client.ask(*[("a", number) for number in range(257)])
    assert answer.error == (413, "too-large")
    assert "257 packets" in answer.body["detail"]
    assert recorder.packets == []
    client.rid -= 1
    await client.hold(*[("a", number) for number in range(256)])
    assert recorder.packets == [("a", number) for number in range(256)]


@pytest.mark.parametrize("codec", ["json", "cbor"])
async def test_deep_nesting_costs_nothing(world: World, memory: Memory, codec: str) -> None:
    connection = await world.connect()
    for _ in range(20):
        if codec == "json":
            deep = b'{"rid":1,"token":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
            await connection.send(deep)
        else:
            deep = b"\xa2\x63rid\x01\x65token" + b"\x81" * 10_000 + b"\x00"
            await connection.send(deep, content_type=cbor.content_type)
        assert (await connection.answer()).error == (400, "bad-request")
    assert memory.more < MEGABYTE


async def test_lengths_that_lie_cost_nothing(world: World, memory: Memory) -> None:
    connection = await world.connect(cbor)
    for lie in (b"\x7b", b"\x5b", b"\x9b", b"\xbb"):
        for length in (2**31, 2**40, 2**63 - 1):
            body = b"\xa2\x63rid\x01\x65token" + lie + length.to_bytes(8, "big")
            assert (await connection.ask(body)).error == (400, "bad-request")
    assert memory.more < MEGABYTE


# -- wrong, over and over --------------------------------------------------------------------------


async def test_a_flood_of_wrong_requests_leaves_nothing_behind(
    world: World, recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    client = await world.open()
    connection = await world.connect()
    memory = Memory()
    for number in range(300):
        for body in (
            b"{",
            {"sid": f"guess-{number}", "rid": 2},
            {"sid": client.sid, "rid": 2**53 - 1},
            {"sid": client.sid, "rid": 2, "ack": number + 1},
            {"rid": 1, "packets": [{"path": f"::{number}"}]},
        ):
            assert (await connection.ask(body)).status in (400, 404, 409, 429)
    more = memory.more
    tracemalloc.stop()
    assert more < MEGABYTE
    assert len(await world.sessions()) == 1
    await world.pass_time(mock_clock, 1)  # the client was over-active
    recorder.sessions[0].send("a", "unharmed")
    assert await client.poll() == ["unharmed"]


async def test_packets_to_ever_new_paths_leave_nothing_behind(world: World, recorder: Recorder) -> None:
    """Which handlers a path has is remembered, for a bounded number of paths."""
    client = await world.open()
    memory = Memory()
    for number in range(60):
        packets = [(f"{number}/{place}/" + "x" * 200, None) for place in range(100)]
        connection = await client.hold(*packets)
        connection.wire.reset()
        recorder.packets.clear()
    await world.settle()
    more = memory.more
    tracemalloc.stop()
    assert more < 3 * MEGABYTE


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_stranger_has_no_long_body_read(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    def let_in(_token: object) -> bool:
        return True

    if guarded:
        recorder.app.authenticate(let_in)
    long = "x" * 40_000

    def read(*_: object) -> None:
        pytest.fail("it was read")

    async with serving(recorder.app) as world:
        client = await world.open()
        await client.hold(("a", long))
        assert recorder.packets == [("a", long)]
        monkeypatch.setattr("cometary.transport.wires.comet.endpoint.read_request", read)
        connection = await world.connect()
        assert (await connection.ask({"sid": "nobody", "rid": 2, "x": long})).error == (
            404,
            "unknown-session",
        )
        assert (await connection.ask({"rid": 1, "token": long})).error == (413, "too-large")
