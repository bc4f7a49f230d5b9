"""What it costs where there are many sessions: a delivery, memory, opening one, holding it, and the collector."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.growth.question import FAILURES, Question
from benchmarks.growth.scale import Scale
from benchmarks.harness.processes import allow_descriptors
from benchmarks.harness.provision import Kit
from benchmarks.harness.server import LOADED, Mode
from benchmarks.harness.servers import cometary
from benchmarks.harness.swarm import Load, Measurement, started
from benchmarks.harness.target import Target
from benchmarks.harness.workspace import COMPILED

# One that sends as fast as it can sends more than one person would.
SERVER: Final = cometary(
    "cometary",
    "the compiled server",
    COMPILED,
    application="growth",
    options=("--packets-per-second", "0"),
)
SPARE_DESCRIPTORS: Final = 400
X: Final = "sessions"

GROWTH: Final = 1.3
SESSION_KB: Final = 3.0
CONNECTS: Final = 8_000.0
PAUSE_MS: Final = 20.0
IDLE_PERCENT: Final = 0.5


class BySessions:
    """Asks all that there is to be asked about many sessions.

    Args:
        kit: What the server is started with.
        scale: How much there is of everything.
    """

    def __init__(self, kit: Kit, scale: Scale) -> None:
        self._kit, self._scale = kit, scale
        self._faults = 0
        self._delivery = Question("delivery", "A delivery, by sessions", X, "µs a delivery")
        self._memory = Question("memory", "Memory, by sessions", X, "KB a session", 2, SESSION_KB)
        self._opening = Question("opening", "Opening sessions", X, "sessions a second", 0, CONNECTS)
        self._pauses = Question("pauses", "The collector's longest pause", X, "ms", 2, PAUSE_MS)
        self._idle = Question("idle", "Holding sessions that are idle", X, "% of a core", 2, IDLE_PERCENT)

    def ask(self) -> list[Question]:
        """Measures, and returns the questions with what was found."""
        for number in range(1, self._scale.rounds + 1):
            for mode in LOADED:
                for sessions in self._scale.sessions:
                    self._loaded(mode, sessions, number)
        with ThreadPoolExecutor() as at_once:  # they are idle: none disturbs another
            list(at_once.map(self._held, self._scale.sessions))
        self._judge()
        return [self._delivery, self._memory, self._opening, self._pauses, self._idle]

    def _loaded(self, mode: Mode, sessions: int, number: int) -> None:
        active = min(self._scale.active, sessions)
        load = Load(sessions, warmup=0.5, seconds=self._scale.seconds, active=active)
        try:
            made, pause = self._measure(mode, load, number)
        except FAILURES as why:
            self._delivery.missing[f"{mode}, {sessions:,} sessions"] = str(why)
            return
        self._faults += sum(made.faults.values())
        if made.cpu_us is not None:
            self._delivery.add(mode, sessions, made.cpu_us)
        self._memory.add("polling", sessions, made.session_kb)
        self._opening.add("polling", sessions, float(made.report["connects_per_s"]))
        self._pauses.add(mode, sessions, pause)
        found = f"{made.cpu_us} µs, {made.session_kb} KB, {pause} ms, {made.report['connects_per_s']}/s"
        print(f"round {number}: {mode}, {sessions}: {found} {made.faults or ''}", file=sys.stderr, flush=True)

    def _held(self, sessions: int) -> None:
        try:
            made, _ = self._measure(Mode.IDLE, Load(sessions, warmup=0, seconds=self._scale.idle), 1)
        except FAILURES as why:
            self._idle.missing[f"{sessions:,} sessions"] = str(why)
        else:
            self._idle.add("polling", sessions, 100 * float(made.report["server_cpu_s"]) / self._scale.idle)

    def _measure(self, mode: Mode, load: Load, number: int) -> tuple[Measurement, float]:
        """Returns what swarm measured, and the collector's longest pause."""
        allow_descriptors(load.sessions + load.active + SPARE_DESCRIPTORS)
        with TemporaryDirectory(prefix="bench-") as scratch:
            pauses = Path(scratch, "pauses")
            with started(SERVER, self._kit, {"BENCH_PAUSES": str(pauses)}) as server:
                report = server.drive(mode, load)
            pause = float(pauses.read_text()) if pauses.exists() else 0.0
        return Measurement(SERVER.name, mode, load.sessions, number, report), pause

    def _judge(self) -> None:
        most = max(self._scale.sessions)
        many = f"{most:,} sessions"
        self._delivery.targets = [
            Target(f"a delivery in {mode}, up to {many}, over one among the fewest", GROWTH, growth)
            for mode, growth in zip(LOADED, map(self._delivery.growth, LOADED), strict=True)
        ]
        faults = self._faults if self._delivery.curves else None
        self._delivery.targets.append(Target("packets lost, repeated or out of order, errors", 0, faults))
        memory = self._memory.middle("polling", most)
        self._memory.targets = [Target(f"KB a session, {many}", SESSION_KB, memory)]
        opened = self._opening.middle("polling", most)
        self._opening.targets = [Target(f"sessions opened a second, {many}", CONNECTS, opened, "≥")]
        self._pauses.targets = [
            Target(f"ms that the collector takes at once, {many}", PAUSE_MS, self._pause(most))
        ]
        idle = self._idle.middle("polling", most)
        self._idle.targets = [Target(f"% of a core, {many} held", IDLE_PERCENT, idle)]

    def _pause(self, sessions: int) -> float | None:
        pauses = [pause for curve in self._pauses.curves.values() for pause in curve.get(sessions, [])]
        return max(pauses, default=None)
