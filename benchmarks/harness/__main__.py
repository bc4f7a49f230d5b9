"""Measures push servers: `python -m benchmarks.harness --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.harness import machine, report, results
from benchmarks.harness.provision import Kit
from benchmarks.harness.rounds import Outcome, Run, Series
from benchmarks.harness.servers import BY_NAME, DEFAULT
from benchmarks.harness.swarm import Load
from benchmarks.harness.workspace import UnavailableError

# The budgets keep a full run near a quarter of an hour. A broadcast to 5,000 takes the slowest
# server more than a second, and a window that cuts one in two counts its cost without its
# deliveries: hence the longer one.
FULL = (
    Series(Load(sessions=1_000, warmup=0.5, seconds=2.0), rounds=5, budget=400),
    Series(Load(sessions=5_000, warmup=1.5, seconds=3.0), rounds=3, budget=450),
)
QUICK = (Series(Load(sessions=200, warmup=0.3, seconds=0.7), rounds=1, budget=80),)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison, prints the report and saves it.

    Returns:
        0 if something was measured; 2 if nothing was.
    """
    options = _parse(argv)
    kit = Kit(python=options.python, install=not options.no_install)
    series = [_limited(each, options.rounds) for each in (QUICK if options.quick else FULL)]
    if options.sessions:
        series = [each for each in series if each.load.sessions in options.sessions]
    try:
        build = machine.interpreter(kit.python)
        run = Run(kit)
        run.set_up([BY_NAME[name] for name in options.servers])
    except UnavailableError as why:
        print(f"nothing can be measured: {why}", file=sys.stderr)
        return 2
    for each in series:
        run.measure(each)
    if not run.outcome.measurements:
        print("nothing was measured", file=sys.stderr)
        return 2
    _publish(run.outcome, options.servers, series, build, save=not options.quick)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.harness", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round with 200 sessions, not saved")
    parser.add_argument(
        "--servers", nargs="+", choices=BY_NAME, default=DEFAULT, metavar="NAME", help=", ".join(BY_NAME)
    )
    parser.add_argument("--sessions", nargs="+", type=int, metavar="N", help="only these of 1000 and 5000")
    parser.add_argument("--rounds", type=int, help="at most this many rounds")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure Cometary on")
    parser.add_argument("--no-install", action="store_true", help="show what is not installed as missing")
    return parser.parse_args(argv)


def _limited(series: Series, rounds: int | None) -> Series:
    return Series(series.load, min(series.rounds, rounds or series.rounds), series.budget)


def _publish(
    outcome: Outcome,
    names: Sequence[str],
    series: Sequence[Series],
    build: dict[str, str | bool],
    *,
    save: bool,
) -> None:
    facts = {**machine.facts(), "interpreter": machine.build_name(build)}
    text = report.comparison(outcome, names, [each.load.sessions for each in series], facts)
    print(text)
    if save:
        data = {
            "facts": facts,
            "interpreter": build,
            "series": [asdict(each) for each in series],
            "versions": outcome.versions,
            "missing": outcome.missing,
            "measurements": [asdict(each) for each in outcome.measurements],
        }
        print(f"saved as {results.save('push', text, data).name}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
