"""One of the bench's own nodes: a process that is stopped, killed, suspended and started again, at the same ports."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from cometary.chaos.own_server import addresses, environment
from cometary.chaos.shared import Target, find
from cometary.chaos.wire import BROKEN, Wire
from cometary.errors import TargetError

if TYPE_CHECKING:
    from random import Random

STARTING: Final = 60.0
"""Seconds until a node must be ready: one that was killed waits until its lease has run out."""

STOPPING: Final = 30.0
"""Seconds that one has to stop."""

LISTING: Final = 2.0
"""Seconds that it gets to say who is there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is, and with whom.

    Attributes:
        name: its name.
        port: where clients connect.
        link_port: where other nodes do.
        address: where these believe that to be.
        engine: the URL of the engine, as it is told.
        lease: seconds.
    """

    name: str
    port: int
    link_port: int
    address: str
    engine: str
    lease: float


class OwnNode:
    """One.

    Args:
        place: where it is.
        app: what it serves.
        options: more options.
        secret: by which nodes know each other.
        log: where its log goes.

    Attributes:
        name: its name.
        started: how often it has been started.
    """

    def __init__(self, place: Place, app: str, options: str, secret: str, log: Path) -> None:
        self.name = place.name
        self.started = 0
        self._place = place
        self._log = log
        self._secret = secret
        self._process: trio.Process | None = None
        self._control = ""
        listens = f"--port {place.port} --control 127.0.0.1:0 --engine {place.engine}"
        lasting = f"--sessions resume --lease {place.lease} {options}"
        named = [sys.executable, "-m", "cometary", "serve", app]
        self._command = [*named, *listens.split(), *self._joins().split(), *lasting.split()]

    def _joins(self) -> str:
        """Return the options that make it one of several."""
        place = self._place
        links = f"--node-listen 127.0.0.1:{place.link_port} --node-address {place.address}"
        return f"--node {place.name} {links}"

    def _secrets(self) -> dict[str, str]:
        """Return more variables of its environment."""
        return {"COMETARY_NODE_SECRET": self._secret}

    @property
    def comet(self) -> str:
        """The URL of its comet endpoint."""
        return f"http://127.0.0.1:{self._place.port}/comet"

    @property
    def lives(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it (again), and wait until it takes clients.

        Raises:
            TargetError: it does not start.
        """
        with self._log.open("ab") as log:
            self._process = await trio.lowlevel.open_process(
                self._command,
                stdout=subprocess.PIPE,
                stderr=log.fileno(),
                env={**environment(), **self._secrets()},
                start_new_session=True,
            )
        ready = await addresses(self._process, STARTING)
        if ready is None:
            raise TargetError(f"node {self.name} does not start; its log is {self._log}")
        _, self._control = ready
        self.started += 1

    async def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def kill_one(self, chance: Random) -> None:  # noqa: ARG002 - there is one
        """Kill one of its processes."""
        await self.kill()

    def suspend(self) -> None:
        """Suspend it until it is woken."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, signum: int) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signum)

    async def stop(self) -> None:
        """Stop it gracefully, and wait until it has.

        Raises:
            TargetError: it has failed to.
        """
        if self._process is None:
            return
        self._process.terminate()
        with trio.move_on_after(STOPPING):
            await self._process.wait()
        status = self._process.returncode
        if status != 0:
            how = f"has ended with status {status}" if status else f"has not stopped within {STOPPING:.0f} s"
            raise TargetError(f"node {self.name} {how}; its log is {self._log}")

    async def sees(self, others: set[str]) -> bool:
        """Whether it is linked with all these others."""
        with trio.move_on_after(LISTING):
            try:
                target = await find(f"{self._control.rstrip('/')}/nodes", anywhere=False)
                return await _listed(target) >= others
            except (*BROKEN, TargetError, msgspec.MsgspecError):
                pass
        return False


class Listed(msgspec.Struct):
    """A node, as another one lists it."""

    node: str
    state: str


class Listing(msgspec.Struct):
    """What a node says of all of them."""

    nodes: list[Listed]


async def _listed(target: Target) -> set[str]:
    """Return the names of the nodes that are there."""
    wire = await Wire.connect(target)
    try:
        await wire.send(target.asking())
        listing = msgspec.json.decode((await wire.receive()).body, type=Listing)
    finally:
        wire.close()
    return {each.node for each in listing.nodes if each.state == "there"}
