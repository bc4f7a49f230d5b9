"""Measurements: a server started, driven in one mode by swarm, and ended."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.processes import cores, free_ports, pinned, running
from benchmarks.harness.provision import Kit
from benchmarks.harness.server import Mode, Server, filled
from benchmarks.harness.servers import ENVIRONMENT
from benchmarks.harness.workspace import SWARM, UnavailableError, last_line

# A packet that is late is not lost: the slowest server needs seconds to empty its queues. swarm
# waits no longer than it takes.
DRAIN_SECONDS = 20

FAULTS = ("errors", "lost", "duplicated", "out_of_order", "misrouted")


@dataclass(frozen=True, slots=True)
class Load:
    """How hard and how long swarm drives a server.

    Attributes:
        sessions: How many clients.
        warmup: Seconds of load before the measured window.
        seconds: Length of the measured window.
        active: How many of the sessions send, in *echo*; 0 for all.
        rate: How often a second something is published, whether or not the last has arrived: an open loop. 0 for
            as fast as it arrives.
    """

    sessions: int
    warmup: float
    seconds: float
    active: int = 0
    rate: float = 0.0

    @property
    def arguments(self) -> list[str]:
        """The same as arguments of swarm."""
        words = ["-n", str(self.sessions), "--warmup", str(self.warmup), "--seconds", str(self.seconds)]
        words += ["--active", str(self.active)] if self.active else []
        return words + (["--rate", str(self.rate)] if self.rate else [])

    @property
    def patience(self) -> float:
        """Seconds after which swarm is taken to hang."""
        return 60 + DRAIN_SECONDS + self.sessions / 50 + self.warmup + self.seconds


@dataclass(frozen=True, slots=True)
class Measurement:
    """What swarm reported of one server in one mode.

    Attributes:
        server: The server's name.
        mode: What the clients did.
        sessions: How many there were.
        round: In which round, counted from 1.
        report: The whole of swarm's report.
    """

    server: str
    mode: Mode
    sessions: int
    round: int
    report: dict[str, Any]

    @property
    def cpu_us(self) -> float | None:
        """Server CPU microseconds a delivery; None if nothing was delivered."""
        return float(self.report["server_cpu_us_per_delivery"]) or None

    @property
    def session_kb(self) -> float:
        """Resident kilobytes of the server for one idle session."""
        return float(self.report["rss_kb_per_session"])

    @property
    def idle_core(self) -> float:
        """The share of a core that the server used in the window."""
        return float(self.report["server_cores"])

    @property
    def faults(self) -> dict[str, int]:
        """What went wrong, counted; empty if nothing did."""
        found = {name: int(self.report[name]) for name in FAULTS if self.report[name]}
        missing = int(self.report["n"]) - int(self.report["ready"])
        if missing:
            found["never_ready"] = missing
        if self.report["stalled"]:
            found["stalled"] = 1
        return found

    @property
    def foreign_cores(self) -> float:
        """Cores that were busy with neither the server nor swarm: the machine's noise."""
        return max(0.0, float(self.report["other_cpu_s"]) / float(self.report["seconds"]))


@dataclass(frozen=True, slots=True)
class Started:
    """A server that runs.

    Attributes:
        server: Which one.
        pid: Its process.
        values: What stands for the placeholders of its arguments and of swarm's.
    """

    server: Server
    pid: int
    values: Mapping[str, str]

    def drive(self, mode: Mode, load: Load) -> dict[str, Any]:
        """Has swarm drive it, and returns swarm's report.

        Raises:
            UnavailableError: swarm gave no report.
        """
        more = self.server.load.get(mode, ())
        argv = [
            *(str(SWARM), "--mode", mode.value, *load.arguments, "--drain", str(DRAIN_SECONDS)),
            *filled(("--url", self.server.url, *more), self.values),
            *("--proto", self.server.adapter, "--pid", str(self.pid)),
        ]
        try:
            with pinned(cores()[1]):
                done = subprocess.run(  # noqa: S603 - the commands are ours
                    argv, capture_output=True, text=True, timeout=load.patience, check=False
                )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"swarm was not done after {load.patience:.0f} s") from error
        return _report(done)


@contextmanager
def started(server: Server, kit: Kit, environment: Mapping[str, str] | None = None) -> Generator[Started]:
    """Runs a server for the length of the block.

    Args:
        server: Which one.
        kit: What it is started with.
        environment: What is added to its environment.

    Raises:
        UnavailableError: It did not start.
    """
    ports = free_ports(server.ports)
    values = {"port": str(ports[0]), "control": str(ports[-1]), "python": server.python(kit)}
    values["stomp"] = str(ports[len(ports) // 2])
    added = {**ENVIRONMENT, "PYTHON": values["python"], **(environment or {})}
    with running(filled(server.argv, values), ports=ports, cwd=server.cwd, environment=added) as pid:
        yield Started(server, pid, values)


def measure(server: Server, mode: Mode, load: Load, kit: Kit, *, number: int) -> Measurement:
    """Starts a server, drives it, and ends it.

    Every mode gets a fresh server, because the sessions of the mode before would still be
    there, waiting for their clients to come back.

    Raises:
        UnavailableError: The server did not start, or swarm gave no report.
    """
    with started(server, kit) as running_server:
        return Measurement(server.name, mode, load.sessions, number, running_server.drive(mode, load))


def _report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Reads what swarm printed. Its exit status only repeats that the report has faults in it."""
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise UnavailableError(f"swarm gave no report: {last_line(done.stderr)}") from error
    return report
