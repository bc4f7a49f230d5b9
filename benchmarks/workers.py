"""What a delivery costs with several workers, beside one process: `python -m benchmarks.workers`; some minutes.

One process, and two workers with the one above them, take turns within each round; a quotient is taken within a round.
Counted is the processor time of all processes of a server, for one delivery, as in `benchmarks/README.md`. All of them
are on one core, and the load on another: how many deliveries a second two workers make on two cores would need a third
core. The last column says what follows: how many times as many deliveries they make on as many cores as there are
workers as one process makes on one, if nothing but the processor bounds them.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from statistics import median
from typing import Final
from urllib.request import urlopen

from benchmarks.harness import provision
from benchmarks.harness.processes import allow_descriptors
from benchmarks.harness.provision import Kit
from benchmarks.harness.server import LOADED, Mode, Server
from benchmarks.harness.servers import cometary
from benchmarks.harness.swarm import Load, Measurement, Started, started
from benchmarks.harness.workspace import COMPILED, ROOT

WIRES: Final = {"long-polling": "fsm", "WebSockets": "fsmws"}
OK: Final = 200
OPTIONS: Final = ("--log-level", "error", "--watchdog", "0")

Row = tuple[str, Mode]


def servers(adapter: str, workers: int, engine: str, *, compiled: bool) -> tuple[Server, Server]:
    """Return the two: one process, and several workers, with an engine or (`local`) without."""
    where = COMPILED if compiled else ROOT
    options = ("--workers", str(workers), "--engine", engine, *OPTIONS)
    return (
        cometary("one", "one process", where, adapter, options=OPTIONS),
        cometary("several", "several workers", where, adapter, options=options),
    )


def measured(pair: tuple[Server, Server], mode: Mode, load: Load, kit: Kit, number: int) -> Iterator[float]:
    """Measure both, one after the other; yields what a delivery took.

    Raises:
        RuntimeError: something was lost, or nothing delivered.
    """
    for server in pair:
        with started(server, kit) as it:
            await_ready(it)
            measurement = Measurement(server.name, mode, load.sessions, number, it.drive(mode, load))
        if measurement.faults or measurement.cpu_us is None:
            raise RuntimeError(f"{server.name}, {mode}: {measurement.faults or 'nothing was delivered'}")
        yield measurement.cpu_us


def await_ready(it: Started) -> None:
    """Wait until all of a server has started: of several workers the first one listens before the last one."""
    while True:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{it.values['control']}/readyz") as answer:
            if answer.status == OK:
                return
        time.sleep(0.1)


def main() -> None:
    """Run all rounds, and print what they gave."""
    parser = ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="local", help="of the workers, such as embedded")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--modes", nargs="*", type=Mode, default=list(LOADED))
    parser.add_argument("--wires", nargs="*", choices=WIRES, default=list(WIRES))
    parser.add_argument("--compiled", action="store_true", help="what scripts/compile.py has compiled")
    given = parser.parse_args()
    allow_descriptors(4 * given.sessions + 200)
    kit = Kit(sys.executable, install=False)
    provision.build_swarm()
    load = Load(given.sessions, warmup=1, seconds=given.seconds)
    took: defaultdict[Row, list[tuple[float, float]]] = defaultdict(list)
    for number in range(1, given.rounds + 1):
        for wire in given.wires:
            pair = servers(WIRES[wire], given.workers, given.engine, compiled=given.compiled)
            for mode in given.modes:
                one, several = measured(pair, mode, load, kit, number)
                took[wire, mode].append((one, several))
                print(f"round {number}, {wire}, {mode}: {one:.0f} and {several:.0f} µs", file=sys.stderr)
    print_table(took, given.workers)


def print_table(took: dict[Row, list[tuple[float, float]]], workers: int) -> None:
    """Print the medians of all rounds."""
    each = f"{workers} workers"
    print(
        f"| wire | mode | one process, µs | {each}, µs | times as much (range) | {each} on {workers} cores make |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for (wire, mode), pairs in took.items():
        quotients = [several / one for one, several in pairs]
        one, several = (median(column) for column in zip(*pairs, strict=True))
        spread = f"{min(quotients):.2f} to {max(quotients):.2f}"
        times = f"{median(quotients):.2f} ({spread}) | {workers / median(quotients):.2f} times as many"
        print(f"| {wire} | {mode} | {one:.0f} | {several:.0f} | {times} |")


if __name__ == "__main__":
    main()
