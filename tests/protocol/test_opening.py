"""protocol.md, "Opening a session"."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import pytest
import trio

from cometary.app import App
from cometary.sessions import Session
from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import Recorder, World, serving

HIGHEST_FIRST_RID = 2**53 - 1 - 2**20


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
async def test_a_session_opens_at_once_with_all_members(world: World, codec: Codec) -> None:
    connection = await world.connect(codec)
    answer = await connection.ask({"rid": 1})
    assert answer.status == 200
    assert answer.headers["content-type"] == codec.content_type.decode()
    sid = answer.body.pop("sid")
    assert answer.body == {"version": 1, "wait": 60, "die": 45, "requests": 2, "packets": 256}
    assert len(base64.urlsafe_b64decode(sid)) >= 16


async def test_the_application_hears_of_it_before_anything_else(world: World, recorder: Recorder) -> None:
    client = await world.open()
    assert [session.sid for session in recorder.sessions] == [client.sid]
    assert client.sid not in repr(recorder.sessions)


async def test_the_settings_are_what_the_answer_says() -> None:
    async with serving(wait=20, die=10, requests=5) as world:
        body = (await (await world.connect()).ask({"rid": 1})).body
        assert (body["wait"], body["die"], body["requests"]) == (20, 10, 5)


@pytest.mark.parametrize(("asked", "given"), [(5, 5), (0.5, 0.5), (0, 0), (60, 60), (61, 60), (1e300, 60)])
async def test_a_client_may_ask_for_less_wait_but_not_for_more(
    world: World, asked: float, given: float
) -> None:
    connection = await world.connect()
    assert (await connection.ask({"rid": 1, "wait": asked})).body["wait"] == given


@pytest.mark.parametrize("wait", [-1, "5", None, [], True])
async def test_a_wait_that_is_none_is_refused(world: World, wait: object) -> None:
    connection = await world.connect()
    assert (await connection.ask({"rid": 1, "wait": wait})).error == (400, "bad-request")
    assert await world.sessions() == []


@pytest.mark.parametrize("wait", [float("nan"), float("-inf")])
async def test_a_wait_that_only_cbor_can_write_is_refused(world: World, wait: float) -> None:
    connection = await world.connect(cbor)
    assert (await connection.ask({"rid": 1, "wait": wait})).error == (400, "bad-request")


async def test_endless_wait_is_the_servers(world: World) -> None:
    connection = await world.connect(cbor)
    assert (await connection.ask({"rid": 1, "wait": float("inf")})).body["wait"] == 60


async def test_version_1_is_the_only_one(world: World) -> None:
    connection = await world.connect()
    assert (await connection.ask({"rid": 1, "version": 1})).status == 200
    for version in (0, 2, "1", 1.5, None):
        assert (await connection.ask({"rid": 1, "version": version})).error == (400, "bad-request")


@pytest.mark.parametrize("rid", [1, 2, 4711, HIGHEST_FIRST_RID])
async def test_the_first_rid_is_the_clients_choice(world: World, recorder: Recorder, rid: int) -> None:
    client = await world.open(rid=rid)
    recorder.sessions[0].send("a", "first")
    assert await client.poll() == ["first"]
    assert client.rid == rid + 1


@pytest.mark.parametrize("rid", [0, -1, HIGHEST_FIRST_RID + 1, 2**53, 2**64, 10**30, 1.5, "1", None, True])
async def test_a_first_rid_out_of_range_is_refused(world: World, rid: object) -> None:
    connection = await world.connect()
    assert (await connection.ask({"rid": rid})).error == (400, "bad-request")
    assert await world.sessions() == []


@pytest.mark.parametrize("more", [{"packets": [{"path": "a"}]}, {"close": True}])
async def test_the_request_that_opens_does_nothing_else(world: World, more: dict[str, object]) -> None:
    connection = await world.connect()
    assert (await connection.ask({"rid": 1, **more})).error == (400, "bad-request")


async def test_unknown_members_are_ignored(world: World) -> None:
    connection = await world.connect()
    answer = await connection.ask({"rid": 1, "colour": "red", "deep": {"a": [1, {"b": 2}]}})
    assert answer.status == 200
    assert len(await world.sessions()) == 1


async def test_what_signon_sends_is_there_for_the_first_request() -> None:
    app = App()

    @app.signon
    def greet(session: Session) -> None:
        session.send("hello", {"you": session.name})

    async with serving(app) as world:
        client = await world.open()
        [hello] = await client.poll()
        assert hello["you"] not in client.sid


# -- the authenticator -----------------------------------------------------------------------------


def accept(token: object) -> bool:
    return token == "let me in"


async def accept_later(token: object) -> bool:
    await trio.lowlevel.checkpoint()
    return accept(token)


@pytest.mark.parametrize("authenticator", [accept, accept_later])
async def test_the_authenticator_decides_by_the_token(
    authenticator: Callable[[object], bool | Awaitable[bool]],
) -> None:
    app = App()
    app.authenticate(authenticator)
    async with serving(app) as world:
        await world.open(token="let me in")
        connection = await world.connect()
        for members in ({"token": "please"}, {"token": None}, {"token": {"a": 1}}, {}):
            assert (await connection.ask({"rid": 1, **members})).error == (401, "unauthorized")
        assert len(await world.sessions()) == 1


async def test_the_token_may_be_any_value_and_is_none_when_left_out() -> None:
    seen: list[object] = []
    app = App()

    @app.authenticate
    def note(token: object) -> bool:
        seen.append(token)
        return True

    async with serving(app) as world:
        for token in ("text", 1, None, [1, {"a": None}], {"user": "ada"}):
            await world.open(token=token)
        await world.open()
        await world.open(cbor, token=b"bytes")
    assert seen == ["text", 1, None, [1, {"a": None}], {"user": "ada"}, None, b"bytes"]


@pytest.mark.parametrize("notes", [{"user": "ada"}, {}])
async def test_a_mapping_lets_the_client_in_and_is_there_at_the_signon(notes: dict[str, str]) -> None:
    seen: list[dict[str, object]] = []
    app = App()

    @app.authenticate
    async def who(_: object) -> dict[str, str]:
        await trio.lowlevel.checkpoint()
        return notes

    @app.signon
    def joined(session: Session) -> None:
        seen.append(dict(session.data))

    async with serving(app) as world:
        await world.open(token="ada's")
        await world.settle()
    assert seen == [notes]


async def test_a_slow_authenticator_delays_nobody_else() -> None:
    go_on = trio.Event()

    async def slow(token: object) -> bool:
        if token == "slow":
            await go_on.wait()
        return True

    app = App()
    app.authenticate(slow)
    async with serving(app) as world:
        connection = await world.connect()
        await connection.send({"rid": 1, "token": "slow"})
        await world.open(token="fast")
        assert len(await world.sessions()) == 1
        go_on.set()
        assert (await connection.answer()).status == 200


def fail(_: object) -> bool:
    raise ZeroDivisionError


async def fail_later(_: object) -> bool:
    await trio.lowlevel.checkpoint()
    raise ZeroDivisionError


@pytest.mark.parametrize("authenticator", [fail, fail_later])
async def test_an_authenticator_that_fails_harms_nobody_else(
    authenticator: Callable[[object], bool | Awaitable[bool]], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.authenticate
    def fail_for_others(token: object) -> bool | Awaitable[bool]:
        return accept(token) or authenticator(token)

    async with serving(app) as world:
        client = await world.open(token="let me in")
        connection = await world.connect()
        answer = await connection.ask({"rid": 1, "token": "my token"})
        assert answer.error == (500, "internal-error")
        assert "ZeroDivisionError" not in answer.body["detail"]
        assert "ZeroDivisionError" in caplog.text
        assert "my token" not in caplog.text
        await client.hold()
        assert [session["state"] for session in await world.sessions()] == ["have_request"]


async def test_a_client_that_leaves_while_it_is_being_judged_gets_no_answer_and_harms_nobody() -> None:
    go_on = trio.Event()

    async def slow(_: object) -> bool:
        await go_on.wait()
        return True

    app = App()
    app.authenticate(slow)
    async with serving(app) as world:
        connection = await world.connect()
        await connection.send({"rid": 1})
        await world.settle()
        connection.wire.reset()
        await world.settle()
        go_on.set()
        await world.open()


# -- limits ----------------------------------------------------------------------------------------


async def test_there_are_only_so_many_sessions() -> None:
    async with serving(max_sessions=2) as world:
        first = await world.open()
        await world.open()
        connection = await world.connect()
        answer = await connection.ask({"rid": 1})
        assert answer.error == (503, "too-many-sessions")
        assert int(answer.headers["retry-after"]) > 0
        await first.ask(close=True)
        assert (await connection.ask({"rid": 1})).status == 200
