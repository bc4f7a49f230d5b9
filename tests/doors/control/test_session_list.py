"""The list of all sessions: whole, and made so that nobody waits for it."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest
import trio

from cometary.doors.control.session_list import (
    MOST_AT_A_TIME,
    MOST_CHOSEN,
    PATIENCE,
    SLICE,
    SessionList,
)
from cometary.doors.control.watching import LINES
from cometary.errors import ProtocolError
from cometary.sessions import SessionManager
from cometary.transport.codecs import Codec, cbor, json
from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.http.stream import Stream
from tests.doors.control.answered import Answered

SESSIONS = 10 * SLICE + 1


class Keeper:
    """A session of which there is nothing to say but its number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended: str | None = None


class Manager:
    """Has some sessions, and counts how many it is asked of."""

    def __init__(self, count: int) -> None:
        self.directory = [Keeper(number) for number in range(count)]
        self.described = 0

    def describe(self, keeper: Keeper) -> dict[str, Any]:
        self.described += 1
        return {"number": keeper.number}


class Reading(Answered):
    """One that takes a piece of an answer when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = list[bytes]()
        self.concluded = self.closed = False
        self.exchange: Exchange | None = None

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        self.exchange, self.status = exchange, status
        return b""

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        self.pieces.append(stream.pending)
        return not stream.pending

    def conclude(self, exchange: Exchange) -> None:
        self.concluded = True

    def close(self) -> None:
        self.closed = True


def ask(
    sessions: SessionList,
    codec: Codec = json,
    query: bytes = b"",
    answered: Answered | None = None,
    accept: bytes = b"",
) -> Answered:
    answered = answered or Answered()
    exchange = Exchange("GET", "/sessions", query, {b"accept": accept or codec.content_type})
    exchange.version = "1.0"
    exchange.arrive(answered, "127.0.0.1")
    sessions(exchange)
    return answered


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
@pytest.mark.parametrize("count", [0, 1, SLICE, SESSIONS])
async def test_all_sessions_are_told_of(nursery: trio.Nursery, count: int, codec: Codec) -> None:
    answered = ask(SessionList(cast("SessionManager", Manager(count)), nursery.start_soon), codec)
    await trio.testing.wait_all_tasks_blocked()
    assert codec.decode(answered.body) == {"sessions": [{"number": number} for number in range(count)]}


async def test_everything_else_has_its_turn_meanwhile(nursery: trio.Nursery) -> None:
    manager = Manager(SESSIONS)
    answered = ask(SessionList(cast("SessionManager", manager), nursery.start_soon))
    before = 0
    while not answered.status:
        await trio.lowlevel.checkpoint()
        assert manager.described - before <= 2 * SLICE
        before = manager.described
    assert before == SESSIONS


async def test_a_session_that_ends_meanwhile_is_left_out(nursery: trio.Nursery) -> None:
    manager = Manager(SESSIONS)
    answered = ask(SessionList(cast("SessionManager", manager), nursery.start_soon))
    manager.directory[-1].ended = "kicked"
    await trio.testing.wait_all_tasks_blocked()
    assert len(cast("Any", json.decode(answered.body))["sessions"]) == SESSIONS - 1


async def test_only_so_many_are_made_at_a_time(nursery: trio.Nursery) -> None:
    sessions = SessionList(cast("SessionManager", Manager(1)), nursery.start_soon)
    for _ in range(2):
        answers = [ask(sessions) for _ in range(MOST_AT_A_TIME)]
        with pytest.raises(ProtocolError, match="too many"):
            ask(sessions)
        await trio.testing.wait_all_tasks_blocked()
        assert [answer.status for answer in answers] == [200] * MOST_AT_A_TIME


async def test_a_failure_is_one_answers(nursery: trio.Nursery, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "cometary.transport")
    manager = Manager(1)
    del manager.directory[0].ended
    answered = ask(SessionList(cast("SessionManager", manager), nursery.start_soon))
    await trio.testing.wait_all_tasks_blocked()
    assert answered.status == 500
    assert "AttributeError" in caplog.text


async def begin_to_read(nursery: trio.Nursery, manager: Manager) -> tuple[Reading, Exchange]:
    """Ask for lines of all sessions, and take none of them yet."""
    reading = Reading()
    ask(SessionList(cast("SessionManager", manager), nursery.start_soon), answered=reading, accept=LINES)
    await trio.testing.wait_all_tasks_blocked()
    assert reading.exchange is not None
    return reading, reading.exchange


async def test_lines_are_written_as_fast_as_they_are_read(nursery: trio.Nursery) -> None:
    manager = Manager(SESSIONS)
    reading, exchange = await begin_to_read(nursery, manager)
    stream = cast("Stream", exchange.streaming)
    assert manager.described <= 2 * SLICE
    while not reading.concluded:
        stream.go_on()
        await trio.testing.wait_all_tasks_blocked()
    told = b"".join(reading.pieces).splitlines()
    assert [json.decode(line) for line in told] == [{"number": number} for number in range(SESSIONS)]


async def test_a_reader_that_leaves_is_written_nothing_more(nursery: trio.Nursery) -> None:
    manager = Manager(SESSIONS)
    _, exchange = await begin_to_read(nursery, manager)
    exchange.drop()
    await trio.testing.wait_all_tasks_blocked()
    assert manager.described <= 2 * SLICE
    assert not nursery.child_tasks, "it holds no place for answers"


async def test_a_reader_that_takes_nothing_is_cut_off(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    manager = Manager(SESSIONS)
    sessions = SessionList(cast("SessionManager", manager), nursery.start_soon)
    readings = [Reading() for _ in range(MOST_AT_A_TIME)]
    for reading in readings:
        ask(sessions, answered=reading, accept=LINES)
    await trio.sleep(PATIENCE + 1)
    assert [reading.closed for reading in readings] == [True] * MOST_AT_A_TIME
    answered = ask(sessions)
    await trio.testing.wait_all_tasks_blocked()
    assert answered.status == 200


async def test_lines_that_fail_break_off(nursery: trio.Nursery, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "cometary.transport")
    manager = Manager(1)
    del manager.directory[0].ended
    reading, _ = await begin_to_read(nursery, manager)
    assert reading.closed
    assert "AttributeError" in caplog.text


@pytest.mark.parametrize("query", [b"most=few", b"most=%d" % (MOST_CHOSEN + 1)], ids=["few", "many"])
async def test_a_number_that_is_none_or_too_great_is_refused(nursery: trio.Nursery, query: bytes) -> None:
    answered = ask(SessionList(cast("SessionManager", Manager(1)), nursery.start_soon), query=query)
    await trio.testing.wait_all_tasks_blocked()
    assert answered.status == 400
