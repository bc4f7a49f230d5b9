"""The engine of workers, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from cometary.errors import ConfigError
from cometary.workers import embedded_engine
from cometary.workers.embedded_engine import EmbeddedEngine, program
from tests.servers import ENVIRONMENT

ALONE = """
import sys, trio
from pathlib import Path
from cometary.workers.embedded_engine import EmbeddedEngine

async def main():
    async with trio.open_nursery() as nursery:
        await nursery.start(EmbeddedEngine(Path(sys.argv[1])).run)
        print("ready", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@asynccontextmanager
async def running(engine: EmbeddedEngine) -> AsyncGenerator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        yield nursery


async def said(engine: EmbeddedEngine, command: bytes) -> bytes:
    async with await trio.open_unix_socket(str(engine.path)) as stream:
        await stream.send_all(command + b"\r\n")
        return bytes(await stream.receive_some(1000))


async def listens(engine: EmbeddedEngine) -> bool:
    try:
        return bool(await said(engine, b"PING"))
    except (OSError, trio.BrokenResourceError):
        return False


async def test_it_answers_its_owner_alone_and_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path / "engine")
    async with running(engine) as nursery:
        assert await said(engine, b"PING") == b"+PONG\r\n"
        assert b"noeviction" in await said(engine, b"CONFIG GET maxmemory-policy")
        assert engine.path.stat().st_mode & 0o077 == 0
        nursery.cancel_scope.cancel()
    assert not await listens(engine)


async def test_if_it_dies_that_is_a_crash_and_another_one_takes_its_place(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path / "engine")
    with pytest.RaisesGroup(subprocess.CalledProcessError):
        async with running(engine):
            await said(engine, b"SHUTDOWN NOSAVE")
            await trio.sleep_forever()
    async with running(engine) as nursery:
        assert await listens(engine)
        nursery.cancel_scope.cancel()


async def test_it_ends_when_the_process_above_it_is_killed(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path / "engine")
    command = [sys.executable, "-c", ALONE, str(engine.path)]
    above = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, env=ENVIRONMENT)
    assert above.stdout is not None
    async with above.stdout:
        assert await above.stdout.receive_some()
    above.kill()
    await above.wait()
    with trio.fail_after(30):
        while await listens(engine):  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.01)


def test_a_machine_without_a_program_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> object:
        raise ImportError

    assert os.access(program(), os.X_OK)
    monkeypatch.setattr(embedded_engine, "import_module", missing)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="engine: to embed one takes the extra: pip install"):
        program()
