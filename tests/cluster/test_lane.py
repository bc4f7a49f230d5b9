"""The lane and its protocol, without a server."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from cometary.cluster.redis.lane import Lane
from cometary.cluster.redis.wire import Refusal, Reply, ReplyReader, command
from cometary.errors import EngineError

replies = st.recursive(
    st.integers(-9, 9) | st.binary(max_size=5) | st.none() | st.sampled_from(["OK", Refusal("ERR no")]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def written(reply: Reply) -> bytes:
    match reply:
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case str():
            return b"+%b\r\n" % reply.encode()
        case None:
            return b"$-1\r\n"
        case Refusal():
            return b"-%b\r\n" % reply.text.encode()
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(written, reply))


@given(st.lists(replies, max_size=4), st.integers(1, 7))
def test_replies_are_read_in_whatever_pieces_they_come(sent: list[Reply], size: int) -> None:
    data, reader, read = b"".join(map(written, sent)), ReplyReader(), list[Reply]()
    for place in range(0, len(data), size):
        read += reader.feed(data[place : place + size])
    assert read == sent


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\r\n", b"$x\r\n"])
def test_what_does_not_speak_the_protocol_is_no_engine(data: bytes) -> None:
    with pytest.raises(EngineError, match="not Redis's protocol"):
        list(ReplyReader().feed(data))


Connections = tuple[Lane, list[Any]]


@pytest.fixture
async def lane(nursery: trio.Nursery) -> Connections:
    """Return a lane that runs, and the other ends of its connections as it makes them."""
    ends = list[Any]()

    async def connect() -> trio.abc.Stream:
        mine, other = trio.testing.memory_stream_pair()
        ends.append(other)
        return mine

    running = Lane("memory", connect)
    nursery.start_soon(running.run)
    await trio.testing.wait_all_tasks_blocked()
    return running, ends


async def test_what_is_called_for_in_one_turn_is_one_write(lane: Connections) -> None:
    calls, [end] = lane
    answers = list[Reply]()
    for number in range(3):
        calls.call(command("GET", number), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    assert await end.receive_some() == b"".join([command("GET", number) for number in range(3)])
    await end.send_all(b":0\r\n:1\r\n:2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [0, 1, 2]


async def test_what_has_no_answer_is_sent_again_in_its_order(
    lane: Connections, autojump_clock: trio.testing.MockClock
) -> None:
    calls, ends = lane
    answers = list[Reply]()
    for number in range(3):
        calls.call(command("GET", number), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    await ends[0].send_all(b":0\r\n")
    await ends[0].aclose()
    await trio.sleep(1)
    assert await ends[1].receive_some() == command("GET", 1) + command("GET", 2)
    await ends[1].send_all(b":1\r\n:2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [0, 1, 2]


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        ("LOADING Redis is loading the dataset in memory", "the engine at memory loads its data"),
        ("READONLY You can't write against a read only replica.", "the engine at memory is a replica"),
        ("OOM command not allowed", "the engine at memory is out of memory: raise its maxmemory"),
        ("ERR Function not found", "refuses what it was sent: ERR Function not found"),
    ],
)
async def test_what_cannot_be_done_now_is_done_later_and_logged_once(
    lane: Connections,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
    refusal: str,
    told: str,
) -> None:
    calls, ends = lane
    caplog.set_level(logging.INFO, "cometary.cluster")
    answers = list[Reply]()
    calls.call(command("GET", 1), answers.append)
    calls.call(command("GET", 2), answers.append)
    for _ in range(3):
        await trio.testing.wait_all_tasks_blocked()
        await ends[-1].send_all(f"-{refusal}\r\n-{refusal}\r\n".encode())
        await trio.sleep(1.1)
    assert answers == []
    assert await ends[-1].receive_some() == command("GET", 1) + command("GET", 2)
    await ends[-1].send_all(b":1\r\n:2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [1, 2]
    away, back = caplog.messages
    assert told in away
    assert "the engine at memory is back" in back


async def test_who_waits_no_more_for_an_engine_that_is_away_has_withdrawn(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    end = list[Any]()

    async def connect() -> trio.abc.Stream:
        await trio.sleep(5)
        mine, other = trio.testing.memory_stream_pair()
        end.append(other)
        return mine

    calls = Lane("memory", connect)
    nursery.start_soon(calls.run)
    with trio.move_on_after(1):
        await calls.ask(command("GET", 1))
    calls.call(command("GET", 2), lambda _: None)
    await trio.sleep(6)
    assert await end[0].receive_some() == command("GET", 2)


async def test_nor_is_it_sent_again_if_it_was_sent_before_the_connection_broke(
    lane: Connections, autojump_clock: trio.testing.MockClock
) -> None:
    calls, ends = lane
    with trio.move_on_after(1):
        await calls.ask(command("GET", 1))
    calls.call(command("GET", 2), lambda _: None)
    await trio.testing.wait_all_tasks_blocked()
    await ends[0].aclose()
    await trio.sleep(1)
    assert await ends[1].receive_some() == command("GET", 2)


async def test_an_engine_that_answers_what_it_was_not_asked_is_away(
    lane: Connections, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    calls, ends = lane
    await ends[0].send_all(b":1\r\n")
    await trio.sleep(1)
    assert caplog.messages == ["the engine at memory answers what it was not asked"]
    answers = list[Reply]()
    calls.call(command("GET", 2), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    await ends[1].send_all(b":2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [2]
