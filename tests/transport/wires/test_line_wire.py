"""A second wire needs channel, floor and gate, and nothing else: sessions by lines over TCP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from cometary.app import App
from cometary.sessions import Session
from cometary.transport.net.switchboard import Listen, Switchboard
from tests.gate.wire import house
from tests.transport.wires import line
from tests.transport.wires.line import LineChannel


class Caller:
    """One end of a connection, line by line."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._read = b""

    async def ask(self, line: str) -> str:
        await self.say(line)
        return await self.hear()

    async def say(self, line: str) -> None:
        await self.stream.send_all(line.encode() + b"\n")

    async def hear(self) -> str:
        while b"\n" not in self._read:
            data = await self.stream.receive_some()
            assert data, "closed"
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()


class Lines:
    """A server that is asked by lines."""

    def __init__(self) -> None:
        self.app = App()
        self.sessions: list[Session] = []
        self.address = ("", 0)
        self.app.signon(self.sessions.append)

        @self.app.packet("echo/*")
        def echo(session: Session, path: str, message: object) -> None:
            session.send(path, [path, message])

    async def call(self) -> Caller:
        return Caller(await trio.open_tcp_stream(*self.address))


@asynccontextmanager
async def serving() -> AsyncGenerator[Lines]:
    lines = Lines()
    async with house(lines.app) as behind, trio.open_nursery() as nursery:
        switchboard = Switchboard([Listen(partial(LineChannel, behind.gate))])
        (lines.address,) = await nursery.start(switchboard.serve)
        yield lines
        await switchboard.aclose(0)
        nursery.cancel_scope.cancel()


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked(0.005)


async def test_a_session_is_opened_sends_receives_and_acknowledges() -> None:
    async with serving() as lines:
        caller = await lines.call()
        sid = await caller.ask("open")
        assert await caller.ask(f'{sid} 2 0 echo/a "hello"') == '1 [["echo/a","hello"]]'
        await caller.say(f"{sid} 3 1")
        await settle()
        lines.sessions[0].send("news", "held until now")
        assert await caller.hear() == '2 ["held until now"]'
        await caller.stream.aclose()


async def test_nothing_is_lost_or_doubled_when_the_connection_breaks() -> None:
    async with serving() as lines:
        caller = await lines.call()
        sid = await caller.ask("open")
        await caller.say(f"{sid} 2 0")
        await settle()
        await caller.stream.aclose()
        await settle()
        lines.sessions[0].send("news", "meanwhile")
        another = await lines.call()
        assert await another.ask(f"{sid} 3 0") == '1 ["meanwhile"]'
        assert await another.ask(f"{sid} 3 0") == '1 ["meanwhile"]'
        lines.sessions[0].send("news", "next")
        assert await another.ask(f"{sid} 4 1") == '2 ["next"]'
        await another.stream.aclose()


@pytest.mark.parametrize(
    ("asked", "told"),
    [("no-session 2 0", "! unknown-session"), ('{sid} 2 0 other/a "x"', "! forbidden")],
)
async def test_what_the_gate_refuses_is_refused(asked: str, told: str) -> None:
    async with serving() as lines:
        caller = await lines.call()
        sid = await caller.ask("open")
        assert await caller.ask(asked.format(sid=sid)) == told
        await caller.stream.aclose()


async def test_a_line_without_end_costs_its_caller_the_connection() -> None:
    async with serving() as lines:
        caller, other = await lines.call(), await lines.call()
        with pytest.raises(AssertionError, match="closed"):
            await caller.ask("x" * 10_000)
        assert len(await other.ask("open")) > 10
        for each in (caller, other):
            await each.stream.aclose()


def test_it_is_no_more_than_a_page() -> None:
    code = Path(line.__file__).read_text().partition("LONGEST")[2]
    assert len([text for text in code.splitlines() if text.strip()]) < 60
