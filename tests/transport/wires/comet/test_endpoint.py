"""The comet endpoint by itself: what it does with exchanges, from whatever address they come."""

from __future__ import annotations

import json as standard_json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import current_system, system
from cometary.app import App
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.hub import Hub
from cometary.errors import ProtocolError
from cometary.gate.gate import Gate
from cometary.gate.judging import judge_of
from cometary.gate.rate_limit import OpenLimiter
from cometary.sessions import SessionManager, SessionSettings, SessionSupervisor
from cometary.supervision import ChildSpec, supervise
from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.wires.comet.endpoint import CometEndpoint
from tests.transport.wire import WholeAnswers

FAR = "192.0.2.1"


class Wire(WholeAnswers):
    """A carrier that notes what it is given."""

    def __init__(self) -> None:
        self.status = 0
        self.body: Any = None
        self.headers: dict[bytes, bytes] = {}

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        assert content_type == b"application/json"
        self.status, self.body, self.headers = status, standard_json.loads(body), dict(headers)


class Bench:
    """An endpoint with all that is behind it, and no sockets."""

    def __init__(self, app: App, opens_per_minute: int) -> None:
        self.manager = SessionManager(SessionSettings(), app)
        Hub(self.manager, Table(), start_soon=current_system().start_soon)
        self.limiter = OpenLimiter(opens_per_minute, trio.current_time)
        judge = None if app.authenticator is None else judge_of(app.authenticator)
        gate = Gate(
            self.manager, self.limiter, app.accepts, judge=judge, start_soon=current_system().start_soon
        )
        self.endpoint = CometEndpoint(gate)

    def hand_in(self, body: object) -> Wire:
        """Hand in an exchange, and leave it there."""
        exchange = Exchange("POST", "/comet", b"", {}, body=standard_json.dumps(body).encode())
        wire = Wire()
        exchange.arrive(wire, "127.0.0.1")
        self.endpoint(exchange)
        return wire

    async def exchange(self, body: object, peer: str = "127.0.0.1") -> tuple[Exchange, Wire]:
        """Hand in an exchange, and let it be dealt with."""
        exchange = Exchange("POST", "/comet", b"", {}, body=standard_json.dumps(body).encode())
        wire = Wire()
        exchange.arrive(wire, peer)
        self.endpoint(exchange)
        await trio.testing.wait_all_tasks_blocked()
        return exchange, wire

    async def ask(self, body: object, peer: str = "127.0.0.1") -> Wire:
        return (await self.exchange(body, peer))[1]


@asynccontextmanager
async def running(app: App, opens_per_minute: int = 0) -> AsyncGenerator[Bench, None]:
    async with system():
        bench = Bench(app, opens_per_minute)
        async with supervise([ChildSpec("sessions", SessionSupervisor, (bench.manager,))]):
            yield bench


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    async with running(App()) as bench:
        yield bench


async def test_an_address_opens_only_so_many_sessions_in_a_minute(mock_clock: trio.testing.MockClock) -> None:
    async with running(App(), opens_per_minute=2) as bench:
        assert [(await bench.ask({"rid": 1}, FAR)).status for _ in range(2)] == [200, 200]
        refused = await bench.ask({"rid": 1}, FAR)
        assert (refused.status, refused.body["error"]) == (429, "too-many-requests")
        assert refused.headers == {b"Retry-After": b"60"}
        assert len(bench.manager.directory) == 2
        assert (await bench.ask({"rid": 1}, "192.0.2.2")).status == 200
        mock_clock.jump(60)
        assert (await bench.ask({"rid": 1}, FAR)).status == 200


async def test_those_whom_the_authenticator_refuses_count_too() -> None:
    app = App()

    @app.authenticate
    def nobody(_: object) -> bool:
        return False

    async with running(app, opens_per_minute=2) as bench:
        assert [(await bench.ask({"rid": 1}, FAR)).status for _ in range(3)] == [401, 401, 429]


async def test_a_drop_right_after_a_token_came_is_not_missed() -> None:
    async def judge(_: object) -> bool:
        await trio.lowlevel.checkpoint()
        return True

    async with running(App(authenticate=judge)) as bench:
        exchange = Exchange("POST", "/comet", b"", {}, body=b'{"rid":1,"token":"x"}')
        exchange.arrive(Wire(), FAR)
        bench.endpoint(exchange)
        exchange.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert len(bench.manager.directory) == 0


async def test_tokens_of_open_sessions_count_too() -> None:
    async with running(App(authenticate=lambda _: True), opens_per_minute=2) as bench:
        sid = (await bench.ask({"rid": 1}, FAR)).body["sid"]
        await bench.ask({"sid": sid, "rid": 2, "token": "x"}, FAR)
        assert (await bench.ask({"sid": sid, "rid": 3, "token": "x"}, FAR)).status == 429
        machine = bench.manager.find(sid).machine
        assert machine.held is not None
        assert machine.held.rid == 2
        await bench.ask({"sid": sid, "rid": 3}, FAR)
        assert machine.held.rid == 3


async def test_open_sessions_are_not_limited_by_address() -> None:
    async with running(App(), opens_per_minute=1) as bench:
        sid = (await bench.ask({"rid": 1}, FAR)).body["sid"]
        for rid in range(2, 10):
            body = {"sid": sid, "rid": rid, "close": rid == 9}
            assert (await bench.ask(body, FAR)).status in (0, 200)


async def test_before_sessions_can_run_none_opens() -> None:
    async with system():
        bench = Bench(App(), 0)
        wire = await bench.ask({"rid": 1})
        assert (wire.status, wire.body["error"]) == (503, "shutting-down")
        assert b"Retry-After" in wire.headers


async def test_a_held_exchange_keeps_nothing_of_its_request(bench: Bench) -> None:
    sid = (await bench.ask({"rid": 1})).body["sid"]
    exchange, wire = await bench.exchange({"sid": sid, "rid": 2, "padding": "x" * 1000})
    assert wire.status == 0
    assert exchange.body == b""
    assert not exchange.headers


async def test_a_drop_reaches_the_session(bench: Bench) -> None:
    sid = (await bench.ask({"rid": 1})).body["sid"]
    exchange, _ = await bench.exchange({"sid": sid, "rid": 2})
    machine = bench.manager.find(sid).machine
    assert machine.held is not None
    exchange.drop()
    await trio.testing.wait_all_tasks_blocked()
    assert machine.held is None


async def test_a_drop_after_the_session_has_ended_is_nobodys_business(bench: Bench) -> None:
    sid = (await bench.ask({"rid": 1})).body["sid"]
    exchange, wire = await bench.exchange({"sid": sid, "rid": 3})
    keeper = bench.manager.find(sid)
    keeper.ref.kill()
    await bench.manager.shut_down()
    await trio.testing.wait_all_tasks_blocked()
    exchange.drop()
    await trio.testing.wait_all_tasks_blocked()
    assert wire.body["reason"] == "shutdown"


async def test_the_media_type_is_judged_before_the_body(bench: Bench) -> None:
    exchange = Exchange("POST", "/comet", b"", {b"content-type": b"text/html"}, body=b"\xff")
    with pytest.raises(ProtocolError) as caught:
        bench.endpoint(exchange)
    assert caught.value.condition == "unsupported-media-type"


async def test_while_the_supervisor_of_all_sessions_restarts_they_are_said_to_have_failed(
    bench: Bench,
) -> None:
    sid = (await bench.ask({"rid": 1})).body["sid"]
    supervisor = bench.manager._supervisor
    assert supervisor is not None
    supervisor.actor_ref.actor_inbox.fail(ZeroDivisionError(), None)
    asked: list[Wire] = []
    opened: list[Wire] = []
    while bench.manager._supervisor is supervisor:
        asked.append(bench.hand_in({"sid": sid, "rid": 2}))
        opened.append(bench.hand_in({"rid": 1}))
        await trio.lowlevel.checkpoint()
    await trio.testing.wait_all_tasks_blocked()
    outcomes = {(wire.status, wire.body.get("reason")) for wire in asked}
    assert (410, "failed") in outcomes
    assert outcomes <= {(200, None), (410, "failed")}, "its actor may still have handled the first one"
    assert {wire.status for wire in opened} <= {200, 503}
    assert 503 in {wire.status for wire in opened}
    assert (await bench.ask({"sid": sid, "rid": 2})).body["reason"] == "failed"
    assert (await bench.ask({"rid": 1})).status == 200
