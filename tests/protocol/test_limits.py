"""What a session may have at most; more is an error for whoever asked, or a line in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from cometary.errors import PatternError, UsageError
from cometary.sessions import Session
from tests.protocol.client import Recorder, World, serving

PATHS = 20
QUEUE = 4096
"""Bytes."""


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(recorder: Recorder) -> AsyncIterator[World]:
    async with serving(recorder.app, session_paths=PATHS, queue_bytes=QUEUE, queue_packets=10) as world:
        yield world


# -- paths -----------------------------------------------------------------------------------------


async def test_a_session_has_so_many_paths_and_no_more(world: World, recorder: Recorder) -> None:
    client = await world.open()
    [session] = recorder.sessions
    names = [f"path/{number}" for number in range(PATHS)]
    session.connect(*names[:-1])
    with pytest.raises(UsageError, match=r"20 paths at most \(session-paths\)"):
        session.connect(names[-1], "another")
    assert session.paths == names[:-1], "nothing has changed"
    session.connect(*names, *names)
    assert session.paths == names
    refused = await world.control("/connect", {"sid": client.sid, "paths": ["another"]})
    assert refused.error == (400, "bad-request")
    assert "session-paths" in refused.body["detail"]
    with pytest.raises(UsageError):
        await trio.to_thread.run_sync(session.connect, "another")
    session.disconnect(names[0])
    session.connect("another")
    assert session.paths == [*names[1:], "another"]


async def test_a_wrong_pattern_among_others_changes_nothing(world: World, recorder: Recorder) -> None:
    await world.open()
    [session] = recorder.sessions
    session.connect("a", "b")
    with pytest.raises(PatternError):
        session.connect("a", "c", "d", "**/no")
    assert session.paths == ["a", "b"]


class Counting(dict[Any, Any]):
    """Counts how often it is walked over."""

    walks = 0

    def __iter__(self) -> Any:
        type(self).walks += 1
        return super().__iter__()


async def test_to_connect_costs_what_is_asked_for_however_many_paths_there_are(recorder: Recorder) -> None:
    async with serving(recorder.app, session_paths=100_000) as world:
        client = await world.open()
        [session] = recorder.sessions
        session.connect("first")
        session.connect("second")
        table: Any = session._hub._table  # type: ignore[attr-defined]  # it is that of the server
        Counting.walks = 0  # those of the test before, at another door, are not ours
        groups: Any = table._groups_of  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        groups[session._keeper.ref] = Counting(groups[session._keeper.ref])  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        for number in range(3000):
            session.connect(f"path/{number}")
            session.disconnect(f"path/{number}")
            session.connect(f"path/{number}")
        assert Counting.walks == 0
        answer = await world.control("/connect", {"sid": client.sid, "paths": ["last"]})
        assert answer.body["path_count"] == 3003
        assert answer.body["paths"] == ["first", "second", *[f"path/{number}" for number in range(998)]]
        [shown] = await world.sessions()
        assert (len(shown["paths"]), shown["path_count"]) == (100, 3003)
        answer = await world.control("/disconnect", {"sid": client.sid, "paths": session.paths[500:]})
        assert answer.body == {"paths": ["first", "second", *[f"path/{number}" for number in range(498)]]}


# -- bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("contracts", [False, True])
async def test_a_packet_that_no_queue_could_hold_is_its_senders_error(contracts: bool) -> None:
    recorder = Recorder()
    if contracts:
        recorder.app.path("news", when_full="drop_oldest")
    errors: list[UsageError] = []

    @recorder.app.packet("ask")
    def ask(session: Session, _path: str, _message: object) -> None:
        for call in (session.send, recorder.app.update):
            for wishes in ({}, {"receipt": "one"}):
                try:
                    call("news", "x" * QUEUE, **wishes)  # type: ignore[arg-type]
                except UsageError as error:
                    errors.append(error)
        session.send("news", "x" * (QUEUE - len('{"path":"news","message":""}')))

    async with serving(recorder.app, queue_bytes=QUEUE) as world:
        client = await world.open()
        recorder.sessions[0].connect("news")
        [answer] = await client.poll(("ask", 1))
        assert len(answer) == QUEUE - 28, "as large as may be"
        assert len(errors) == 4
        assert f"the packet to 'news' has {QUEUE + 28} bytes, and a session queues {QUEUE} at most" in str(
            errors[0]
        )
        big = {"path": "news", "message": "x" * QUEUE}
        for path, body in (
            ("/send", {"sid": client.sid, "packets": [{"path": "news"}, big]}),
            ("/update", [{"path": "news"}, big]),
            ("/update", {**big, "ttl": 5}),
        ):
            assert (await world.control(path, body)).error == (400, "bad-request")
        await world.settle()
        assert len(await world.sessions()) == 1
        assert world.running.receipts.last == 0
        held = await client.hold()
        recorder.sessions[0].send("news", "the next")
        assert await client.receive(held) == ["the next"]
