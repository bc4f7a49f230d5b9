"""Sessions that were opened with a token that expires: asked for another one, renewed, ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.app import App
from cometary.authentication import SignedToken
from cometary.sessions import Admission
from cometary.sessions.keeper import SessionKeeper
from tests.protocol.client import Comet, Recorder, World, serving


def judge(token: Any) -> Admission | Mapping[str, Any] | bool:
    """A token is a user and, perhaps, seconds."""
    if token is None or isinstance(token, str):
        return token == "anybody"
    user, expires = [*token, None][:2]
    return {"user": user} if expires is None else Admission({"user": user}, expires)


async def judge_later(token: object) -> Admission | Mapping[str, Any] | bool:
    await trio.sleep(1)
    return judge(token)


@pytest.fixture
async def guarded(recorder: Recorder) -> AsyncIterator[World]:
    recorder.app.authenticate(judge)
    async with serving(recorder.app, wait=300, die=300) as world:
        yield world


def keeper(world: World, client: Comet) -> SessionKeeper:
    return world.running._manager.find(client.sid)


async def test_the_client_is_told_how_long_its_token_is_good(guarded: World) -> None:
    connection = await guarded.connect()
    assert (await connection.ask({"rid": 1, "token": ["ada", 100]})).body["expires"] == 100
    for token in (["ada"], "anybody"):
        assert "expires" not in (await connection.ask({"rid": 1, "token": token})).body


@pytest.mark.parametrize(("lifetime", "notice"), [(100, 30), (60, 30), (10, 5), (0.5, 0.25)])
async def test_the_client_is_asked_for_another_token_and_the_session_ends_without(
    guarded: World, recorder: Recorder, mock_clock: MockClock, lifetime: float, notice: float
) -> None:
    client = await guarded.open(token=["ada", lifetime])
    held = await client.hold()
    await guarded.pass_time(mock_clock, lifetime - notice - 0.1)
    assert held.wire._buffer == b""
    await guarded.pass_time(mock_clock, 0.1)
    answer = await held.answer()
    assert answer.body["packets"] == [{"path": "::token", "message": {"expires": notice}}]
    client.ack = 1
    held = await client.hold()
    await guarded.pass_time(mock_clock, notice - 0.1)
    assert recorder.ended == []
    await guarded.pass_time(mock_clock, 0.1)
    assert (await held.answer()).body["reason"] == "kicked"
    assert recorder.ended == [("kicked", [])]


async def test_the_request_for_a_token_is_not_among_the_undelivered(
    guarded: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    client = await guarded.open(token=["ada", 10])
    await guarded.pass_time(mock_clock, 5)
    recorder.sessions[0].send("a", "mine")
    assert await client.poll() == [{"expires": 5}, "mine"]
    await guarded.pass_time(mock_clock, 5)
    assert recorder.ended == [("kicked", ["mine"])]


@pytest.mark.parametrize("authenticator", [judge, judge_later])
async def test_another_token_moves_the_expiry(
    recorder: Recorder, mock_clock: MockClock, authenticator: Callable[[object], Any]
) -> None:
    recorder.app.authenticate(authenticator)
    async with serving(recorder.app, wait=300, die=300) as world:
        connection = await world.connect()
        await connection.send({"rid": 1, "token": ["ada", 100]})
        await world.pass_time(mock_clock, 1)
        client = Comet(world, connection, (await connection.answer()).body["sid"], 1)
        await client.hold(token=["ada", 200])
        await world.pass_time(mock_clock, 1)
        await world.pass_time(mock_clock, 190)
        assert recorder.ended == []
        await world.pass_time(mock_clock, 15)
        assert [reason for reason, _ in recorder.ended] == ["kicked"]


async def test_what_comes_with_the_token_is_handed_over_in_its_order(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    mock_clock.autojump_threshold = 0.01
    recorder.app.authenticate(judge_later)
    async with serving(recorder.app) as world:
        client = await world.open(token=["ada", 100])
        judged = await client.hold(("a", 1), token=["ada", 200])
        behind = await client.hold(("a", 2))
        assert recorder.packets == []
        await judged.answer()
        assert recorder.packets == [("a", 1), ("a", 2)]
        assert not behind.is_closed()


@pytest.mark.parametrize("token", [["eve", 1000], ["eve"], "anybody", "nobody", None])
async def test_a_token_of_somebody_else_is_refused_and_changes_nothing(
    guarded: World, recorder: Recorder, mock_clock: MockClock, token: object
) -> None:
    client = await guarded.open(token=["ada", 100])
    answer = await client.ask(("a", 1), token=token)
    assert answer.error == (401, "unauthorized")
    client.rid -= 1
    held = await client.hold(("a", 2))
    assert recorder.packets == [("a", 2)]
    assert recorder.sessions[0].data == {"user": "ada"}
    await guarded.pass_time(mock_clock, 70)
    assert await client.receive(held) == [{"expires": 30}]
    await guarded.pass_time(mock_clock, 30)
    assert [reason for reason, _ in recorder.ended] == ["kicked"]


async def test_a_token_that_is_overtaken_by_a_later_one_takes_nothing_away(
    guarded: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    client = await guarded.open(token=["ada", 100])
    await client.hold(token=["ada", 200])
    await client.hold(token=["ada", 50])
    await guarded.pass_time(mock_clock, 60)
    assert recorder.ended == []


async def test_a_token_that_never_expires_ends_the_waiting_for_another(
    guarded: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    client = await guarded.open(token=["ada", 100])
    held = await client.hold(token=["ada"])
    await guarded.pass_time(mock_clock, 200)
    assert recorder.ended == []
    assert held.wire._buffer == b""


async def test_the_application_may_call_its_user_what_it_likes(guarded: World, recorder: Recorder) -> None:
    client = await guarded.open(token=["ada", 100])
    recorder.sessions[0].data["user"] = "countess"
    assert not (await client.hold(token=["ada", 200])).is_closed()
    assert keeper(guarded, client).machine.held is not None


async def test_the_expiry_outlives_a_crash_of_the_actor(
    guarded: World, recorder: Recorder, mock_clock: MockClock
) -> None:
    @recorder.app.packet("crash")
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    client = await guarded.open(token=["ada", 10])
    await client.hold(("crash", None))
    await guarded.pass_time(mock_clock, 9.9)
    assert recorder.ended == []
    await guarded.pass_time(mock_clock, 0.2)
    assert [reason for reason, _ in recorder.ended] == ["kicked"]


async def test_a_session_that_ended_while_its_token_was_judged_stays_ended(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    mock_clock.autojump_threshold = 0.01
    recorder.app.authenticate(judge_later)
    async with serving(recorder.app) as world:
        client = await world.open(token=["ada", 100])
        waiting = await client.hold(token=["ada", 200])
        recorder.sessions[0].kick()
        assert (await waiting.answer()).error == (410, "session-ended")


async def test_a_client_that_leaves_while_its_token_is_judged_leaves_no_request(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    go_on = trio.Event()

    async def slowly(token: object) -> bool:
        if token == "slow":
            await go_on.wait()
        return True

    recorder.app.authenticate(slowly)
    async with serving(recorder.app) as world:
        client = await world.open()
        waiting = await client.hold(("a", 1), token="slow")
        opening = await world.connect()
        await opening.send({"rid": 1, "token": "slow"})
        await world.settle()
        for connection in (waiting, opening):
            connection.wire.reset()
        await world.settle()
        go_on.set()
        await world.settle()
        assert keeper(world, client).machine.held is None
        assert recorder.packets == []
        assert len(await world.sessions()) == 1


async def test_an_authenticator_that_fails_to_judge_a_renewal_changes_nothing(recorder: Recorder) -> None:
    def fail(token: object) -> bool:
        if token is not None:
            raise ZeroDivisionError
        return True

    recorder.app.authenticate(fail)
    async with serving(recorder.app) as world:
        client = await world.open()
        assert (await client.ask(("a", 1), token="x")).error == (500, "internal-error")
        client.rid -= 1
        await client.hold(("a", 2))
        assert recorder.packets == [("a", 2)]


async def test_a_token_is_not_judged_for_a_request_that_is_refused_anyway(guarded: World) -> None:
    judged: list[object] = []
    app = App()

    @app.authenticate
    def note(token: object) -> bool:
        judged.append(token)
        return True

    async with serving(app) as world:
        client = await world.open()
        assert (await client.ask(("a", 1), token="x")).error == (403, "forbidden")
        assert (await client.ask(sid="unknown", token="x")).error == (404, "unknown-session")
    assert judged == [None]


async def test_without_an_authenticator_a_token_means_nothing() -> None:
    async with serving() as world:
        client = await world.open(token="x")
        await client.hold(token="y")
        assert keeper(world, client).machine.held is not None
        assert keeper(world, client).lease is None


async def test_a_session_that_ends_leaves_no_timer(guarded: World) -> None:
    client = await guarded.open(token=["ada", 100])
    timers = keeper(guarded, client).timers
    await client.ask(close=True)
    assert {"lease end", "lease notice"} <= set(timers)
    assert not any(timer.running for timer in timers.values())


async def test_a_token_that_is_good_once_opens_one_session_and_renews_one(mock_clock: MockClock) -> None:
    secret = 32 * "s"
    signed = SignedToken(secret, once=True)
    async with serving(token_secret=(secret,), token_once="on") as world:
        first, second = signed.make("ada", lifetime=100), signed.make("ada", lifetime=200)
        client = await world.open(token=first)
        connection = await world.connect()
        assert (await connection.ask({"rid": 1, "token": first})).error == (401, "unauthorized")
        assert (await client.ask(token=second, hold=False)).status == 200
        assert (await client.ask(token=second, hold=False)).error == (401, "unauthorized")
        assert (await connection.ask({"rid": 1, "token": second})).error == (401, "unauthorized")


async def test_a_token_that_is_good_once_is_still_good_where_there_was_no_room() -> None:
    secret = 32 * "s"
    token = SignedToken(secret, once=True).make("ada")
    async with serving(token_secret=(secret,), token_once="on", max_sessions=1) as world:
        client = await world.open(token=SignedToken(secret, once=True).make("bob"))
        connection = await world.connect()
        assert (await connection.ask({"rid": 1, "token": token})).error == (503, "too-many-sessions")
        await client.ask(close=True)
        assert (await connection.ask({"rid": 1, "token": token})).status == 200
