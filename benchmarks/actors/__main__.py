"""Measures a ring of actors on several runtimes: `python -m benchmarks.actors --help`."""

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
    """Runs the rings, prints the report and saves it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.actors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each ring runs (default: 5)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure on")
    parser.add_argument("--no-install", action="store_true", help="show what is not installed as missing")
    options = parser.parse_args(argv)
    kit = Kit(python=options.python, install=not options.no_install)
    build = machine.interpreter(kit.python)
    facts = {**machine.facts(), "interpreter": machine.build_name(build)}
    outcome = run(CONTESTANTS, options.rounds, kit)
    text = report.rings(outcome, CONTESTANTS, facts)
    print(text)
    data = {
        "facts": facts,
        "interpreter": build,
        "versions": outcome.versions,
        "missing": outcome.missing,
        "findings": [asdict(each) for each in outcome.findings],
    }
    print(f"saved as {results.save('actors', text, data).name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
