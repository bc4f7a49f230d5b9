"""The server that is attacked: a process of its own, and what it must look like afterwards."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import trio

from tests.fuzzing.attack import Ports, ask
from tests.fuzzing.xmpp import xmpp_server
from tests.servers import ECHO, RunningServer, running_server

OPTIONS: Final = [
    *("--wait", "0.2", "--log-level", "warning", "--watchdog", "0"),
    *("--csp", "/csp", "--bosh", "/http-bind", "--xmpp-hosts", "localhost"),
    *(
        "--bosh-inactivity",
        "2",
        "--bosh-wait",
        "1",
        "--bosh-polling",
        "1",
        "--bosh-pause",
        "10",
        "--socketio",
        "/socket.io/",
        "--socketio-connect-timeout",
        "1",
    ),
    *("--socketio-ping-interval", "1", "--socketio-ping-timeout", "1"),
    *("--queue-packets", "10000"),  # echoes of one hostile request, of which the log would tell
    *("--ended-sessions", "100"),  # so that as many are remembered after warming up as ever
]
"""Short times: held requests are answered, and sessions left alone end, while the attack goes on. So does one that a
mutated `pause` keeps, before `RECOVERY` is over: with BOSH's default it could last two minutes, and seem to be left."""

DIE: Final = 2.0
"""Seconds of the die timer, which also bounds how long a head may take to come."""

RECOVERY: Final = 15.0
"""Seconds beyond that, after which nothing of the attack may be left, on a loaded machine."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a server takes.

    Attributes:
        descriptors: its open ones.
        memory: its resident bytes.
        sessions: those that live.
    """

    descriptors: int
    memory: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Target:
    """A running server."""

    server: RunningServer
    log: IO[bytes]
    die: float = DIE

    @property
    def ports(self) -> Ports:
        """Where it listens."""
        return Ports(self.server.port, int(self.server.control.rpartition(":")[2]))

    def logged(self) -> str:
        """Return all that it has logged."""
        return Path(self.log.name).read_text(encoding="utf-8")

    async def healthy(self) -> bool:
        """Whether it says so itself."""
        answer: object = await self._call("/healthz")
        return answer == {"status": "ok"}

    async def footprint(self) -> Footprint:
        """Return what it takes, once its sessions are over."""
        sessions = -1
        with trio.move_on_after(self.die + RECOVERY):
            while sessions != 0:
                await trio.sleep(0.1)
                sessions = len((await self._call("/sessions"))["sessions"])
                sessions += (await self._call("/statistics"))["bosh_sessions"]
            await trio.sleep(0.5)  # connections that linger
        process = Path(f"/proc/{self.server.process.pid}")
        pages = int((process / "statm").read_text(encoding="ascii").split()[1])
        return Footprint(len(list((process / "fd").iterdir())), pages * os.sysconf("SC_PAGE_SIZE"), sessions)

    async def _call(self, path: str) -> Any:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        received = await ask(self.ports.control, [request.encode()])
        return json.loads(received.partition(b"\r\n\r\n")[2])


@contextmanager
def target(die: float = DIE) -> Generator[Target]:
    """Run a server until the end of the block; its die timer has so many seconds."""
    with (
        tempfile.NamedTemporaryFile(prefix="cometary-fuzzing-") as log,
        xmpp_server() as xmpp,
        running_server(
            ECHO, *OPTIONS, "--die", f"{die:g}", "--xmpp", f"127.0.0.1:{xmpp}", log=log.file
        ) as server,
    ):
        yield Target(server, log, die)  # pyright: ignore[reportArgumentType]
