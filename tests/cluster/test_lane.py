"""The lane, without a server."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing

from cometary.cluster.redis.asking import Call
from cometary.cluster.redis.lane import Lane
from cometary.cluster.redis.wire import Reply, command
from cometary.errors import EngineError

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
        ("LOADING Redis is loading the dataset in memory", "the engine at memory is loading its data"),
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


WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


@pytest.mark.parametrize(
    "refusal",
    [
        "CROSSSLOT Keys in request don't hash to the same slot",
        WRONG_TYPE,
        "ERR value is not an integer script: cometary_1_open, on @user_function:12.",
    ],
)
async def test_what_never_can_be_done_fails_alone(
    lane: Connections, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, refusal: str
) -> None:
    calls, [end] = lane
    answers, refused = list[Reply](), list[str]()

    async def ask() -> None:
        with pytest.raises(
            EngineError, match=f"the engine at memory refuses what it was sent: {refusal[:4]}"
        ):
            await calls.ask(command("GET", 1))
        refused.append("asked")

    nursery.start_soon(ask)
    await trio.testing.wait_all_tasks_blocked()
    calls.call(command("GET", 2), answers.append, lambda error: refused.append(str(error)))
    calls.call(command("GET", 3), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    await end.send_all(f"-{refusal}\r\n-{refusal}\r\n:3\r\n".encode())
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [3]
    assert sorted(refused) == ["asked", f"the engine at memory refuses what it was sent: {refusal}"]
    assert calls.up
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("replies", "undone"),
    [(f"-{WRONG_TYPE}\r\n:1\r\n", [1]), (f":1\r\n-{WRONG_TYPE}\r\n", [1]), (":1\r\n:1\r\n", [])],
)
async def test_what_was_done_is_undone_if_what_belongs_to_it_never_can_be(
    lane: Connections, nursery: trio.Nursery, replies: str, undone: list[int]
) -> None:
    calls, [end] = lane
    done = list[int]()

    async def ask() -> None:
        with suppress(EngineError):
            await calls.ask(command("SADD"), command("SET"), undo=lambda: done.append(1))

    nursery.start_soon(ask)
    await trio.testing.wait_all_tasks_blocked()
    await end.send_all(replies.encode())
    await trio.testing.wait_all_tasks_blocked()
    assert done == undone


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


async def test_thousands_who_give_up_at_once_do_not_each_look_through_all_that_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    looked = 0

    class Counted(Call):
        """A call that counts how often it is looked at."""

        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            nonlocal looked
            looked += name == "withdrawn"
            return super().__getattribute__(name)

    calls = Lane("memory", trio.sleep_forever)

    async def give_up() -> None:
        with trio.move_on_after(1):
            await calls.ask(command("GET", 1))

    for _ in range(1000):
        calls.put(Counted(command("GET", 2), lambda _: None))
    async with trio.open_nursery() as nursery:
        for _ in range(2000):
            nursery.start_soon(give_up)
    assert looked <= 3 * 1000
    assert len(calls.take_all()) == 1000


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
    assert caplog.messages == ["the engine at memory answers something it was not asked"]
    answers = list[Reply]()
    calls.call(command("GET", 2), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    await ends[1].send_all(b":2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [2]


async def test_whoever_waits_for_the_reply_gets_it_and_not_that_of_another_who_does_not_wait_any_more(
    lane: Connections, nursery: trio.Nursery
) -> None:
    calls, [end] = lane
    answers = list[Reply]()

    async def ask(number: int) -> None:
        answers.append(await calls.ask(command("GET", number)))

    with trio.CancelScope() as gone:
        gone.cancel()
        await calls.ask(command("GET", 1))
    nursery.start_soon(ask, 2)
    await trio.testing.wait_all_tasks_blocked()
    await end.send_all(b":1\r\n:2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [2]


async def test_a_connection_on_which_nothing_comes_any_more_is_let_go_of(
    lane: Connections, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    calls, ends = lane
    answers = list[Reply]()
    calls.call(command("GET", 1), answers.append)
    calls.drop()
    await trio.sleep(1)
    assert calls.up
    await ends[1].send_all(b":1\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [1]
    assert caplog.messages == ["the engine at memory does not answer"]


@pytest.mark.parametrize("answers", [False, True])
async def test_it_is_tried_again_ever_later_and_soon_again_once_there_was_an_answer(
    answers: bool, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    tried, away = list[float](), list[float]()

    async def connect() -> trio.abc.Stream:
        tried.append(trio.current_time())
        mine, other = trio.testing.memory_stream_pair()
        if len(tried) == 4:
            assert not calls.up
            await other.send_all(b":1\r\n" if answers else b"")
        await other.send_eof()
        return mine

    calls = Lane("memory", connect, lambda: away.append(trio.current_time()))
    calls.call(command("GET", 1), lambda _: None)
    nursery.start_soon(calls.run)
    await trio.sleep(3)
    pauses = [round(after - before, 3) for before, after in pairwise(tried)]
    first = [0.05, 0.1, 0.2]
    later = [0.05, 0.1, 0.2, 0.4, 0.8] if answers else [0.4, 0.8, 1.0]
    assert pauses[: 3 + len(later)] == first + later
    assert away[: len(tried)] == tried


async def test_after_a_crash_it_goes_on_with_what_had_no_answer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ends = list[Any]()

    async def connect() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        mine, other = trio.testing.memory_stream_pair()
        ends.append(other)
        return mine

    def fail(_: Reply) -> None:
        raise ZeroDivisionError

    calls, answers = Lane("memory", connect), list[Reply]()
    calls.call(command("GET", 1), fail)
    calls.call(command("GET", 2), answers.append)

    async def supervised() -> None:
        with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
            await calls.run()
        await calls.run()

    nursery.start_soon(supervised)
    await trio.testing.wait_all_tasks_blocked()
    await ends[0].send_all(b":1\r\n")
    await trio.sleep(1)
    with trio.fail_after(1):
        assert await ends[1].receive_some() == command("GET", 2)
    await ends[1].send_all(b":2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [2]


@pytest.mark.parametrize("written", [True, False])
async def test_what_may_have_been_done_is_undone_when_nobody_waits_for_it(
    lane: Connections, autojump_clock: trio.testing.MockClock, *, written: bool
) -> None:
    calls, [end] = lane
    undone = list[int]()
    if not written:
        await end.aclose()
        await trio.testing.wait_all_tasks_blocked()
    with trio.move_on_after(0.01):
        await calls.ask(command("SADD"), command("SET"), undo=lambda: undone.append(1))
    assert undone == ([1] if written else [])


async def test_what_was_answered_is_not_undone(lane: Connections) -> None:
    calls, [end] = lane
    await end.send_all(b"")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(calls.ask, command("SADD"), command("SET"), undo=pytest.fail))
        await trio.testing.wait_all_tasks_blocked()
        await end.send_all(b":1\r\n:0\r\n")
