"""Runs every server in every mode, round after round, within a budget of time.

1. A round measures each server once in each loaded mode; only then does the next begin. So
   a machine that drifts, drifts for all of them.
2. Inside a round the modes are the outer loop: what is compared lies close together in time.
3. Idle is measured once: what it measures hardly varies, and every mode measures memory too.
4. A round is begun only if the budget has room for another one as long as the longest yet;
   the first is run whatever it takes.
5. A server that failed in a mode is not tried in that mode again, and the table says why.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.harness.processes import allow_descriptors
from benchmarks.harness.provision import Kit, build_swarm
from benchmarks.harness.server import LOADED, Mode, Server
from benchmarks.harness.swarm import Load, Measurement, measure
from benchmarks.harness.workspace import UnavailableError

# A session has at most two connections; the rest is for publishers and what a runtime opens.
SPARE_DESCRIPTORS = 400


@dataclass(frozen=True, slots=True)
class Series:
    """The rounds with one number of sessions.

    Attributes:
        load: What swarm does in each measurement.
        rounds: How many rounds at most.
        budget: Seconds that they may take together.
    """

    load: Load
    rounds: int
    budget: float


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        measurements: All of them, in the order they were made.
        versions: What was measured, by server.
        missing: Why something was not measured, by server, or by server and mode.
    """

    measurements: list[Measurement] = field(default_factory=list[Measurement])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])


class Run:
    """One run of the comparison.

    Args:
        kit: What the servers are started with.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._ready: list[Server] = []
        self.outcome = Outcome()

    def set_up(self, servers: Sequence[Server]) -> None:
        """Builds the load generator and makes the servers ready.

        Raises:
            UnavailableError: The load generator cannot be built, so nothing can be measured.
        """
        build_swarm()
        for server in servers:
            say(f"setting up {server.name}")
            try:
                server.set_up(self._kit)
                self.outcome.versions[server.name] = server.version(self._kit)
            except UnavailableError as why:
                self._missed(server.name, why)
            else:
                self._ready.append(server)

    def measure(self, series: Series) -> None:
        """Runs the rounds with one number of sessions."""
        try:
            allow_descriptors(2 * series.load.sessions + SPARE_DESCRIPTORS)
        except UnavailableError as why:
            self._missed(f"{series.load.sessions} sessions", why)
            return
        ends = time.monotonic() + series.budget
        longest = 0.0
        for number in range(1, series.rounds + 1):
            began = time.monotonic()
            if began + longest > ends:
                say(f"stopping after {number - 1} rounds: the time is up")
                return
            self._round(number, series.load)
            longest = max(longest, time.monotonic() - began)

    def _round(self, number: int, load: Load) -> None:
        modes = (Mode.IDLE, *LOADED) if number == 1 else LOADED
        for mode in modes:
            for server in self._ready:
                self._measure(number, server, mode, load)

    def _measure(self, number: int, server: Server, mode: Mode, load: Load) -> None:
        what = f"{server.name}, {mode}, {load.sessions} sessions"
        if what in self.outcome.missing:
            return
        try:
            made = measure(server, mode, load, self._kit, number=number)
        except UnavailableError as why:
            self._missed(what, why)
            return
        self.outcome.measurements.append(made)
        figure = f"{made.cpu_us:.1f} µs" if made.cpu_us else f"{made.session_kb:.1f} KB"
        say(f"round {number}: {what}: {figure} {made.faults or ''}")

    def _missed(self, what: str, why: UnavailableError) -> None:
        self.outcome.missing[what] = str(why)
        say(f"not available: {what}: {why}")


def say(text: str) -> None:
    """Tells the person who waits how far it is; standard output is the report's."""
    print(text, file=sys.stderr, flush=True)
