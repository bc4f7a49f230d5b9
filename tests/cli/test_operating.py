"""`cometary drain` and `reload`: what a server that runs makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cometary.cli import main
from tests.servers import RunningServer, running_server


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("configuration") / "cometary.toml"
    file.write_text("max-sessions = 10\n")
    return file


@pytest.fixture(scope="module")
def server(config: Path) -> Iterator[RunningServer]:
    with running_server("", "--config", str(config)) as server:
        yield server


def test_what_has_changed_and_what_needs_a_restart_is_said(
    server: RunningServer, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--control", server.control.removeprefix("http://")]
    assert main(["reload", *where]) == 0
    config.write_text("max-sessions = 20\nqueue-packets = 7\n")
    assert main(["reload", *where]) == 0
    config.write_text("max-sesions = 20\n")
    assert main(["reload", *where]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "cometary: changed: nothing; needs a restart: nothing",
        "cometary: changed: max-sessions; needs a restart: queue-packets",
    ]
    assert "max-sesions: there is no such option" in err


def test_a_server_is_drained(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--control", server.control.removeprefix("http://")]
    httpx.post(server.comet, json={"rid": 1}).raise_for_status()
    assert main(["drain", *where]) == 0
    assert capsys.readouterr().out == "cometary: no more sessions; one is sent away\n"
    assert httpx.get(f"{server.control}/readyz").status_code == 503
    assert httpx.post(server.comet, json={"rid": 1}).status_code == 503


def test_a_server_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drain", "--control", "127.0.0.1:9"]) == 1
    assert "127.0.0.1:9 cannot be reached" in capsys.readouterr().err
