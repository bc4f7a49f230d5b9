"""The prompt in the server: what lines do there, who may come in, and what is said of it in the log."""

from __future__ import annotations

import logging
import os
import socket as standard_socket
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from cometary.doors.manhole import conversation
from cometary.doors.manhole.prompt import Prompt
from cometary.doors.manhole.visitors import check_place, may_come_in
from cometary.errors import ConfigError
from cometary.transport.net.unix import open_unix_socket
from tests.protocol.client import Recorder, World, serving


class Visitor:
    """Somebody at the prompt."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._lines = conversation.Lines(stream)

    async def order(self, **order: object) -> None:
        await self.stream.send_all(msgspec.json.encode(order) + b"\n")

    async def read(self) -> Any:
        with trio.fail_after(30):
            return msgspec.json.decode(await self._lines.next() or b"")

    async def run(self, source: str) -> str:
        """Run a line; returns all that it shows."""
        await self.order(run=source)
        shown = ""
        while "done" not in (told := await self.read()):
            shown += told["text"]
        return shown


@asynccontextmanager
async def visiting(path: Path) -> AsyncGenerator[Visitor]:
    async with await trio.open_unix_socket(path) as stream:
        yield Visitor(stream)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "manhole.sock"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(path: Path, recorder: Recorder) -> AsyncIterator[World]:
    async with serving(recorder.app, manhole=str(path)) as world:
        yield world


class TestThePrompt:
    async def test_what_lives_is_at_hand_and_can_be_awaited(
        self, world: World, path: Path, recorder: Recorder
    ) -> None:
        await world.open()
        name = recorder.sessions[0].name
        async with visiting(path) as visitor:
            assert await visitor.run("1 + 1") == "2\n"
            assert await visitor.run("_ * 2") == "4\n"
            assert await visitor.run("x = 5\nprint('x is', x)") == "x is 5\n"
            assert await visitor.run("await trio.sleep(0) or x") == "5\n"
            assert await visitor.run("sessions") == "<1 sessions, by their names>\n"
            assert await visitor.run("list(sessions)") == f"['{name}']\n"
            assert await visitor.run(f"sessions['{name}'].kick()") == ""
            assert await visitor.run("tree().id") == "'cometary'\n"
            assert await visitor.run("server.statistics()['sessions']") == "0\n"
            assert await visitor.run("(await sys.get_state(server.root())) is not None") == "True\n"
        await world.settle()
        assert [reason for reason, _ in recorder.ended] == ["kicked"]

    async def test_what_a_line_raises_is_shown_and_harms_nobody(self, world: World, path: Path) -> None:
        async with visiting(path) as visitor:
            told = await visitor.run("def f():\n    raise KeyboardInterrupt('mine')\nf()")
            assert told.startswith("Traceback")
            assert 'File "<manhole>", line 2, in f' in told
            assert "prompt.py" not in told
            assert "SyntaxError" in await visitor.run("1 +")
            assert await visitor.run("class Bad:\n    def __repr__(self): raise ValueError\nBad()")
            assert await visitor.run("1") == "1\n"
        await world.open()

    async def test_what_is_printed_may_be_any_text_at_all(self, world: World, path: Path) -> None:
        async with visiting(path) as visitor, visiting(path) as other:
            assert await visitor.run("print('\\ud800')") == "\\ud800\n"
            await visitor.run("class Text(str):\n    def __str__(self): return self")
            assert await visitor.run("print(Text('mine'))") == "mine\n"
            await visitor.run("setattr(Text, 'n\\udfff', 1)")
            await visitor.order(complete="Text.n")
            assert await visitor.read() == {"completions": ["Text.n\\udfff"]}
            assert await other.run("1") == "1\n"

    async def test_exit_closes_the_prompt_and_not_the_server(self, world: World, path: Path) -> None:
        async with visiting(path) as visitor:
            await visitor.order(run="print('bye'); raise SystemExit")
            shown = ""
            while "closed" not in (told := await visitor.read()):
                shown += told["text"]
            assert shown == "bye\n"
            assert await visitor.stream.receive_some() == b""
        async with visiting(path) as visitor:
            assert await visitor.run("1") == "1\n"

    async def test_what_is_awaited_can_be_interrupted_and_names_completed_meanwhile(
        self, world: World, path: Path
    ) -> None:
        async with visiting(path) as visitor:
            await visitor.order(run="await trio.sleep_forever()")
            await visitor.order(complete="server.man")
            assert await visitor.read() == {"completions": ["server.manager"]}
            await visitor.order(interrupt=True)
            assert await visitor.read() == {"text": "interrupted\n"}
            assert await visitor.read() == {"done": True}

    async def test_who_leaves_ends_what_runs(self, world: World, path: Path) -> None:
        async with visiting(path) as visitor:
            await visitor.run("import trio\nended = trio.Event()\nserver.hub.ended = None")
            await visitor.order(run="try:\n    await trio.sleep_forever()\nfinally:\n    print(ended.set())")
            await world.settle()
        await world.settle()
        async with visiting(path) as visitor:
            assert "NameError" in await visitor.run("ended")  # each has names of their own

    async def test_what_is_shown_faster_than_it_is_read_is_left_out(self, world: World, path: Path) -> None:
        async with visiting(path) as visitor:
            shown = await visitor.run("for n in range(10_000): print(n, 'x' * 500)")
            assert "faster than it can be shown" in shown
            assert await visitor.run("1") == "1\n"

    async def test_nonsense_closes_the_connection(self, world: World, path: Path) -> None:
        too_long = b"x" * (conversation.LONGEST_LINE + 2)
        async with visiting(path) as other:
            for nonsense in (b"no json\n", b'{"run": 1}\n', b'{"run": "\xff"}\n', too_long):
                async with visiting(path) as visitor:
                    await visitor.stream.send_all(nonsense)
                    with trio.fail_after(30):
                        assert await visitor.stream.receive_some() == b""
            assert await other.run("1") == "1\n"

    async def test_each_line_is_in_the_log_with_its_user(
        self, world: World, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "cometary.doors.manhole")
        async with visiting(path) as visitor:
            await visitor.run("secrets = 1")
        await world.settle()
        events = [vars(record)["structured"] for record in caplog.records if record.name.endswith("manhole")]
        assert [event["event"] for event in events] == ["opened", "line", "closed"]
        assert (events[1]["line"], events[1]["user"]) == ("secrets = 1", os.geteuid())

    async def test_nothing_that_completion_runs_gets_out(self) -> None:
        class Bad:
            def __dir__(self) -> list[str]:
                raise SystemExit

        assert Prompt({"bad": Bad()}, print).complete("bad.x") == []
        assert len(Prompt({f"n{number}": 1 for number in range(999)}, print).complete("n")) == 200


class TestTheSocket:
    async def test_it_is_its_owners_alone_and_gone_with_the_server(self, path: Path) -> None:
        async with serving(manhole=str(path)):
            mode = (await trio.Path(path).stat()).st_mode
            assert stat.S_IMODE(mode) == 0o600
        assert not await trio.Path(path).exists()

    def test_users_other_than_the_owner_and_root_are_sent_away(self) -> None:
        assert may_come_in(os.geteuid())
        assert may_come_in(0)
        assert not may_come_in(os.geteuid() + 1)

    async def test_one_that_a_killed_server_left_behind_makes_way(self, path: Path) -> None:
        with standard_socket.socket(standard_socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
        async with serving(manhole=str(path)), visiting(path) as visitor:
            assert await visitor.run("1") == "1\n"

    def test_nothing_else_has_to(self, path: Path, tmp_path: Path) -> None:
        with open_unix_socket(str(path), 0o600), pytest.raises(ConfigError, match="listens"):
            check_place(str(path))
        file = tmp_path / "file"
        file.write_text("mine")
        with pytest.raises(ConfigError, match="is not a socket"):
            check_place(str(file))
        with pytest.raises(ConfigError, match="directory"):
            check_place(str(tmp_path / "nowhere/x"))


async def test_without_the_option_nothing_listens(path: Path) -> None:
    async with serving() as world:
        tree = (await (await world.connect(control=True)).get("/tree")).body
        assert "manhole" not in [child["id"] for child in tree["children"]]
