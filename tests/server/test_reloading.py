"""The configuration is read again while the server runs: what changes, what needs a restart, and nobody is dropped."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import trio

from cometary.app import App
from cometary.authentication import SignedToken
from cometary.config import Address, Settings
from cometary.config.section import options_of
from cometary.errors import ConfigError
from cometary.server import Running, serve
from cometary.server.reloading import Source
from tests.protocol.client import Answer, World

START: dict[str, Any] = {"port": 0, "control": Address("127.0.0.1", 0)}


class Operator:
    """Has a configuration, and changes it."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**START, **settings)
        self.taken: list[Settings] = []

    def read(self) -> Settings:
        return self.settings

    def write(self, **values: Any) -> None:
        """Write other values; `running.reload()` has them read."""
        self.settings = replace(self.settings, **values)


@asynccontextmanager
async def operated(operator: Operator, app: App | None = None) -> AsyncGenerator[World]:
    """Run a server that has its settings of an operator."""
    app = app or App()
    async with trio.open_nursery() as nursery:
        source = Source(operator.read, operator.taken.append)
        running: Running = await nursery.start(partial(serve, source=source), operator.settings, app)
        world = World(running, app)
        try:
            yield world
        finally:
            for connection in world.connections:
                connection.wire.stream.socket.close()
            nursery.cancel_scope.cancel()


async def opening(world: World, *headers: bytes, **members: Any) -> Answer:
    """Ask for a session."""
    return await (await world.connect()).ask({"rid": 1, **members}, *headers)


async def test_a_secret_is_rotated_while_back_ends_stay_connected() -> None:
    operator = Operator(secret="old")
    async with operated(operator) as world:
        control = await world.connect(control=True)
        for _ in range(3):  # so that the head is remembered, with what it may
            assert (await control.get("/tree", b"Authorization: Bearer old")).status == 200
        operator.write(secret="new", secrets=["old all"])
        assert world.running.reload().changed == ["secret", "secrets"]
        for secret in (b"old", b"new"):
            assert (await control.get("/tree", b"Authorization: Bearer " + secret)).status == 200
        operator.write(secrets=[])
        world.running.reload()
        assert (await control.get("/tree", b"Authorization: Bearer old")).error == (401, "unauthorized")
        assert (await control.get("/tree", b"Authorization: Bearer new")).status == 200


async def test_sessions_go_on_and_other_origins_may_come() -> None:
    operator = Operator()
    other = b"Origin: https://other.example"
    async with operated(operator) as world:
        client = await world.open()
        held = await client.hold()
        for _ in range(2):
            assert (await opening(world, other)).status == 403
        operator.write(origins=["https://other.example"])
        assert world.running.reload().changed == ["origins"]
        answer = await opening(world, other)
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "https://other.example"
        operator.write(origins=[])
        world.running.reload()
        assert (await opening(world, other)).status == 403
        assert not held.is_closed()
        assert (await client.ask(hold=False)).status == 200


async def test_hosts_change() -> None:
    operator = Operator(hosts=["push.example"])
    async with operated(operator) as world:

        async def status(name: bytes) -> int:
            connection = await world.connect()
            await connection.wire.send(
                b"POST /comet HTTP/1.1\r\nHost: " + name + b"\r\nContent-Type: application/json\r\n"
                b'Content-Length: 9\r\n\r\n{"rid":1}'
            )
            return (await connection.answer()).status

        assert [await status(b"push.example"), await status(b"new.example")] == [200, 403]
        operator.write(hosts=["new.example"])
        world.running.reload()
        assert [await status(b"push.example"), await status(b"new.example")] == [403, 200]


async def test_limits_change_for_who_comes_and_for_who_is_there() -> None:
    operator = Operator()
    app = App()

    @app.packet("say")
    def say(session: object, path: str, message: object) -> None:
        """Take it."""

    async with operated(operator, app) as world:
        client = await world.open()
        operator.write(max_sessions=1, request_packets=1, packets_per_second=1, packet_burst=2)
        assert world.running.reload().changed == [
            "max-sessions",
            "request-packets",
            "packets-per-second",
            "packet-burst",
        ]
        assert (await opening(world)).error == (503, "too-many-sessions")
        assert (await client.ask(("say", 1), ("say", 2))).error == (413, "too-large")
        client.rid -= 1
        answers = [(await client.ask(("say", 1), hold=False)).status for _ in range(3)]
        assert answers == [200, 200, 429]


async def test_secrets_of_tokens_are_rotated() -> None:
    old, new = SignedToken("o" * 32), SignedToken("n" * 32)
    operator = Operator(token_secret=["o" * 32])
    async with operated(operator) as world:
        assert (await opening(world, token=old.make("ann"))).status == 200
        operator.write(token_secret=["n" * 32])
        assert world.running.reload().changed == ["token-secret"]
        assert (await opening(world, token=old.make("ann"))).status == 401
        assert (await opening(world, token=new.make("ann"))).status == 200


async def test_what_needs_a_restart_is_said_one_by_one_and_stays(caplog: pytest.LogCaptureFixture) -> None:
    operator = Operator()
    async with operated(operator) as world:
        operator.write(wait=7, queue_packets=5, origins=["https://other.example"])
        with caplog.at_level(logging.INFO, "cometary.server"):
            done = world.running.reload()
        assert (done.changed, done.restart) == (["origins"], ["wait", "queue-packets"])
        assert [record.message for record in caplog.records] == [
            "the configuration and the files of TLS were read again; changed: origins",
            "wait has changed, and needs a restart: the old value stays in force",
            "queue-packets has changed, and needs a restart: the old value stays in force",
        ]
        assert operator.taken[-1].wait == 60
        assert (await opening(world)).body["wait"] == 60


async def test_tokens_are_not_begun_with_while_strangers_are_in() -> None:
    operator = Operator()
    async with operated(operator) as world:
        operator.write(token_secret=["o" * 32], tls_cert="/nowhere", tls_key="/nowhere")
        done = world.running.reload()
        assert (done.changed, done.restart) == ([], ["tls-cert", "tls-key", "token-secret"])
        assert (await opening(world)).status == 200


async def test_what_is_wrong_changes_nothing() -> None:
    operator = Operator(secret="old", origins=["https://a.example"], bind="cookie:c")
    async with operated(operator) as world:
        # Right by itself, since `bind` is off there; but that needs a restart, so the old value is what counts.
        operator.write(bind="off", origins=["*"], secret="new")
        with pytest.raises(ConfigError, match="bind: cookies are not for pages of any origin"):
            world.running.reload()
        control = await world.connect(control=True)
        assert (await control.get("/tree", b"Authorization: Bearer old")).status == 200
        assert not operator.taken


async def test_a_listener_that_others_reach_is_not_left_without_a_secret() -> None:
    operator = Operator(secret="old", stomp=Address("0.0.0.0", 0))
    async with operated(operator) as world:
        operator.write(secret=None, stomp=None)
        with pytest.raises(ConfigError, match="stomp: other machines can reach"):
            world.running.reload()


def test_every_option_that_is_live_is_told_of() -> None:
    """A value that is declared live, and that nobody takes, would be said to have changed without effect."""
    assert {option.name for option in options_of(Settings) if option.live} == {
        "stop-grace",
        "drain",
        "origins",
        "hosts",
        "trusted-proxies",
        "forwarded",
        "tls-cert",
        "tls-key",
        "secret",
        "secrets",
        "token-secret",
        "token-audience",
        "opens-per-minute",
        "token-notice",
        "max-sessions",
        "session-paths",
        "ended-sessions",
        "request-packets",
        "packets-per-second",
        "packet-burst",
        "address-packets-per-second",
        "address-packet-burst",
        "response-bytes",
        "log-addresses",
        "log-level",
        "access-log",
    }
