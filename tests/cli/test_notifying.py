"""systemd is told when the server is ready, reloads and stops, and that its event loop goes round."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from cometary.cli.notifying import Notifier
from tests.servers import ROOT

UNIT = ROOT / "examples/deployment/cometary.service"


@pytest.fixture
def manager(tmp_path: Path) -> socket.socket:
    """The socket of a service manager."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / "notify"))
    sock.settimeout(60)
    return sock


def told(manager: socket.socket) -> str:
    return manager.recv(1000).decode()


def test_a_life_is_told(manager: socket.socket, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cometary", "serve", "--port", "0", "--control", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert told(manager).startswith("READY=1\nSTATUS=comet http://127.0.0.1:")
        process.send_signal(signal.SIGHUP)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", told(manager))
        assert told(manager).startswith("READY=1")
        process.send_signal(signal.SIGTERM)
        assert told(manager).startswith("STOPPING=1")
        assert process.wait(timeout=60) == 0
    manager.close()


async def test_the_loop_gives_signs_of_life_at_half_of_the_time(
    manager: socket.socket, tmp_path: Path, autojump_clock: MockClock
) -> None:
    environment = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    notifier = Notifier(environment, os.getpid())
    assert not environment
    with trio.move_on_after(31):
        await notifier.keep_alive()
    manager.setblocking(False)
    assert [told(manager) for _ in range(3)] == ["WATCHDOG=1"] * 3
    with pytest.raises(BlockingIOError):
        told(manager)
    manager.close()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "@nobody", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "@nobody", "WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000"},
    ],
)
async def test_without_anybody_who_listens_nothing_happens(environment: dict[str, str]) -> None:
    notifier = Notifier(environment, os.getpid())
    notifier.ready("x")
    notifier.reloading()
    notifier.stopping()
    with trio.fail_after(60):
        await notifier.keep_alive()


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names of systemd's have capitals
    unit.read(UNIT)
    assert (unit["Service"]["Type"], unit["Service"]["WatchdogSec"]) == ("notify", "30")
    analyze = shutil.which("systemd-analyze")
    if analyze is None:  # then it was read, which is all that can be said here
        return
    program = tmp_path / "cometary"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "cometary.service"
    copy.write_text(UNIT.read_text().replace("/srv/push/venv/bin/cometary", str(program)))
    found = subprocess.run(
        [analyze, "verify", str(copy)], capture_output=True, text=True, check=False, timeout=60
    )
    assert "cometary.service" not in found.stderr, found.stderr
