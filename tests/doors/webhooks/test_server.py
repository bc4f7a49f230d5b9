"""A server that tells a back-end of its sessions: what it says, in which order, and that nobody waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.app import App
from cometary.doors.webhooks import Reporting
from cometary.errors import RefusedError
from cometary.sessions import Session
from tests.doors.webhooks.receiver import SECRET, Receiver
from tests.protocol.client import Recorder, World, serving


class CrashError(Exception):
    """What the handlers of these tests raise."""


@pytest.fixture
async def receiver(nursery: trio.Nursery) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await nursery.start(receiver.serve)
    yield receiver
    receiver.stop()


def telling(app: App, receiver: Receiver, **settings: Any) -> AbstractAsyncContextManager[World]:
    return serving(app, webhook_url=receiver.url, webhook_secret=SECRET, **settings)


def told(receiver: Receiver) -> list[dict[str, Any]]:
    """What the receiver has heard, without what is different each time."""
    varying = ("id", "time", "sequence", "session")
    return [
        {name: value for name, value in one.body.items() if name not in varying} for one in receiver.received
    ]


def poison(_session: Session, _path: str, message: object) -> None:
    raise CrashError(message)


async def test_the_life_of_a_session_is_told_in_order(receiver: Receiver) -> None:
    recorder = Recorder()
    recorder.app.packet("poison")(poison)

    @recorder.app.authenticate
    def who(token: object) -> dict[str, object]:
        return {"user": token}

    async with telling(recorder.app, receiver) as world:
        client = await world.open(token="ada")
        await client.hold(("poison", {"a": 1}))
        recorder.sessions[0].send("a", 1, receipt="r1")
        assert await client.poll() == [1]
        held = await client.hold()
        recorder.sessions[0].send("b", [2])
        await held.answer()
        await client.ask(close=True)
        await world.settle()
        name = recorder.sessions[0].name
        reporting = world.running._manager.application
        assert isinstance(reporting, Reporting)
        assert reporting._numbers._living == {None: 0}  # what a session leaves behind is bounded
        statistics = world.running.statistics()
        tree = world.running.tree()
    receipt = {"id": "r1", "outcome": "delivered", "path": "a", "session": name, "user": "ada"}
    assert told(receiver) == [
        {"type": "signon", "user": "ada"},
        {
            "type": "failure",
            "user": "ada",
            "hook": "packet",
            "error": "CrashError({'a': 1})",
            "packet": {"path": "poison", "message": {"a": 1}},
        },
        {"type": "receipt", "user": "ada", "receipt": receipt},
        {
            "type": "signoff",
            "user": "ada",
            "reason": "closed",
            "undelivered": [{"path": "b", "message": [2]}],
        },
    ]
    bodies = [one.body for one in receiver.received]
    assert [body["sequence"] for body in bodies] == [1, 2, 3, 4]
    assert {body["session"] for body in bodies} == {name}
    assert len({body["id"] for body in bodies}) == 4
    assert all(client.sid.encode() not in one.raw for one in receiver.received)
    assert statistics["webhooks_delivered"] == 4
    assert [child.id for child in tree.children][:4] == ["dispatcher", "control", "webhooks", "sessions"]
    assert recorder.ended == [("closed", [[2]])]


async def test_handlers_that_crash_take_no_event_with_them(receiver: Receiver) -> None:
    app = App()

    @app.signon
    @app.signoff
    def crash(*_: object) -> None:
        raise CrashError

    async with telling(app, receiver) as world:
        client = await world.open()
        await client.ask(close=True)
        await world.settle()
    kinds = [(body["type"], body.get("hook")) for body in told(receiver)]
    assert kinds == [("signon", None), ("failure", "signon"), ("signoff", None), ("failure", "signoff")]


async def test_a_back_end_that_hangs_delays_no_push(receiver: Receiver) -> None:
    receiver.script.extend(["hang"] * 100)
    recorder = Recorder()
    async with telling(recorder.app, receiver, webhook_connections=1) as world:
        clients = [await world.open() for _ in range(3)]
        for session in recorder.sessions:
            session.connect("news")
        held = [await client.hold() for client in clients]
        recorder.app.update("news", "now", receipt="r")
        for client, request in zip(clients, held, strict=True):
            assert await client.receive(request) == ["now"]
        statistics = await (await world.connect(control=True)).get("/statistics")
        assert statistics.body["webhooks_waiting"] == 4
        assert len(receiver.received) == 1


async def test_only_what_is_wanted_is_sent(receiver: Receiver) -> None:
    async with telling(Recorder().app, receiver, webhook_events=("signoff",)) as world:
        client = await world.open()
        await client.ask(close=True)
        await world.settle()
    assert [(one.body["type"], one.body["sequence"]) for one in receiver.received] == [("signoff", 1)]


async def test_what_utf_8_has_no_bytes_for_does_not_stop_an_event(receiver: Receiver) -> None:
    app = App()

    @app.authenticate
    def who(_token: object) -> dict[str, object]:
        return {"user": "half \ud83d"}

    async with telling(app, receiver) as world:
        await world.open()
        await world.settle()
    assert told(receiver)[0] == {"type": "signon", "user": "half ?"}


async def test_a_stop_waits_for_events_but_not_for_ever(
    receiver: Receiver, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with telling(Recorder().app, receiver) as world:
        await world.open()
        await world.settle()
        receiver.script.extend([500])
        world.running.stop()
        await world.settle()
        assert [body["type"] for body in told(receiver)] == ["signon", "signoff"]
        await world.pass_time(mock_clock, 1)
        assert [body["type"] for body in told(receiver)] == ["signon", "signoff", "signoff"]
    assert "were not delivered" not in caplog.text
    receiver.stop()
    async with telling(Recorder().app, receiver) as world:
        await world.open()
        world.running.stop()
        for _ in range(20):
            await world.pass_time(mock_clock, 0.5)
    assert "2 webhook events were not delivered before the server stopped" in caplog.text


async def test_without_a_url_there_is_nothing_of_it() -> None:
    async with serving() as world:
        assert "webhooks" not in [child.id for child in world.running.tree().children]
        assert not [name for name in world.running.statistics() if name.startswith("webhooks")]


async def test_what_clients_say_to_back_ends_is_told_in_its_turn(receiver: Receiver) -> None:
    app = App(authenticate=lambda token: {"user": token})
    async with telling(app, receiver, message_paths=("say", "orders/**")) as world:
        client = await world.open(token="ada")
        assert (await client.ask(("elsewhere", 1))).error == (403, "forbidden")
        client.rid -= 1
        await client.ask(("say", {"text": "é"}), ("orders/7/a", None), hold=False)
        await client.ask(close=True)
        await world.settle()
    assert told(receiver) == [
        {"type": "signon", "user": "ada"},
        {"type": "message", "user": "ada", "packet": {"path": "say", "message": {"text": "é"}}},
        {"type": "message", "user": "ada", "packet": {"path": "orders/7/a", "message": None}},
        {"type": "signoff", "user": "ada", "reason": "closed", "undelivered": []},
    ]
    assert [one.body["sequence"] for one in receiver.received] == [1, 2, 3, 4]
    assert not app.accepts("say"), "the application is as it was"


async def test_whoever_asks_a_back_end_is_told_whether_its_message_waits_to_be_sent(
    receiver: Receiver,
) -> None:
    receiver.script.extend(["hang"] * 10)
    settings: dict[str, Any] = {"webhook_queue": 4, "message_paths": ("say",)}
    async with telling(App(), receiver, **settings) as world:
        client = await world.open()
        for number in range(2):
            await client.ask(packets=[{"path": "say", "message": number, "ask": f"q{number}"}], hold=False)
        await world.settle()
        answers = await client.poll()
    assert answers == [{"ask": "q0", "value": True}, {"ask": "q1", "value": False}]


async def test_the_application_is_handed_first_what_is_said_to_back_ends_and_may_refuse_it(
    receiver: Receiver,
) -> None:
    app = App()

    @app.packet("say")
    def look(_session: Session, _path: str, message: object) -> None:
        if message == "no":
            raise RefusedError("not that")

    async with telling(app, receiver, message_paths=("say",), webhook_events=("message",)) as world:
        client = await world.open()
        for message in ("no", "yes"):
            await client.ask(packets=[{"path": "say", "message": message, "ask": message}], hold=False)
        await world.settle()
        refused, taken = await client.poll()
    assert (refused["error"], taken) == ("forbidden", {"ask": "yes", "value": True})
    assert [one["packet"]["message"] for one in told(receiver)] == ["yes"]
