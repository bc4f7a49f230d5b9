"""One process takes another's place, under load: no client sees an error, and none comes back before its time."""

from __future__ import annotations

import math
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import trio

from tests.protocol.client import Connection
from tests.protocol.streaming import LINES, Streamed
from tests.servers import ECHO, ENVIRONMENT
from tests.transport.wire import Response

READY = re.compile(r"cometary: comet http://127\.0\.0\.1:(\d+)/comet, control \S+\n")
CLIENTS = 40
DRAIN = 7

HANDED_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""

SERVE = ("-W", "error", "-m", "cometary", "serve", ECHO, "--control", "127.0.0.1:0", "--drain", str(DRAIN))


@dataclass
class Process:
    """A server."""

    popen: subprocess.Popen[str]
    port: int = 0

    async def ready(self) -> None:
        assert self.popen.stdout is not None
        found = READY.fullmatch(await trio.to_thread.run_sync(self.popen.stdout.readline))
        assert found is not None
        self.port = int(found[1])

    async def stop(self) -> None:
        self.popen.terminate()
        assert await trio.to_thread.run_sync(self.popen.wait) == 0


@dataclass
class Crowd:
    """Clients that come back at once, which is worse than what they are told.

    Attributes:
        told: the seconds after which each was told to come back.
        back: how many have a session for the second time.
        errors: what a user would have seen.
    """

    port: int
    told: list[float] = field(default_factory=list[float])
    connections: list[Connection] = field(default_factory=list[Connection])
    open: int = 0
    back: int = 0
    errors: list[str] = field(default_factory=list[str])
    changed: trio.Condition = field(default_factory=trio.Condition)

    async def be_client(self, number: int) -> None:
        """Open a session, keep it up until it ends, and open another."""
        try:
            await self._live(streams=number % 2 > 0)
            await self._open()
            self.back += 1
            await self._tell()
        except (OSError, AssertionError, trio.BrokenResourceError) as error:
            self.errors.append(repr(error))
            await self._tell()

    async def _open(self) -> tuple[Connection, str]:
        connection = Connection(await trio.open_tcp_stream("127.0.0.1", self.port))
        self.connections.append(connection)
        response = await ask(connection, {"rid": 1})
        assert response.status == 200, response
        return connection, msgspec.json.decode(response.body)["sid"]

    async def _live(self, *, streams: bool) -> None:
        connection, sid = await self._open()
        self.open += 1
        await self._tell()
        if streams:
            await connection.send({"sid": sid}, b"Accept: application/x-ndjson")
            stream = Streamed(connection, LINES)
            error = await stream.begin()
            if error is not None:  # it came when the session had ended
                self._ended(error, float(stream.head.headers["retry-after"]))
                return
            [*_, last] = await stream.end(math.inf)
            self._ended(last.body, last.body["retry_after"])
            return
        response = await ask(connection, {"sid": sid, "rid": 2})
        assert response.status == 410, response
        self._ended(msgspec.json.decode(response.body), float(response.headers["retry-after"]))

    def _ended(self, body: Any, seconds: float) -> None:
        assert (body["error"], body["reason"]) == ("session-ended", "shutdown")
        self.told.append(seconds)

    def hang_up(self) -> None:
        for connection in self.connections:
            connection.wire.stream.socket.close()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, come: Callable[[], bool]) -> None:
        """Wait until something has come about, or an error."""
        async with self.changed:
            while not (come() or self.errors):
                await self.changed.wait()


async def ask(connection: Connection, body: dict[str, object]) -> Response:
    """Ask, for as long as it takes: how fast a process starts is not what is tested."""
    await connection.send(body)
    return await connection.wire.response()


@asynccontextmanager
async def starting() -> AsyncGenerator[Callable[..., Process]]:
    """Start servers, and see to it that they end."""
    started: list[Process] = []

    def start(*command: str, pass_fds: tuple[int, ...] = ()) -> Process:
        popen = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
            env=ENVIRONMENT,
        )
        started.append(Process(popen))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.popen.kill()
            process.popen.communicate()


def judge(crowd: Crowd) -> None:
    crowd.hang_up()
    assert crowd.errors == []
    assert crowd.back == CLIENTS
    assert {*crowd.told} <= {*range(1, DRAIN + 1)}
    assert len({*crowd.told}) > 3, "each at a time of its own"


async def test_a_restart_on_a_socket_that_was_handed_over_is_no_error_to_any_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        async with starting() as start, trio.open_nursery() as nursery:

            def serve() -> Process:
                handed = ("-c", HANDED_OVER, str(sock.fileno()), *SERVE, "--port", str(port))
                return start(*handed, pass_fds=(sock.fileno(),))

            crowd = Crowd(port)
            for number in range(CLIENTS):
                nursery.start_soon(crowd.be_client, number)  # before anybody serves: they wait in the backlog
            first = serve()
            await first.ready()
            await crowd.until(lambda: crowd.open == CLIENTS)
            await first.stop()
            assert crowd.back == 0, "they wait for the next one"
            second = serve()
            await crowd.until(lambda: crowd.back == CLIENTS)
            judge(crowd)
            await second.ready()
            await second.stop()


async def test_a_server_that_listens_at_the_same_port_takes_over_from_one_that_stops() -> None:
    async with starting() as start, trio.open_nursery() as nursery:
        first = start(*SERVE, "--port", "0", "--reuse-port", "on")
        await first.ready()
        crowd = Crowd(first.port)
        for number in range(CLIENTS):
            nursery.start_soon(crowd.be_client, number)
        await crowd.until(lambda: crowd.open == CLIENTS)
        second = start(*SERVE, "--port", str(first.port), "--reuse-port", "on")
        await second.ready()
        await first.stop()
        await crowd.until(lambda: crowd.back == CLIENTS)
        judge(crowd)
        await second.stop()


async def test_a_port_is_nobody_elses_unless_it_is_asked_for() -> None:
    async with starting() as start:
        first = start(*SERVE, "--port", "0")
        await first.ready()
        second = start(*SERVE, "--port", str(first.port), "--reuse-port", "on")
        assert await trio.to_thread.run_sync(second.popen.wait) == 1


@pytest.mark.parametrize("environment", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}])
async def test_sockets_that_are_for_another_process_are_left_alone(environment: dict[str, str]) -> None:
    from cometary.transport.net.inherited import Inherited  # noqa: PLC0415

    inherited = Inherited(environment, os.getpid())
    assert (environment, inherited.unused) == ({}, [])
    assert inherited.network().successor == "none"
