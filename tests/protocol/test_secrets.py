"""Session ids and secrets stay out of every log line and every answer but the one to their owner."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import trio

from cometary.actors import sys
from cometary.authentication import SignedToken
from cometary.sessions import Session
from cometary.sessions.supervisor import CRASHES
from tests.protocol.client import Comet, Recorder, World, serving

SECRET = "the-secret-of-this-test"
MESSAGE = "a message that is nobody else's business"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def everything(log: pytest.LogCaptureFixture) -> str:
    """All that was logged, also what only a structured log would show."""
    return log.text + "".join(repr(vars(record)) for record in log.records)


@pytest.fixture
async def guarded(recorder: Recorder) -> AsyncIterator[World]:
    async with serving(recorder.app, secret=SECRET, access_log="on") as world:
        yield world


async def test_nothing_secret_is_logged_in_a_whole_life(
    guarded: World, recorder: Recorder, log: pytest.LogCaptureFixture
) -> None:
    @recorder.app.packet("crash")
    def crash(session: Session, _path: str, message: object) -> None:
        session.send("back", message)
        raise ZeroDivisionError

    @recorder.app.packet("crash/later")
    async def crash_later(session: Session, path: str, message: object) -> None:
        await trio.lowlevel.checkpoint()
        crash(session, path, message)

    client = await guarded.open()
    recorder.sessions[0].connect("news")
    held = await client.hold(("a", MESSAGE))
    recorder.app.update("news", MESSAGE)
    await client.receive(held)
    for _ in range(3):
        await guarded.control(
            "/send", {"sid": client.sid, "packets": []}, b"Authorization: Bearer " + SECRET.encode()
        )
        await guarded.control(
            "/send", {"sid": client.sid, "packets": []}, b"Authorization: Bearer " + SECRET[1:].encode()
        )
    await client.ask(ack=99)
    client.rid -= 1
    await client.ask(sid=client.sid + "x")
    client.rid -= 1
    await client.hold(("crash", MESSAGE))
    await client.hold(("crash/later", MESSAGE))
    (await client.hold()).wire.reset()
    await client.hold(*[("crash", MESSAGE)] * CRASHES)
    await guarded.settle()
    assert [reason for reason, _ in recorder.ended] == ["failed"]
    assert (await client.ask()).status == 410
    logged = everything(log)
    assert "ZeroDivisionError" in logged  # the crashes were logged ...
    assert client.sid not in logged  # ... without
    assert MESSAGE not in logged
    assert SECRET not in logged


async def test_neither_tokens_nor_what_signs_them_nor_cookies_are_logged(
    recorder: Recorder, log: pytest.LogCaptureFixture
) -> None:
    signing, cookie = "a-secret-that-signs-the-tokens-of-this-test", "the-cookie-of-this-test"
    signed = SignedToken(signing)
    tokens = [signed.make("ada", lifetime=lifetime) for lifetime in (60, 90, -1)]

    @recorder.app.packet("crash")
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    async with serving(recorder.app, token_secret=(signing,), bind="cookie:id") as world:
        connection = await world.connect()
        header = b"Cookie: id=" + cookie.encode()
        opened = await connection.ask({"rid": 1, "token": tokens[0]}, header)
        client = Comet(world, connection, opened.body["sid"], 1)
        assert (await connection.ask({"rid": 1, "token": tokens[2]}, header)).error[0] == 401
        assert (await connection.ask(client.body(token=tokens[2]), header)).error[0] == 401
        assert (await connection.ask({"sid": client.sid, "rid": 2, "token": tokens[1]})).error[0] == 404
        client.rid -= 1
        await connection.send(client.body(("crash", None), token=tokens[1]), header)
        await world.settle()
        lease = repr(recorder.sessions[0]._keeper.lease)
        shown = await (await world.connect(control=True)).get("/sessions")
    logged = everything(log)
    assert "ZeroDivisionError" in logged
    for secret in (*tokens, signing, cookie, client.sid):
        assert secret not in logged
        assert secret not in lease
        assert secret.encode() not in shown.raw


async def test_a_crash_report_names_the_session_and_what_it_was_doing(
    guarded: World, recorder: Recorder, log: pytest.LogCaptureFixture
) -> None:
    @recorder.app.packet("crash")
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    client = await guarded.open()
    await client.hold(("crash", MESSAGE))
    [record] = [record for record in log.records if record.levelno >= logging.ERROR]
    assert "<Request 2, ack 0, 1 packets>" in record.getMessage()


async def test_no_question_of_operators_shows_a_sid(world: World, recorder: Recorder) -> None:
    clients: list[Comet] = [await world.open() for _ in range(3)]
    recorder.sessions[0].connect("news")
    await clients[1].hold()
    connection = await world.connect(control=True)
    for path in ("/sessions", "/tree", "/healthz"):
        answer = await connection.get(path)
        assert answer.status == 200
        assert not any(client.sid.encode() in answer.raw for client in clients)
    names = [session["name"] for session in await world.sessions()]
    assert names == [session.name for session in recorder.sessions]


async def test_no_error_repeats_a_sid(world: World) -> None:
    client = await world.open()
    await client.ask(close=True)
    for body in (client.body(), client.body(sid=client.sid + "x"), client.body(rid="x")):
        assert client.sid.encode() not in (await client.connection.ask(body)).raw


async def test_a_session_shows_its_name_only(world: World, recorder: Recorder) -> None:
    client = await world.open()
    session = recorder.sessions[0]
    assert session.name in repr(session)
    assert client.sid not in f"{session!r} {session} {session._keeper!r} {session._keeper.machine!r}"


async def test_whoever_looks_into_a_session_s_actor_sees_no_sid(world: World, recorder: Recorder) -> None:
    client = await world.open()
    ref = recorder.sessions[0]._keeper.ref
    events: list[sys.TraceEvent] = []
    await sys.trace(ref, events.append)
    await client.hold(("news", MESSAGE))
    status = await sys.get_status(ref)
    await sys.no_trace(ref)
    assert any(event.kind == "transition" for event in events)
    shown = "\n".join([*map(str, events), repr(status)])
    assert client.sid not in shown
    assert MESSAGE not in shown
