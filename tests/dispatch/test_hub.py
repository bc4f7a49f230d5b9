"""The hub by itself: whoever sends, connects or ends goes through it, from any thread, and is told when it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary import App, Session
from cometary.actors import Future, system
from cometary.dispatch.call_line import MOST_WAITING, CallLine
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.engine import LocalEngine
from cometary.dispatch.hub import MOST_MAIL, Hub
from cometary.errors import MailboxFullError, PatternError, ProtocolError, UsageError
from cometary.sessions import Packet, SessionKeeper, SessionManager
from cometary.sessions.application import Paths
from cometary.sessions.flow import MANY, MANY_PARKED, Flow
from tests.sessions.house import hosting


@pytest.fixture
async def manager() -> AsyncIterator[SessionManager]:
    async with system(), hosting(App(), max_paths=5) as manager:
        yield manager


@pytest.fixture
def hub(manager: SessionManager) -> Hub:
    assert isinstance(manager.hub, Hub)
    return manager.hub


@pytest.fixture
async def keeper(manager: SessionManager) -> SessionKeeper:
    """A session that has begun."""
    keeper = manager.open(1)
    await wait_all_tasks_blocked()
    return keeper


def queued(keeper: SessionKeeper) -> list[Any]:
    return [packet.message for packet in keeper.machine.outbox.packets]


def error_of(answer: Future[Any]) -> str:
    """What a future that is settled was settled with."""
    assert answer.done()
    with pytest.raises((ProtocolError, UsageError)) as caught:
        answer.get()
    return caught.value.condition if isinstance(caught.value, ProtocolError) else type(caught.value).__name__


async def test_what_a_door_asks_for_is_done_at_once_and_in_order(hub: Hub, keeper: SessionKeeper) -> None:
    connected = hub.connect(keeper.sid, ["news", "jobs/*"], listing=1)
    assert connected.done()
    assert connected.get() == Paths(["news"], 2)
    assert connected.get().shown() == {"paths": ["news"], "path_count": 2}
    sent = hub.send(keeper.sid, [Packet("a", 1), Packet("a", 2)])
    assert sent.done()
    assert hub.disconnect(keeper.sid, ["news"], listing=9).get() == Paths(["jobs/*"], 1)
    await wait_all_tasks_blocked()
    assert queued(keeper) == [1, 2]
    assert hub.kick(keeper.sid).done()
    await wait_all_tasks_blocked()
    assert keeper.ended == "kicked"


async def test_to_a_door_who_has_ended_is_unknown(hub: Hub, keeper: SessionKeeper) -> None:
    keeper.end("closed")
    await wait_all_tasks_blocked()
    for sid in (keeper.sid, "nobody"):
        for answer in (hub.send(sid, []), hub.connect(sid, []), hub.disconnect(sid, []), hub.kick(sid)):
            assert error_of(answer) == "unknown-session"


@pytest.mark.parametrize(
    ("patterns", "error"), [(["b", "a/**/b"], "PatternError"), ([f"b/{n}" for n in range(9)], "UsageError")]
)
async def test_a_wrong_pattern_or_one_too_many_changes_nothing(
    hub: Hub, keeper: SessionKeeper, patterns: list[str], error: str
) -> None:
    hub.connect(keeper.sid, ["a"])
    assert error_of(hub.connect(keeper.sid, patterns)) == error
    assert error_of(hub.subscribe(keeper, patterns)) == error
    assert hub.paths(keeper) == Paths(["a"], 1)


async def test_from_another_thread_whoever_connects_waits_until_it_is_so(
    hub: Hub, keeper: SessionKeeper
) -> None:
    session = Session(keeper, hub)

    def elsewhere() -> list[str]:
        session.connect("news")
        with pytest.raises(PatternError):
            session.connect("a/**/b")
        session.send("a", 1)
        return session.paths

    assert await trio.to_thread.run_sync(elsewhere) == ["news"]
    await wait_all_tasks_blocked()
    assert queued(keeper) == [1]


def test_when_the_server_has_stopped_no_thread_waits_for_ever() -> None:
    async def serve() -> Session:
        async with system(), hosting(App()) as manager:
            return Session(manager.open(1), manager.hub)

    with ThreadPoolExecutor() as elsewhere:
        session = elsewhere.submit(trio.run, serve).result()
    session.connect("news")
    session.send("a", 1)
    assert session.paths == []


async def test_before_anybody_routes_there_is_no_update(hub: Hub) -> None:
    with pytest.raises(UsageError, match="no server runs"):
        hub.update("news")
    with pytest.raises(UsageError, match="no server runs"):
        hub.publish_all([Packet("news")]).get()


class SlowEngine(LocalEngine):
    """Has taken a packet when somebody says so."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Future[None]] = []

    def publish(self, packet: Packet) -> Future[None]:
        self.taken.append(Future())
        return self.taken[-1]


async def test_a_door_is_told_when_the_engine_has_all_or_cannot_take_it(manager: SessionManager) -> None:
    engine = SlowEngine()
    hub = Hub(manager, Table(), engine=engine, start_soon=lambda: None)
    published, failing = (
        hub.publish_all([Packet("a", n) for n in range(3)]),
        hub.publish_all([Packet("b")] * 2),
    )
    for taken in (engine.taken[2], engine.taken[0]):
        taken.set()
        assert not published.done()
    engine.taken[1].set()
    assert published.done()
    engine.taken[3].offer(error=UsageError("cannot be reached"))
    assert not failing.done(), "the answer says what became of all of them"
    engine.taken[4].set()
    assert error_of(failing) == "UsageError"


async def test_whoever_gives_a_session_no_turn_is_refused(hub: Hub, keeper: SessionKeeper) -> None:
    for number in range(MOST_MAIL):
        hub.post(keeper, Packet("a", number))
    with pytest.raises(MailboxFullError, match=f"<Session {keeper.name}>"):
        hub.post(keeper, Packet("a", "one too many"))
    keeper.end("closed")
    await wait_all_tasks_blocked()


# -- the line of back-ends' calls -------------------------------------------------------------------


async def test_calls_that_send_wait_for_a_session_that_much_waits_for_and_keep_their_order(
    hub: Hub, keeper: SessionKeeper, autojump_clock: trio.testing.MockClock
) -> None:
    many = [Packet("a", number) for number in range(MANY)]
    assert hub.send(keeper.sid, many).done()
    last = [hub.send(keeper.sid, [Packet("a", MANY + number)]) for number in range(2)]
    assert not any(answer.done() for answer in last)
    assert hub.connect(keeper.sid, ["news"]).done(), "only what sends waits"
    for answer in last:
        await answer
    await wait_all_tasks_blocked()
    assert queued(keeper) == list(range(MANY + 2)) or keeper.ended == "overflow"


async def test_only_so_many_calls_wait_and_one_that_raises_holds_up_nobody(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    flow = Flow()
    flow.parked = MANY_PARKED
    line = CallLine(flow, nursery.start_soon)

    def fail() -> None:
        raise UsageError("wrong")

    failing = line.make(fail)
    waiting = [line.make(lambda number=number: number) for number in range(MOST_WAITING - 1)]  # type: ignore[misc]
    assert error_of(line.make(fail)) == "too-many-requests"
    await trio.sleep(1)
    assert not failing.done()
    flow.parked = 0
    assert [await answer for answer in waiting] == list(range(MOST_WAITING - 1))
    assert error_of(failing) == "UsageError"
