"""Outboxes in databases: processes are killed at the worst moments, and each update arrives once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cometary import Connector
from tests.examples.sessions import ClientSession
from tests.servers import ENVIRONMENT, ROOT, running_server


@pytest.mark.parametrize("program", ["django_outbox.py", "sqlalchemy_outbox.py"])
def test_what_was_committed_is_pushed_once_whenever_its_process_is_killed(
    program: str, tmp_path: Path
) -> None:
    database = str(tmp_path / "db.sqlite3")

    def run(control: str, action: str) -> tuple[int, str]:
        command = [sys.executable, f"tests/contrib/{program}", database, control, action]
        done = subprocess.run(
            command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stderr

    killed = -signal.SIGKILL
    with running_server("") as server, ClientSession(server.comet) as session:
        with Connector(server.control) as connector:
            connector.connect(session.sid, ["todos/1"])
        status, said = run("http://127.0.0.1:9", "die_before_it_is_sent")
        assert status == killed, said
        status, said = run(server.control, "die_before_it_is_forgotten")
        assert status == killed, said
        assert session.hear() == [("todos/1", {"text": "first", "bytes": "AP8="})]
        status, said = run(server.control, "go_on")
        assert status == 0, said
        assert "A path must not be empty" in said
        assert "they have waited for too long" in said
        assert session.hear() == [("todos/1", "second")]
    if program != "django_outbox.py":
        return
    status, said = run("http://127.0.0.1:9", "try_once")  # the command's exit status
    assert status == 1
    assert "not everything was sent" in said
