"""Sessions that are bound to a cookie or to their token: a stolen session id alone is worth nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cometary.app import App
from cometary.authentication import Admission
from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import Answer, Comet, Connection, Recorder, World, serving

COOKIE = b"Cookie: theme=dark; login=ada-1; lang=en"


@pytest.fixture
async def to_cookie(recorder: Recorder) -> AsyncIterator[World]:
    async with serving(recorder.app, bind="cookie:login") as world:
        yield world


judged: list[object] = []


def judge(token: object) -> Admission | bool:
    """A token is a user, and seconds."""
    judged.append(token)
    user, _, seconds = str(token).partition(" ")
    return Admission({"user": user}, float(seconds)) if seconds else False


@pytest.fixture
async def to_token(recorder: Recorder) -> AsyncIterator[World]:
    judged.clear()
    recorder.app.authenticate(judge)
    async with serving(recorder.app, bind="token") as world:
        yield world


async def open_with_cookie(world: World, codec: Codec = json) -> Comet:
    connection = await world.connect(codec)
    answer = await connection.ask({"rid": 1}, COOKIE)
    assert answer.body["bind"] == "cookie"
    await world.settle()
    return Comet(world, connection, answer.body["sid"], 1)


async def for_an_unknown_session(connection: Connection, body: dict[str, object]) -> Answer:
    """What the server answers to the same request for a session that there never was."""
    return await connection.ask({**body, "sid": "A" * 24})


def same(answer: Answer, other: Answer) -> bool:
    answer.headers.pop("date")
    other.headers.pop("date")
    return answer == other


# -- to a cookie --------------------------------------------------------------------------------


async def test_who_brings_the_cookie_is_the_session(to_cookie: World, recorder: Recorder) -> None:
    client = await open_with_cookie(to_cookie)
    for cookie in (COOKIE, b"Cookie: login=ada-1", b"cookie:login=ada-1;a=b"):
        await client.connection.send(client.body(("a", cookie.decode())), cookie)
        await to_cookie.settle()
    assert len(recorder.packets) == 3


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (b"Cookie: login=eve-1",),
        (b"Cookie: login=ada-",),
        (b"Cookie: login=",),
        (b"Cookie: Login=ada-1",),
        (b"Cookie: xlogin=ada-1",),
        (b"Cookie: theme=login=ada-1",),
        (b"Cookie: login=ada-1; login=eve-1",),
        (b"Cookie: login=eve-1", b"Cookie: login=ada-1"),
    ],
)
async def test_to_whoever_does_not_there_is_no_such_session(
    to_cookie: World, recorder: Recorder, headers: tuple[bytes, ...], codec: Codec
) -> None:
    client = await open_with_cookie(to_cookie, codec)
    held = await to_cookie.connect(codec)
    await held.send(client.body(), COOKIE)
    thief = await to_cookie.connect(codec)
    for members in ({}, {"packets": [{"path": "a", "message": 1}]}, {"close": True}, {"ack": 99}):
        body: dict[str, object] = {"sid": client.sid, "rid": 3, **members}
        answer = await thief.ask(body, *headers)
        assert answer.error == (404, "unknown-session")
        assert same(answer, await for_an_unknown_session(thief, body))
    assert recorder.packets == []
    assert recorder.ended == []
    recorder.sessions[0].send("a", "for the owner")
    assert await client.receive(held) == ["for the owner"]


async def test_after_the_end_only_its_owner_is_told_of_it(to_cookie: World) -> None:
    client = await open_with_cookie(to_cookie)
    await client.connection.ask(client.body(close=True), COOKIE)
    await to_cookie.settle()
    body = client.body()
    assert (await client.connection.ask(body, COOKIE)).error == (410, "session-ended")
    thief = await to_cookie.connect()
    assert same(await thief.ask(body), await for_an_unknown_session(thief, body))


async def test_a_session_is_not_opened_without_the_cookie(to_cookie: World) -> None:
    connection = await to_cookie.connect()
    assert (await connection.ask({"rid": 1}, b"Cookie: theme=dark")).error == (401, "unauthorized")
    assert await to_cookie.sessions() == []


async def test_pages_of_other_origins_may_send_the_cookie() -> None:
    page = b"Origin: https://www.example.org"
    for bind, allowed in (("cookie:login", "true"), ("token", None), ("off", None)):
        async with serving(bind=bind, origins=("https://www.example.org",)) as world:
            connection = await world.connect()
            answer = await connection.ask({"rid": 1, "token": "x"}, COOKIE, page)
            assert answer.status == 200
            assert answer.headers.get("access-control-allow-credentials") == allowed


async def test_of_the_cookie_only_a_digest_is_kept(to_cookie: World) -> None:
    client = await open_with_cookie(to_cookie)
    lease = to_cookie.running._manager.find(client.sid).lease
    assert lease is not None
    assert lease.binding is not None
    assert b"ada-1" not in lease.binding
    async with serving(bind="cookie:login") as other:
        again = await open_with_cookie(other)
        others = other.running._manager.find(again.sid).lease
        assert others is not None
        assert others.binding != lease.binding  # under another server's key


# -- to the token -------------------------------------------------------------------------------


async def open_with_token(world: World, token: str) -> Comet:
    connection = await world.connect()
    answer = await connection.ask({"rid": 1, "token": token})
    assert answer.body["bind"] == "token"
    await world.settle()
    return Comet(world, connection, answer.body["sid"], 1)


async def test_who_brings_the_token_is_the_session(to_token: World, recorder: Recorder) -> None:
    client = await open_with_token(to_token, "ada 60")
    await client.hold(("a", 1), token="ada 60")
    await client.hold(("a", 2), token="ada 60")
    assert recorder.packets == [("a", 1), ("a", 2)]


async def test_who_brings_a_later_one_of_the_same_user_is_it_as_well(
    to_token: World, recorder: Recorder
) -> None:
    client = await open_with_token(to_token, "ada 60")
    for number, token in enumerate(("ada 90", "ada 90", "ada 60", "ada 90")):  # also one that is overtaken
        await client.hold(("a", number), token=token)
    assert [message for _, message in recorder.packets] == [0, 1, 2, 3]
    assert judged == ["ada 60", "ada 90", "ada 60"]  # what the session is bound to needs no judgement


@pytest.mark.parametrize(
    "token", [{}, {"token": None}, {"token": ""}, {"token": "eve 60"}, {"token": "ada"}, {"token": 7}]
)
async def test_to_anybody_else_there_is_no_such_session(
    to_token: World, recorder: Recorder, token: dict[str, object]
) -> None:
    client = await open_with_token(to_token, "ada 60")
    thief = await to_token.connect()
    for members in ({}, {"packets": [{"path": "a", "message": 1}]}, {"close": True}):
        body: dict[str, object] = {"sid": client.sid, "rid": 2, **members, **token}
        assert same(await thief.ask(body), await for_an_unknown_session(thief, body))
    assert recorder.packets == []
    assert recorder.ended == []


async def test_a_token_that_is_no_text_binds_nothing() -> None:
    async with serving(bind="token") as world:
        connection = await world.connect()
        for members in ({}, {"token": None}, {"token": ""}, {"token": 7}, {"token": ["x"]}):
            assert (await connection.ask({"rid": 1, **members})).error == (401, "unauthorized")


async def test_without_an_authenticator_it_is_the_first_token_or_none() -> None:
    async with serving(bind="token") as world:
        client = await open_with_token(world, "chosen by the client")
        assert (await client.ask(token="another")).error == (404, "unknown-session")
        client.rid -= 1
        held = await client.hold(token="chosen by the client")
        assert held.wire._buffer == b""


# -- to nothing ---------------------------------------------------------------------------------


async def test_without_the_option_nothing_is_asked_for_and_nothing_stands_in_the_way(
    recorder: Recorder,
) -> None:
    async with serving(App()) as world:
        client = await world.open(token="x")
        await client.hold()
        keeper = world.running._manager.find(client.sid)
        assert keeper.lease is None
        assert keeper.machine.held is not None
