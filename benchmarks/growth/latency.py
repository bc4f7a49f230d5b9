"""How long a unicast takes under load: at half of what the server can do, at most of it, and beside a broadcast.

The loop is open here: a packet is sent when it is due, whether or not the last has arrived, and its time counts from
then.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from benchmarks.growth.question import FAILURES, Question
from benchmarks.growth.scale import Scale
from benchmarks.growth.sessions import SERVER
from benchmarks.harness.processes import allow_descriptors
from benchmarks.harness.provision import Kit
from benchmarks.harness.server import Mode
from benchmarks.harness.swarm import Load, Started, started
from benchmarks.harness.target import Target
from benchmarks.harness.workspace import UnavailableError
from cometary.connector import Connector

PERCENTILES: Final = {"p50": 50.0, "p99": 99.0, "p999": 99.9}
HALF: Final = 0.5
MOST: Final = 0.8
BROADCASTS: Final = 2.0
"""How many there are a second, beside."""
START_SECONDS: Final = 30.0
MORE_MS: Final = 5.0
"""How much longer a unicast may take while a broadcast runs: a turn of the loop, of 256 sockets and 200 messages."""


class Latency:
    """Asks how long a unicast takes.

    Args:
        kit: What the server is started with.
        scale: How much there is of everything.
    """

    def __init__(self, kit: Kit, scale: Scale) -> None:
        self._kit, self._scale = kit, scale
        self._listeners = max(size for size in scale.sessions if size <= 5_000)  # noqa: PLR2004 - as is promised
        self._beside = f"50 %, broadcasts to {self._listeners:,}"
        self._question = Question("latency", "How long a unicast takes", "percentile", "ms", 2)
        self._capacity = Question("capacity", "What the server can do", "sessions", "unicasts a second", 0)

    def ask(self) -> list[Question]:
        """Measures, and returns the questions with what was found."""
        allow_descriptors(self._listeners + 2 * self._scale.beside)
        for number in range(1, self._scale.rounds + 1):
            try:
                self._round()
            except FAILURES as why:
                self._question.missing[f"round {number}"] = str(why)
        most = max(PERCENTILES.values())
        alone, beside = self._question.middle("50 %", most), self._question.middle(self._beside, most)
        more = None if alone is None or beside is None else beside - alone
        self._question.targets = [
            Target(f"ms more, 99.9 % of unicasts, while broadcasts to {self._listeners:,} run", MORE_MS, more)
        ]
        return [self._question, self._capacity]

    def _round(self) -> None:
        with started(SERVER, self._kit) as server:
            report = server.drive(Mode.UNICAST, self._load(0))
        capacity = float(report["deliveries_per_s"])
        self._capacity.add("closed loop", self._scale.beside, capacity)
        for share in (HALF, MOST):
            with started(SERVER, self._kit) as server:
                self._take(
                    f"{share:.0%}".replace("%", " %"),
                    server.drive(Mode.UNICAST, self._load(share * capacity)),
                )
        with (
            started(SERVER, self._kit, {"BENCH_LISTENERS": str(self._listeners)}) as server,
            ThreadPoolExecutor() as at_once,
        ):
            broadcasts = at_once.submit(self._broadcast, server)
            self._await_listeners(server)
            self._take(self._beside, server.drive(Mode.UNICAST, self._load(HALF * capacity)))
            broadcasts.result()

    def _load(self, rate: float) -> Load:
        return Load(self._scale.beside, warmup=1, seconds=2 * self._scale.seconds, rate=rate)

    def _broadcast(self, server: Started) -> dict[str, Any]:
        """Sends broadcasts for as long as a unicast is measured, from its sessions' opening on."""
        seconds = 2 * self._scale.seconds + 3
        return server.drive(Mode.BROADCAST, Load(self._listeners, warmup=2, seconds=seconds, rate=BROADCASTS))

    def _await_listeners(self, server: Started) -> None:
        """Waits until all are there who hear a broadcast: the first sessions do."""
        until = time.monotonic() + START_SECONDS
        with Connector(f"http://127.0.0.1:{server.values['control']}", secret=None) as control:
            while control.statistics()["sessions"] < self._listeners:
                if time.monotonic() > until:
                    raise UnavailableError(
                        f"{self._listeners} sessions were not open within {START_SECONDS:.0f} s"
                    )
                time.sleep(0.1)

    def _take(self, curve: str, report: dict[str, Any]) -> None:
        print(f"{curve}: {report['latency_us']}", file=sys.stderr, flush=True)
        if report["errors"] or report["lost"]:
            raise UnavailableError(f"{curve}: {report['first_error']}, {report['lost']} lost")
        for name, percentile in PERCENTILES.items():
            self._question.add(curve, percentile, report["latency_us"][name] / 1000)
