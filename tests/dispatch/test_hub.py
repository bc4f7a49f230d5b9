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
from cometary.packets.position import NOTHING
from cometary.sessions import Packet, SessionKeeper, SessionManager
from cometary.sessions.application import Connect, Disconnect, Paths
from cometary.sessions.flow import CAUSE, MANY, MANY_PARKED, Flow
from cometary.sessions.keeper import BEHIND, UP_TO_DATE
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
    assert hub.connect(keeper.sid, ["news"]).get() == Paths([], 1)
    assert hub.disconnect(keeper.sid, ["jobs"]).get() == Paths([], 1)
    keeper.end("closed")
    await wait_all_tasks_blocked()
    assert hub.paths(keeper) == Paths([], 0)
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
    for taken in (engine.taken[2], engine.taken[1]):
        taken.set()
        assert not published.done()
    engine.taken[0].set()
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


async def test_what_a_clients_packet_brings_about_is_counted_and_nothing_else(
    manager: SessionManager, hub: Hub, keeper: SessionKeeper
) -> None:
    speaker, rounds = manager.open(1), manager.flow.rounds
    room = rounds._packets
    for cause, count in ((None, 0), (speaker, 2)):
        token = CAUSE.set(cause)
        hub.post(keeper, Packet("a"))
        with pytest.raises(UsageError, match="no server runs"):
            hub.update("a")
        CAUSE.reset(token)
        assert room - rounds._packets == count


async def test_whoever_sends_to_a_session_that_is_behind_is_held_for_it(
    manager: SessionManager, hub: Hub, keeper: SessionKeeper
) -> None:
    speaker = manager.open(1)
    token = CAUSE.set(speaker)
    manager.flow.fall_behind(keeper.ref)
    hub.post(keeper, Packet("a"))
    assert speaker.holds == 0, "it is not behind as far as the session knows"
    keeper.lag = BEHIND
    await trio.to_thread.run_sync(hub.post, keeper, Packet("a"))
    assert speaker.holds == 0, "what belongs to the loop is left alone by threads"
    hub.post(keeper, Packet("a"))
    assert speaker.holds == 1
    CAUSE.reset(token)
    manager.flow.catch_up(keeper.ref)
    keeper.lag = UP_TO_DATE


async def test_who_connects_a_session_that_has_moved_does_so_where_it_is(
    manager: SessionManager, hub: Hub, keeper: SessionKeeper
) -> None:
    forwarded: list[object] = []
    manager.release(keeper, forwarded.append)
    hub.subscribe(keeper, ["news", "jobs"], NOTHING)
    hub.unsubscribe(keeper, ["jobs"])
    assert forwarded == [Connect(("news", "jobs"), NOTHING), Disconnect(("jobs",))]
    assert hub.paths(keeper) == Paths([], 0)


async def test_any_actor_may_listen_as_long_as_it_likes(manager: SessionManager) -> None:
    table: Table = Table()
    hub = Hub(manager, table, start_soon=lambda: None)
    ref: Any = "a reference"
    for pattern in ("news", "jobs/*"):
        hub.listen(ref, pattern)
    hub.unlisten(ref, "news")
    assert table.patterns(ref) == ("jobs/*",)
    hub.forget(ref)
    assert table.patterns(ref) == ()


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


async def test_a_call_that_waits_alone_has_its_turn_and_what_its_answer_waits_for(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    flow, later = Flow(), Future[int]()
    flow.parked = MANY_PARKED

    def call() -> Future[int]:
        return later

    answer: Future[int] = CallLine(flow, nursery.start_soon).make(call)
    flow.parked = 0
    await trio.sleep(1)
    assert not answer.done()
    later.offer(7)
    assert answer.get() == 7


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
    refused = line.make(fail)
    assert error_of(refused) == "too-many-requests"
    with pytest.raises(ProtocolError) as raised:
        refused.get()
    assert raised.value.retry_after == 1
    await trio.sleep(1)
    assert not failing.done()
    flow.parked = 0
    assert [await answer for answer in waiting] == list(range(MOST_WAITING - 1))
    assert error_of(failing) == "UsageError"
