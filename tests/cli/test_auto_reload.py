"""`cometary serve --reload`: what is changed is served a moment later, and a mistake is waited out."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cometary.cli import main
from cometary.cli.auto_reload import watched
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


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Wait until it has said that, and return all that it has said."""
    assert process.stderr is not None
    lines: list[str] = []
    while not any(text in line for line in lines):
        lines.append(process.stderr.readline())
        assert lines[-1]
    return lines


def test_each_change_is_served_by_another_server(process: subprocess.Popen[str], project: Path) -> None:
    assert served(process) == "first"
    (project / "app.py").write_text("mistaken(")
    said = lines_until(process, "SyntaxError")
    (project / "page/index.html").write_text("second")
    (project / "app.py").write_text(APPLICATION)
    assert served(process) == "second"
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    again = [line for line in [*said, *rest.splitlines()] if "starting again" in line]
    assert 2 <= len(again) <= 3, "of the log that the application writes it takes no note"


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
