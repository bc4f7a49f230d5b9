"""A handler that raises crashes its own session's actor: what survives that, and when it is too much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from cometary.app import App
from cometary.sessions import Session
from cometary.sessions.supervisor import CRASHES, PERIOD
from tests.protocol.client import Comet, Recorder, World, serving


class CrashError(Exception):
    """What the handlers of these tests raise."""


def crash(_session: Session, path: str, _message: object) -> None:
    raise CrashError(path)


async def crash_at_once(_session: Session, path: str, _message: object) -> None:
    raise CrashError(path)


async def crash_later(_session: Session, path: str, _message: object) -> None:
    await trio.lowlevel.checkpoint()
    raise CrashError(path)


Crash = Callable[[Session, str, object], Awaitable[None] | None]


@pytest.fixture(params=[crash, crash_at_once, crash_later])
def handler(request: pytest.FixtureRequest) -> Crash:
    handler: Crash = request.param
    return handler


@pytest.fixture
def crashing(recorder: Recorder, handler: Crash) -> Recorder:
    """A recorder whose application crashes at packets to `crash`."""
    recorder.app.packet("crash")(handler)
    return recorder


@pytest.fixture
async def client(crashing: Recorder, world: World) -> Comet:
    return await world.open()


async def test_the_session_goes_on_with_all_it_had(world: World, client: Comet, crashing: Recorder) -> None:
    session = crashing.sessions[0]
    session.connect("news", "jobs/*")
    session.data["user"] = "ada"
    session.send("a", "kept")
    await client.hold(("crash", 1))
    assert session.paths == ["news", "jobs/*"]
    assert session.data == {"user": "ada"}
    crashing.app.update("news", "update")
    await world.settle()
    assert await client.poll() == ["kept", "update"]
    assert crashing.ended == []
    assert len(crashing.sessions) == 1  # it did not sign on again


async def test_a_held_request_stays_held(world: World, client: Comet, crashing: Recorder) -> None:
    await client.hold()
    held = await client.hold(("crash", "first"))
    crashing.sessions[0].send("a", "later")
    assert await client.receive(held) == ["later"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_what_a_handler_sent_before_it_raised_is_not_lost(
    recorder: Recorder, world: World, is_async: bool
) -> None:
    def say_and_crash(session: Session, path: str, message: object) -> None:
        session.send(path, message)
        raise CrashError

    async def say_and_crash_later(session: Session, path: str, message: object) -> None:
        await trio.lowlevel.checkpoint()
        say_and_crash(session, path, message)

    recorder.app.packet("say")(say_and_crash_later if is_async else say_and_crash)
    client = await world.open()
    held = await client.hold(("say", "last words"))
    assert await client.receive(held) == ["last words"]


async def test_what_crashed_is_not_handed_over_again_and_what_is_behind_it_is(
    world: World, client: Comet, crashing: Recorder
) -> None:
    await client.hold(("a", 1), ("crash", 2), ("a", 3), ("crash", 4), ("a", 5))
    await client.hold(("a", 6))
    await world.settle()
    assert crashing.packets == [("a", 1), ("crash", 2), ("a", 3), ("crash", 4), ("a", 5), ("a", 6)]


async def test_a_retry_after_a_crash_is_a_retry(world: World, client: Comet, crashing: Recorder) -> None:
    body = client.body(("crash", 1))
    for _ in range(3):
        connection = await world.connect()
        await connection.send(body)
        await world.settle()
    assert crashing.packets == [("crash", 1)]


async def test_an_early_request_outlives_the_crash_of_the_one_before_it(
    world: World, client: Comet, crashing: Recorder
) -> None:
    early = await client.hold(("a", "third"), rid=3)
    client.rid = 1
    await client.hold(("crash", "second"))
    assert crashing.packets == [("crash", "second"), ("a", "third")]
    crashing.sessions[0].send("a", 1)
    assert await client.receive(early) == [1]


async def test_two_crashes_in_a_row_are_two_restarts(world: World, client: Comet, crashing: Recorder) -> None:
    early = await client.hold(("crash", "third"), rid=3)
    client.rid = 1
    await client.hold(("crash", "second"))
    await world.settle()
    assert crashing.packets == [("crash", "second"), ("crash", "third")]
    connection = await world.connect(control=True)
    [sessions] = [
        each for each in (await connection.get("/tree")).body["children"] if each["id"] == "sessions"
    ]
    assert sessions["children"][0]["restarts"] == 2
    crashing.sessions[0].send("a", 1)
    assert await client.receive(early) == [1]


async def test_timers_go_on_after_a_crash(crashing: Recorder, mock_clock: trio.testing.MockClock) -> None:
    async with serving(crashing.app) as world:
        client = await world.open()
        held = await client.hold(("crash", 1))
        await world.pass_time(mock_clock, 60)
        assert await client.receive(held) == []
        await world.pass_time(mock_clock, 45)
        assert [reason for reason, _ in crashing.ended] == ["timeout"]


async def test_one_sessions_crash_harms_no_other(world: World, client: Comet, crashing: Recorder) -> None:
    other = await world.open()
    held = await other.hold()
    await client.hold(*[("crash", number) for number in range(CRASHES + 1)])
    await world.settle()
    assert [reason for reason, _ in crashing.ended] == ["failed"]
    crashing.sessions[1].send("a", "unharmed")
    assert await other.receive(held) == ["unharmed"]


async def test_so_many_crashes_are_put_up_with(world: World, client: Comet, crashing: Recorder) -> None:
    await client.hold(*[("crash", number) for number in range(CRASHES)])
    await world.settle()
    assert crashing.ended == []
    crashing.sessions[0].send("a", "unharmed")
    assert await client.poll() == ["unharmed"]


async def test_one_crash_more_and_the_session_has_failed(
    world: World, client: Comet, crashing: Recorder
) -> None:
    crashing.sessions[0].send("a", "undelivered")
    assert (await client.ask()).packets == ["undelivered"]
    packets = [*[("crash", number) for number in range(CRASHES + 1)], ("a", "never")]
    held = await client.hold(*packets, ack=0)
    assert (await held.answer()).status in (200, 410)
    assert crashing.ended == [("failed", ["undelivered"])]
    assert ("a", "never") not in crashing.packets
    assert (await client.ask(ack=0)).body["reason"] == "failed"
    assert await world.sessions() == []


async def test_a_session_that_has_failed_leaves_no_subscription_behind(
    client: Comet, crashing: Recorder
) -> None:
    session = crashing.sessions[0]
    session.connect("news", "jobs/*")
    dead = session._keeper.ref
    await client.hold(*[("crash", number) for number in range(CRASHES + 1)])
    assert [reason for reason, _ in crashing.ended] == ["failed"]
    assert session.paths == []
    assert not session._hub._table.patterns(dead)  # type: ignore[attr-defined]  # it is that of the server


async def test_a_held_request_is_told_that_the_session_has_failed(client: Comet, crashing: Recorder) -> None:
    for _ in range(CRASHES):
        await client.hold(("crash", 1))
    held = await client.hold()
    last = await client.hold(("crash", 1))
    assert await client.receive(held) == []  # released by the last one
    answer = await last.answer()
    assert answer.error == (410, "session-ended")
    assert answer.body["reason"] == "failed"


async def test_requests_that_wait_for_a_session_that_fails_are_told_so(
    world: World, client: Comet, crashing: Recorder
) -> None:
    """They came while the last crash was on its way, and may be in the dead actor's mailbox."""
    sender, second = await world.connect(), await world.connect()
    await sender.send(client.body(*[("crash", number) for number in range(CRASHES + 1)]))
    await second.send(client.body())
    await world.settle()
    assert [reason for reason, _ in crashing.ended] == ["failed"]
    assert (await sender.answer()).status in (200, 410)
    assert (await second.answer()).body["reason"] == "failed"


async def test_crashes_that_are_long_ago_do_not_count(
    crashing: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(crashing.app) as world:
        client = await world.open()
        for number in range(3 * CRASHES):
            await client.hold(("crash", number))
            await world.pass_time(mock_clock, PERIOD)
        assert crashing.ended == []


# -- sign-on and sign-off --------------------------------------------------------------------------


async def test_a_signon_that_raises_is_not_repeated_and_the_session_goes_on() -> None:
    app = App()
    calls: list[str] = []

    @app.signon
    def joined(session: Session) -> None:
        calls.append(session.name)
        session.send("hello", 1)
        raise CrashError

    async with serving(app) as world:
        client = await world.open()
        assert await client.poll() == [1]
        assert len(calls) == 1


async def test_an_async_signon_that_raises_is_not_repeated_either() -> None:
    app = App()
    calls: list[str] = []

    @app.signon
    async def joined(session: Session) -> None:
        calls.append(session.name)
        await trio.lowlevel.checkpoint()
        session.send("hello", 1)
        raise CrashError

    async with serving(app) as world:
        client = await world.open()
        assert await client.poll() == [1]
        assert len(calls) == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_signoff_that_raises_is_called_once_and_leaves_nothing(is_async: bool) -> None:
    app = App()
    calls: list[str] = []

    def left(_session: Session, reason: str, _undelivered: object) -> None:
        calls.append(reason)
        raise CrashError

    async def left_later(_session: Session, reason: str, _undelivered: object) -> None:
        calls.append(reason)
        await trio.lowlevel.checkpoint()
        raise CrashError

    app.signoff(left_later if is_async else left)
    async with serving(app) as world:
        client = await world.open()
        await client.ask(close=True)
        await world.settle()
        assert calls == ["closed"]
        assert await actors(world) == 0
        assert (await client.ask()).body["reason"] == "closed"


async def test_a_failing_session_whose_signoff_raises_as_well_leaves_nothing() -> None:
    app = App()
    calls: list[str] = []
    app.packet("crash")(crash)

    @app.signoff
    def left(_session: Session, reason: str, _undelivered: object) -> None:
        calls.append(reason)
        raise CrashError

    async with serving(app) as world:
        client = await world.open()
        await client.hold(*[("crash", number) for number in range(CRASHES + 1)])
        await world.settle()
        assert calls == ["failed"]
        assert await actors(world) == 0


async def actors(world: World) -> int:
    """How many session actors there are."""
    connection = await world.connect(control=True)
    tree = (await connection.get("/tree")).body
    [sessions] = [child for child in tree["children"] if child["id"] == "sessions"]
    return int(sessions["count"])


async def test_the_tree_counts_the_restarts(world: World, client: Comet, crashing: Recorder) -> None:
    await client.hold(("crash", 1), ("crash", 2))
    await world.settle()
    connection = await world.connect(control=True)
    [sessions] = [
        each for each in (await connection.get("/tree")).body["children"] if each["id"] == "sessions"
    ]
    [session] = sessions["children"]
    assert session["id"] == crashing.sessions[0].name
    assert session["restarts"] == 2


async def test_the_signoff_of_a_session_that_fails_after_its_end_is_not_cut_short() -> None:
    """Its actor may crash once too often while the sign-off waits for a slow handler."""
    app = App()
    calls: list[str] = []
    sessions: list[Session] = []
    slow_may_crash, signoff_may_end = trio.Event(), trio.Event()
    app.signon(sessions.append)
    app.packet("crash")(crash)

    @app.packet("slow")
    async def crash_slowly(_session: Session, path: str, _message: object) -> None:
        await slow_may_crash.wait()
        raise CrashError(path)

    @app.signoff
    async def left(_session: Session, reason: str, _undelivered: object) -> None:
        calls.append(reason)
        await signoff_may_end.wait()
        calls.append("to its end")

    async with serving(app) as world:
        client = await world.open()
        await client.hold(*[("crash", number) for number in range(CRASHES)], ("slow", 1))
        sessions[0].kick()
        await world.settle()
        slow_may_crash.set()
        await world.settle()
        signoff_may_end.set()
        await world.settle()
        assert calls == ["kicked", "to its end"]
        assert await actors(world) == 0
