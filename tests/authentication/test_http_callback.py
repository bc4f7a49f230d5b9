"""A back-end that is asked about tokens, over real sockets: its verdicts, its troubles, and who waits for them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from cometary.authentication import Admission, Applicant, HttpCallback
from cometary.authentication.http_callback import MOST_READ, _read
from cometary.authentication.settings import AuthenticationSection
from cometary.authentication.signature import signed_headers
from cometary.errors import ProtocolError, UsageError
from tests.doors.webhooks.receiver import KEY, SECRET, Action, Receiver, settle
from tests.protocol.client import Recorder, serving

ADA = (200, b'{"user": "ada", "rooms": ["a"]}')
TOKEN = "the-token-of-this-test"


@pytest.fixture
async def receiver(nursery: trio.Nursery) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await nursery.start(receiver.serve)
    yield receiver
    receiver.stop()


@asynccontextmanager
async def asking(receiver: Receiver, **options: Any) -> AsyncGenerator[HttpCallback]:
    """The authenticator, while it runs."""
    callback = HttpCallback(receiver.url, secret=SECRET, **options)
    async with trio.open_nursery() as nursery:
        await nursery.start(callback.run)
        yield callback
        nursery.cancel_scope.cancel()


async def condition(callback: HttpCallback) -> str:
    """What the client is told when there is no verdict."""
    with pytest.raises(ProtocolError) as caught:
        await callback.judge(Applicant(TOKEN))
    return caught.value.condition


async def test_a_question_is_signed_and_says_who_asks(receiver: Receiver) -> None:
    async with asking(receiver) as callback:
        for applicant in (
            Applicant({"a": [1, b"\x00"]}, "192.0.2.1", "https://www.example.org"),
            Applicant(None, "::1"),
        ):
            receiver.script.append(ADA)
            await callback.judge(applicant)
    bodies = [request.body for request in receiver.received]
    assert len({body.pop("id") for body in bodies}) == 2
    assert bodies == [
        {
            "type": "authenticate",
            "token": {"a": [1, "AA=="]},
            "address": "192.0.2.1",
            "origin": "https://www.example.org",
        },
        {"type": "authenticate", "token": None, "address": "::1"},
    ]
    for request in receiver.received:
        assert request.target == "/hooks?from=cometary"
        seconds = int(request.headers["webhook-timestamp"])
        expected = signed_headers(KEY, request.body["id"], seconds, request.raw)
        assert {name: request.headers[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (ADA, Admission({"user": "ada", "rooms": ["a"]})),
        ((201, b"{}"), Admission({})),
        ((200, b'{"user": 7, "expires": 90.5}'), Admission({"user": 7}, 90.5)),
        ((200, b'{"expires": null}'), Admission({})),
        ((200, b'{"expires": 0.5}'), Admission({}, 0.5)),
        ((200, b'{"user": 7, "paths": ["news/*"]}'), Admission({"user": 7}, paths=["news/*"])),
        (401, False),
        ((403, b'{"user": "ada"}'), False),
    ],
)
async def test_the_back_end_decides(receiver: Receiver, answer: Action, verdict: Admission | bool) -> None:
    receiver.script.append(answer)
    async with asking(receiver) as callback:
        assert await callback.judge(Applicant(TOKEN)) == verdict


@pytest.mark.parametrize(
    "answer",
    [
        204,
        200,
        (200, b"[]"),
        (200, b'"ada"'),
        (200, b"{"),
        (200, b'{"user": "\xff"}'),
        (200, b"{%s}" % (b'"a": 1,' * 10_000)),
        (200, b'{"expires": 0}'),
        (200, b'{"expires": -1}'),
        (200, b'{"expires": true}'),
        (200, b'{"expires": "60"}'),
        (200, b'{"paths": "news"}'),
        302,
        400,
        404,
        429,
        500,
        "cut",
        b"what?\r\n\r\n",
    ],
)
async def test_whatever_else_it_says_is_no_verdict(receiver: Receiver, answer: Action) -> None:
    receiver.script.append(answer)
    async with asking(receiver) as callback:
        assert await condition(callback) == "internal-error"
    assert len(receiver.received) == 1  # no redirect was followed, nothing was asked twice


@pytest.mark.parametrize(
    ("sizes", "whole"),
    [([MOST_READ], True), ([MOST_READ + 1], False), ([MOST_READ, 1], False), ([1, MOST_READ, 1], False)],
)
async def test_an_answer_is_read_whole_or_counts_for_nothing_however_it_comes(
    sizes: list[int], whole: bool
) -> None:
    async def sent() -> AsyncIterator[bytes]:
        for size in sizes:
            yield bytes(size)

    body = await _read(httpx.Response(200, content=sent()))
    assert body == (bytes(sum(sizes)) if whole else None)


async def test_no_proxy_that_the_environment_names_is_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    receiver.script.append(ADA)
    async with asking(receiver) as callback:
        assert isinstance(await callback.judge(Applicant(TOKEN)), Admission)


def test_one_of_an_application_has_the_limits_that_an_operators_has() -> None:
    operators = AuthenticationSection()
    callback = HttpCallback("http://127.0.0.1/", secret=SECRET)
    assert (callback._timeout, callback._connections) == (operators.auth_timeout, operators.auth_connections)
    assert callback._room == operators.auth_connections + operators.auth_queue


async def test_v7_one_that_hangs_is_given_up_and_one_that_is_away_too(
    receiver: Receiver, mock_clock: MockClock
) -> None:
    mock_clock.autojump_threshold = 0.01
    async with asking(receiver, timeout=3) as callback:
        for answer in ("hang", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"):
            receiver.script.append(answer)
            began = trio.current_time()
            assert await condition(callback) == "internal-error"
            assert trio.current_time() - began == pytest.approx(3, abs=0.1)
        receiver.stop()
        await trio.sleep(0.1)
        assert await condition(callback) == "internal-error"


async def test_there_are_only_so_many_questions_and_further_ones_are_refused_at_once(
    receiver: Receiver, nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    receiver.script.extend(["hang"] * 3)
    told: list[str] = []

    async def ask(callback: HttpCallback) -> None:
        told.append(await condition(callback))

    async with asking(receiver, timeout=3, connections=2, max_waiting=1) as callback:
        for _ in range(4):
            nursery.start_soon(ask, callback)
        await settle()
        assert len(receiver.received) == 2
        assert told == ["too-many-sessions"]
        mock_clock.jump(3)
        await settle()
        assert told == ["too-many-sessions"] + ["internal-error"] * 3
        receiver.script.clear()
        receiver.script.append(ADA)
        assert isinstance(await callback.judge(Applicant(TOKEN)), Admission)


async def test_there_is_room_again_for_as_many_as_were_answered_and_for_no_more(
    receiver: Receiver, nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    async with asking(receiver, timeout=3, connections=1, max_waiting=0) as callback:
        for answer in (ADA, 401, 500):
            receiver.script.append(answer)
            with suppress(ProtocolError):
                await callback.judge(Applicant(TOKEN))
        receiver.script.append("hang")
        nursery.start_soon(condition, callback)
        await settle()
        assert await condition(callback) == "too-many-sessions"
        mock_clock.jump(3)
        await settle()


async def test_connections_are_kept(receiver: Receiver) -> None:
    async with asking(receiver) as callback:
        for answer in (ADA, 401, (500, b"sorry"), ADA):
            receiver.script.append(answer)
            with suppress(ProtocolError):
                await callback.judge(Applicant(TOKEN))
    assert receiver.connections == 1


async def test_neither_token_nor_url_nor_secret_is_logged_and_trouble_not_over_and_over(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, mock_clock: MockClock
) -> None:
    caplog.set_level(logging.INFO, "cometary")
    async with asking(receiver) as callback:
        for _ in range(3):
            receiver.script.append(500)
            await condition(callback)
        mock_clock.jump(10)
        receiver.script.append(302)
        await condition(callback)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("cometary")]
    assert lines == [
        "The back-end that judges tokens gave no verdict: status 500",
        "The back-end that judges tokens gave no verdict: status 302",
    ]
    shown = f"{callback!r} {lines}"
    assert not any(secret in shown for secret in (TOKEN, SECRET, "hooks"))


async def test_while_it_does_not_run_there_is_no_verdict(receiver: Receiver) -> None:
    callback = HttpCallback(receiver.url, secret=SECRET)
    assert await condition(callback) == "internal-error"
    async with asking(receiver) as other:
        pass
    assert await condition(other) == "internal-error"


@pytest.mark.parametrize("url", ["", "www.example.org", "ftp://www.example.org", "http://", "/hidden"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        HttpCallback(url, secret=SECRET)
    assert "hidden" not in str(caught.value)


def test_a_secret_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="whsec_") as caught:
        HttpCallback("http://127.0.0.1/", secret="hidden")
    assert "hidden" not in str(caught.value)


# -- in a server --------------------------------------------------------------------------------


async def test_a_server_asks_whom_it_lets_in_and_until_when(
    receiver: Receiver, mock_clock: MockClock
) -> None:
    recorder = Recorder()
    async with serving(recorder.app, auth_url=receiver.url, auth_secret=SECRET) as world:
        receiver.script.extend(
            [(200, b'{"user": "ada", "expires": 10}'), 403, 500, (200, b'{"user": "ada"}')]
        )
        client = await world.open(token=TOKEN)
        assert recorder.sessions[0].user == "ada"
        connection = await world.connect()
        answers = [await connection.ask({"rid": 1}, b"Origin: http://127.0.0.1") for _ in range(2)]
        assert [answer.error for answer in answers] == [(401, "unauthorized"), (500, "internal-error")]
        assert receiver.received[-1].body["origin"] == "http://127.0.0.1"
        await world.pass_time(mock_clock, 5)
        assert await client.poll() == [{"expires": 5}]
        await client.hold(token="another")
        await world.pass_time(mock_clock, 30)
        assert recorder.ended == []
        assert [child.id for child in world.running.tree().children][:3] == [
            "dispatcher",
            "control",
            "authenticator",
        ]


async def test_a_back_end_that_hangs_delays_no_push(receiver: Receiver) -> None:
    recorder = Recorder()
    recorder.app.authenticate(HttpCallback(receiver.url, secret=SECRET))
    async with serving(recorder.app) as world:
        receiver.script.append(ADA)
        client = await world.open()
        held = await client.hold()
        receiver.script.extend(["hang"] * 20)
        for _ in range(20):
            connection = await world.connect()
            await connection.send({"rid": 1})
        await world.settle()
        assert len(receiver.received) == 1 + 8
        recorder.sessions[0].send("a", "now")
        assert await client.receive(held) == ["now"]
