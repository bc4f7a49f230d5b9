"""What handlers may do, plain or async, in the session's own turn, in a task, or from another thread."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest
import trio
import trio.testing

from cometary.app import App
from cometary.errors import PatternError, UsageError
from cometary.sessions import Session
from tests.protocol.client import Recorder, World, serving

Act = Callable[[Session], object]


async def directly(act: Act, session: Session) -> None:
    act(session)


async def in_a_thread(act: Act, session: Session) -> None:
    await trio.to_thread.run_sync(act, session)


Way = Callable[[Act, Session], Awaitable[None]]


class Acting:
    """An application whose handler for `act` does what the test says, in one of several ways."""

    def __init__(self, way: Way | None) -> None:
        self.recorder = Recorder()
        self.act: Act = lambda _: None
        self.app = self.recorder.app
        self._way = way
        self.app.packet("act")(self._plain if way is None else self._async)

    def _plain(self, session: Session, _path: str, _message: object) -> None:
        self.act(session)

    async def _async(self, session: Session, _path: str, _message: object) -> None:
        assert self._way is not None
        await self._way(self.act, session)


@pytest.fixture(params=[None, directly, in_a_thread], ids=["plain", "async", "thread"])
def acting(request: pytest.FixtureRequest) -> Acting:
    return Acting(request.param)


async def act(world: World, acting: Acting, what: Act) -> None:
    """Open a session whose handler does `what`, and wait until that is done."""
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def do(session: Session) -> None:
        try:
            what(session)
        finally:
            token.run_sync_soon(done.set)

    acting.act = do
    client = await world.open()
    await client.hold(("act", None))
    with trio.fail_after(60):
        await done.wait()
    await world.settle()


def send_three(session: Session) -> None:
    for number in range(3):
        session.send("a", number)


async def test_it_may_send(acting: Acting) -> None:
    async with serving(acting.app) as world:
        acting.act = send_three
        client = await world.open()
        held = await client.hold(("act", None))
        got = await client.receive(held)
        while len(got) < 3:
            got += await client.poll()
        assert got == [0, 1, 2]


async def test_it_may_connect_and_disconnect(acting: Acting) -> None:
    def connect(session: Session) -> None:
        session.connect("a", "b/*")
        session.connect("c")
        session.disconnect("a", "never")

    async with serving(acting.app) as world:
        await act(world, acting, connect)
        [session] = acting.recorder.sessions
        assert session.paths == ["b/*", "c"]
        assert [each["paths"] for each in await world.sessions()] == [["b/*", "c"]]


async def test_a_wrong_pattern_is_the_callers_and_connects_nothing(acting: Acting) -> None:
    caught: list[PatternError] = []

    def connect(session: Session) -> None:
        try:
            session.connect("new", "bad*star")
        except PatternError as error:
            caught.append(error)

    async with serving(acting.app) as world:
        await act(world, acting, connect)
        assert len(caught) == 1
        assert acting.recorder.sessions[0].paths == []


class Pattern(str):
    """A pattern that knows in which threads it was looked up."""

    __slots__ = ()
    threads: ClassVar[set[int]] = set()

    def __hash__(self) -> int:
        self.threads.add(threading.get_ident())
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)


async def test_the_table_of_subscriptions_is_touched_on_the_loops_thread_only(acting: Acting) -> None:
    """It has no lock, so a call from another thread must not reach into it."""
    async with serving(acting.app) as world:
        Pattern.threads.clear()
        await act(world, acting, lambda session: session.connect(Pattern("a")))
        assert Pattern.threads == {threading.get_ident()}


async def test_it_may_kick(acting: Acting) -> None:
    async with serving(acting.app) as world:
        client = await world.open()
        acting.act = lambda session: session.kick()
        held = await client.hold(("act", None))
        assert (await held.answer()).body["reason"] == "kicked"
        await world.settle()
        assert acting.recorder.ended == [("kicked", [])]


async def test_it_may_update_everybody(acting: Acting) -> None:
    async with serving(acting.app) as world:
        listener = await world.open()
        acting.recorder.sessions[0].connect("news")
        held = await listener.hold()
        await act(world, acting, lambda session: acting.app.update("news", session.name))
        assert await listener.receive(held) == [acting.recorder.sessions[1].name]


async def test_it_may_send_to_another_session(acting: Acting) -> None:
    async with serving(acting.app) as world:
        other = await world.open()
        held = await other.hold()
        await act(world, acting, lambda _: acting.recorder.sessions[0].send("a", "from you"))
        assert await other.receive(held) == ["from you"]


async def test_what_cannot_be_encoded_is_the_callers_and_nothing_is_sent(acting: Acting) -> None:
    caught: list[UsageError] = []

    def send(session: Session) -> None:
        for call in (session.send, acting.app.update):
            try:
                call("a", object())
            except UsageError as error:
                caught.append(error)

    async with serving(acting.app) as world:
        await act(world, acting, send)
        assert len(caught) == 2
        assert [each["queued"] for each in await world.sessions()] == [0]


@pytest.mark.parametrize("path", ["", "\n", "a\0", "x" * 1025])
async def test_what_is_no_path_is_the_callers_and_nothing_is_sent(
    world: World, recorder: Recorder, path: str
) -> None:
    await world.open()
    for send in (recorder.app.update, recorder.sessions[0].send):
        with pytest.raises(UsageError, match="path"):
            send(path, 1)
    assert [each["queued"] for each in await world.sessions()] == [0]


async def test_a_program_in_another_thread_may_use_sessions_at_any_time(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    session = recorder.sessions[0]

    def program() -> None:
        session.connect("news")
        for number in range(100):
            session.send("a", number)
            recorder.app.update("news", number)

    await trio.to_thread.run_sync(program)
    await world.settle()
    got = await client.poll()
    assert sorted(got) == sorted([*range(100), *range(100)])


async def test_a_session_that_has_ended_takes_no_notice_of_threads(world: World, recorder: Recorder) -> None:
    client = await world.open()
    await client.ask(close=True)
    await world.settle()
    session = recorder.sessions[0]

    def program() -> None:
        session.disconnect("news")
        session.connect("news")
        session.send("a", 1)
        session.kick()

    await trio.to_thread.run_sync(program)
    await world.settle()
    assert session.paths == []


async def test_handlers_may_be_called_after_the_server_has_stopped(recorder: Recorder) -> None:
    async with serving(recorder.app) as world:
        await world.open()
        world.running.stop()
    session = recorder.sessions[0]
    session.send("a", 1)
    session.kick()
    with pytest.raises(UsageError, match="no server runs"):
        recorder.app.update("a", 1)


# -- handlers that take their time -----------------------------------------------------------------


@pytest.fixture
def gate() -> trio.Event:
    return trio.Event()


@pytest.fixture
def slow(recorder: Recorder, gate: trio.Event) -> Recorder:
    """A recorder whose application waits at the gate at packets to `slow`."""

    @recorder.app.packet("slow")
    async def wait(_session: Session, _path: str, message: object) -> None:
        await gate.wait()
        recorder.packets.append(("done", message))

    return recorder


async def test_a_slow_handler_delays_no_push(world: World, slow: Recorder) -> None:
    client = await world.open()
    held = await client.hold(("slow", 1))
    slow.sessions[0].connect("news")
    slow.app.update("news", "now")
    assert await client.receive(held) == ["now"]
    held = await client.hold()
    slow.sessions[0].send("a", "too")
    assert await client.receive(held) == ["too"]
    assert slow.packets == [("slow", 1)]


async def test_packets_are_handled_one_at_a_time_and_in_order(
    world: World, slow: Recorder, gate: trio.Event
) -> None:
    client = await world.open()
    await client.hold(("slow", 1), ("fast", 2))
    await client.hold(("slow", 3), ("fast", 4))
    assert slow.packets == [("slow", 1)]
    gate.set()
    await world.settle()
    assert slow.packets == [
        ("slow", 1),
        ("done", 1),
        ("fast", 2),
        ("slow", 3),
        ("done", 3),
        ("fast", 4),
    ]


async def test_a_slow_handler_delays_no_other_session(world: World, slow: Recorder) -> None:
    first, second = await world.open(), await world.open()
    await first.hold(("slow", 1))
    await second.hold(("fast", 2))
    assert slow.packets == [("slow", 1), ("fast", 2)]


async def test_all_handlers_of_a_path_are_called_in_the_order_of_their_declaration() -> None:
    app = App()
    calls: list[str] = []

    @app.packet("a/*")
    async def first(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        calls.append("first")

    @app.packet("**")
    def second(*_: object) -> None:
        calls.append("second")

    @app.packet("a/b")
    async def third(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        calls.append("third")

    async with serving(app) as world:
        client = await world.open()
        await client.hold(("a/b", 1))
        assert calls == ["first", "second", "third"]


async def test_the_end_waits_for_the_handler_that_runs(
    world: World, slow: Recorder, gate: trio.Event
) -> None:
    client = await world.open()
    await client.hold(("slow", 1), ("fast", 2))
    slow.sessions[0].kick()
    await world.settle()
    assert slow.ended == []
    gate.set()
    await world.settle()
    assert slow.packets == [("slow", 1), ("done", 1), ("fast", 2)]
    assert slow.ended == [("kicked", [])]


async def test_more_packets_than_the_application_can_handle_are_refused_and_not_lost(
    world: World, slow: Recorder, gate: trio.Event
) -> None:
    client = await world.open()
    await client.hold(("slow", 0))
    for first in range(0, 1000, 250):
        await client.hold(*[("fast", number) for number in range(first, first + 250)])
    answer = await client.ask(("fast", "one more"))
    assert answer.error == (429, "too-many-requests")
    assert int(answer.headers["retry-after"]) > 0
    client.rid -= 1
    gate.set()
    await world.settle()
    await client.hold(("fast", "one more"))
    assert slow.packets[-2:] == [("fast", 999), ("fast", "one more")]
    assert len(slow.packets) == 1003


async def test_so_are_more_bytes(world: World, slow: Recorder) -> None:
    client = await world.open()
    await client.hold(("slow", 0))
    for _ in range(5):
        await client.hold(("fast", "x" * 200_000))
    assert (await client.ask(("fast", "x" * 200_000))).error == (429, "too-many-requests")


async def test_packets_that_were_handled_make_room_for_others(recorder: Recorder) -> None:
    """Also while there is always one that waits."""
    gates = [trio.Event() for _ in range(12)]

    @recorder.app.packet("gate")
    async def wait(_session: Session, _path: str, message: tuple[int, str]) -> None:
        await gates[message[0]].wait()

    async with serving(recorder.app) as world:
        client = await world.open()
        for number, gate in enumerate(gates):
            sender = await client.hold(("gate", [number, "x" * 200_000]))
            if number > 1:
                gates[number - 2].set()
                await world.settle()
            assert not gate.is_set()
            assert [each["unhandled"] for each in await world.sessions()] == [min(number, 1)]
            sender.wire.reset()


async def test_a_request_without_packets_is_taken_however_much_waits(world: World, slow: Recorder) -> None:
    client = await world.open()
    await client.hold(("slow", 0))
    for first in range(0, 1000, 250):
        await client.hold(*[("fast", number) for number in range(first, first + 250)])
    slow.sessions[0].send("a", 1)
    assert await client.poll() == [1]


# -- over-active clients ---------------------------------------------------------------------------


async def test_a_client_that_releases_its_own_requests_over_and_over_is_refused(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        held = await client.hold()
        for _ in range(19):
            held = await client.hold()
        answer = await client.ask()
        assert answer.error == (429, "too-many-requests")
        assert int(answer.headers["retry-after"]) > 0
        client.rid -= 1
        await world.pass_time(mock_clock, 1)
        newer = await client.hold()
        assert await client.receive(held) == []
        recorder.sessions[0].send("a", 1)
        assert await client.receive(newer) == [1]
