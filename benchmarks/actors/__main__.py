"""Measures actors on several runtimes: `python -m benchmarks.actors --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.actors import report
from benchmarks.actors.contestants import CONTESTANTS
from benchmarks.actors.trials import run
from benchmarks.harness import machine, results
from benchmarks.harness.provision import Kit


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the trials, prints the report and saves it.

    Returns:
        0 if something was measured; 2 if nothing was.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.actors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each trial runs (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one tiny round, not saved")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure on")
    parser.add_argument(
        "--only", nargs="+", choices=[each.name for each in CONTESTANTS], help="measure these alone"
    )
    parser.add_argument("--no-install", action="store_true", help="show what is not installed as missing")
    options = parser.parse_args(argv)
    kit = Kit(python=options.python, install=not options.no_install)
    build = machine.interpreter(kit.python)
    facts = {**machine.facts(), "interpreter": machine.build_name(build)}
    rounds = 1 if options.quick else options.rounds
    contestants = [each for each in CONTESTANTS if not options.only or each.name in options.only]
    outcome = run(contestants, rounds, kit, quick=options.quick)
    if not outcome.findings:
        print("nothing was measured", file=sys.stderr)
        return 2
    text = report.comparison(outcome, contestants, facts)
    print(text)
    if options.quick:
        return 0
    data = {
        "facts": facts,
        "interpreter": build,
        "versions": outcome.versions,
        "missing": outcome.missing,
        "failed": [[*which, why] for which, why in outcome.failed.items()],
        "findings": [asdict(each) for each in outcome.findings],
    }
    print(f"saved as {results.save('actors', text, data).name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
