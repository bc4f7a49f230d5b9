"""`cometary serve --reload`: what is changed is served a moment later, and a mistake is waited out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from watchfiles import Change

from cometary.cli import main
from cometary.cli.auto_reload import SIGNALS, _serve_again, watched
from cometary.doors.manhole.conversation import Lines
from tests.servers import ENVIRONMENT, READY

COMMAND = (sys.executable, "-m", "cometary", "serve", "app:app", "--reload", "--port", "0")
APPLICATION = """
from pathlib import Path
from cometary import App
Path("server.log").open("a").write("a line")
app = App()
app.files("/", "page")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "page").mkdir()
    (tmp_path / "page/index.html").write_text("first")
    return tmp_path


@pytest.fixture
def process(project: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, "--control", "127.0.0.1:0"],
        cwd=project,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def served(process: subprocess.Popen[str]) -> str:
    """Wait for the next server, and return its page."""
    assert process.stdout is not None
    ready = READY.fullmatch(process.stdout.readline())
    assert ready
    return httpx.get(ready[1].removesuffix("comet")).text


def test_a_change_is_served_by_another_server(process: subprocess.Popen[str], project: Path) -> None:
    assert served(process) == "first"
    (project / "page/index.html").write_text("second")
    assert served(process) == "second"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    again = [line for line in said.splitlines() if "starting again" in line]
    assert again == ["cometary: index.html changed: starting again"], (
        "of the application's log it takes no note"
    )


def test_no_server_is_left_behind_by_one_who_is_killed(process: subprocess.Popen[str]) -> None:
    assert served(process) == "first"
    process.kill()
    said, _ = process.communicate(timeout=60)  # the server has its standard output, too
    assert said == ""


PATIENCE = 60
"""Seconds after which nothing more is going to come."""


class Scene:
    """What serves again, with servers that tell of themselves, and changes that a test makes.

    Args:
        directory: where the servers tell.
        kind: what they do: `stops` when told, `hangs` then, or `ends` by itself.
    """

    def __init__(self, directory: Path, kind: str) -> None:
        telling = directory / "telling"
        os.mkfifo(telling)
        self._command = [sys.executable, "-I", "-S", "-c", SERVER, str(telling), kind]
        self._stream = trio.lowlevel.FdStream(os.open(telling, os.O_RDWR | os.O_NONBLOCK))
        self.told = Lines(self._stream)
        self.change, self._changes = trio.open_memory_channel[set[tuple[Change, str]]](0)
        self.status: int | None = None

    async def serve(self) -> None:
        """Serve, and take note of the exit status."""
        with trio.fail_after(PATIENCE):
            self.status = await _serve_again(self._command, lambda: self._changes)

    async def tells(self) -> str:
        """Wait for what a server tells next."""
        with trio.fail_after(PATIENCE):
            return (await self.told.next() or b"").decode()


SERVER = """
import os, signal, sys
telling, kind = os.open(sys.argv[1], os.O_WRONLY), sys.argv[2]
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
os.write(telling, b"%d\\n" % os.getpid())
if kind == "ends":
    sys.exit(3)
signal.sigwait({signal.SIGTERM})
if kind == "hangs":
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
os.write(telling, b"told to stop\\n")
while kind == "hangs":
    signal.pause()
sys.exit(7)
"""
CHANGES = {(Change.modified, "app.py")}


def ended(pid: str) -> bool:
    """Whether there is no such process any more."""
    with suppress(ProcessLookupError):
        os.kill(int(pid), 0)
        return False
    return True


async def test_the_next_server_begins_when_the_last_one_has_stopped(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    scene = Scene(tmp_path, "stops")
    nursery.start_soon(scene.serve)
    first = await scene.tells()
    await scene.change.send(CHANGES)
    assert await scene.tells() == "told to stop"
    assert not ended(await scene.tells())
    assert ended(first)
    nursery.cancel_scope.cancel()


async def test_one_that_has_ended_by_itself_is_started_again_by_the_next_change(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    scene = Scene(tmp_path, "ends")
    nursery.start_soon(scene.serve)
    for _ in range(2):
        assert await scene.tells()
        await scene.change.send(CHANGES)
    assert await scene.tells()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("signum", SIGNALS)
async def test_a_signal_stops_the_server_whose_exit_status_is_that_of_all(
    signum: int, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, "stops")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.serve)
        pid = await scene.tells()
        signal.raise_signal(signum)
    assert await scene.tells() == "told to stop"
    assert scene.status == 7
    assert ended(pid)


@pytest.mark.parametrize("changing", [False, True])
async def test_another_signal_ends_a_server_that_does_not_stop(changing: bool, tmp_path: Path) -> None:
    scene = Scene(tmp_path, "hangs")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.serve)
        pid = await scene.tells()
        if changing:
            await scene.change.send(CHANGES)
            assert await scene.tells() == "told to stop"
        signal.raise_signal(signal.SIGINT)
        if not changing:
            assert await scene.tells() == "told to stop"
        await trio.testing.wait_all_tasks_blocked()
        assert not ended(pid)
        signal.raise_signal(signal.SIGINT)
    assert scene.status == -signal.SIGTERM
    assert ended(pid)


async def test_no_server_is_left_behind_where_files_cannot_be_watched(tmp_path: Path) -> None:
    async def fail() -> AsyncIterator[set[tuple[Change, str]]]:
        pids.append(await scene.tells())
        raise OSError("too many files are watched")
        yield CHANGES

    pids: list[str] = []
    scene = Scene(tmp_path, "stops")
    with pytest.raises(ExceptionGroup):
        await _serve_again(scene._command, fail)
    assert ended(*pids)


def test_sources_are_looked_for_where_the_application_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    given = {"app": f"{tmp_path}/elsewhere/chat.py:app", "config": f"{tmp_path}/nowhere/cometary.toml"}
    assert watched(given) == [tmp_path, tmp_path / "elsewhere"]
    assert watched({"app": "chat:app"}) == [tmp_path]
    assert watched({}) == [tmp_path]


def test_without_the_library_it_says_what_is_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert main(["serve", "--reload"]) == 2
    assert (
        capsys.readouterr().err == "cometary: --reload: it needs the extra: pip install 'cometary[reload]'\n"
    )


def test_a_wrong_option_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--reload", "--port", "x"]) == 2
    assert "--port" in capsys.readouterr().err
