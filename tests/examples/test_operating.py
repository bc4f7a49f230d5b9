"""The guide for operators, followed step by step at one server: watch, find out, rotate, renew, drain."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from cometary.cli import main
from cometary.sessions.lease import EXPIRED
from tests.certificates import make_files, trusting
from tests.servers import ROOT, RunningServer, running_server

PAGE: Final = (ROOT / "docs/how-to/operate.md").read_text()
DEPLOYMENT: Final = ROOT / "examples/deployment"
CONFIGURATION: Final = (DEPLOYMENT / "conf/cometary.toml").read_text()
OPERATOR, PROMETHEUS = re.findall(r'= \[?"(\S+-replace-me)', CONFIGURATION)


class Operator:
    """Who follows the guide.

    Args:
        server: the server.
        config: its configuration.
        shown: reads what commands have printed.
    """

    def __init__(self, server: RunningServer, config: Path, shown: pytest.CaptureFixture[str]) -> None:
        self.server = server
        self.config = config
        self._shown = shown

    def run(self, command: str) -> str:
        """Run one of the guide's commands, at this server's port; returns what it prints."""
        assert f"    {command}\n" in PAGE
        words = command.split()[1:]
        where = (
            [] if words[0] == "check-config" else ["--control", self.server.control.removeprefix("http://")]
        )
        self._shown.readouterr()
        assert main([*words, *where]) == 0
        return self._shown.readouterr().out

    def change(self, before: str, after: str) -> str:
        """Replace the file by one that has something else in it, and have that read."""
        new = self.config.with_suffix(".new")
        new.write_text(self.config.read_text().replace(before, after))
        new.replace(self.config)
        return self.run("cometary reload")

    def status(self, secret: str, call: str = "/metrics") -> int:
        """Return how a call is answered."""
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.get(f"{self.server.control}{call}", headers=headers).status_code

    def certificate(self) -> bytes:
        """Return the certificate that clients are shown."""
        return ssl.get_server_certificate(("127.0.0.1", self.server.port)).encode()


@pytest.fixture
def operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Operator]:
    cert, key = make_files(tmp_path)
    config = tmp_path / "cometary.toml"
    config.write_text(f'{CONFIGURATION}\ntls-cert = "{cert}"\ntls-key = "{key}"\n')
    monkeypatch.chdir(DEPLOYMENT)
    monkeypatch.setenv("COMETARY_CONFIG", str(config))
    options = ["--host", "127.0.0.1", "--drain", "0"]
    with running_server("", *options, cwd=DEPLOYMENT, COMETARY_CONFIG=str(config)) as server:
        yield Operator(server, config, capsys)


def test_the_guide_works_from_its_first_step_to_its_last(operator: Operator, tmp_path: Path) -> None:
    assert operator.run("cometary check-config") == "cometary: the configuration is right\n"
    assert httpx.get(f"{operator.server.control}/readyz").json() == {"status": "ready"}
    with httpx.Client(verify=trusting()) as page:
        sid = page.post(operator.server.comet, json={"rid": 1}).json()["sid"]
        assert "1 sessions" in operator.run("cometary top --once")
        page.post(operator.server.comet, json={"sid": sid, "rid": 2, "close": True})
    assert operator.run("cometary ended ada") == ""
    found = httpx.get(f"{operator.server.control}/ended", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert [each["reason"] for each in found.json()["ended"]] == ["closed"]

    said = operator.change(f'"{PROMETHEUS} read"', f'"{PROMETHEUS} read", "the-new-one read"')
    assert said.startswith("cometary: changed: secrets; needs a restart: nothing")
    assert [operator.status(secret) for secret in (PROMETHEUS, "the-new-one")] == [200, 200]
    operator.change(f'"{PROMETHEUS} read", ', "")
    assert [operator.status(secret) for secret in (PROMETHEUS, "the-new-one")] == [401, 200]

    before = operator.certificate()
    make_files(tmp_path)
    assert operator.run("cometary reload").endswith("; the certificate was read again\n")
    assert operator.certificate() != before

    assert "sent away" in operator.run("cometary drain")
    assert httpx.get(f"{operator.server.control}/readyz").status_code == 503
    assert "0 sessions" in operator.run("cometary top --once")
    operator.server.stop()


def test_every_reason_for_an_end_is_explained() -> None:
    rows = re.findall(r"^\| `([a-z ]+)` \|", PAGE, re.MULTILINE)
    protocol = (ROOT / "docs/protocol.md").read_text()
    section = protocol.partition("## How a session ends")[2].partition("\n## ")[0]
    assert sorted(rows) == sorted([*re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE), EXPIRED])
