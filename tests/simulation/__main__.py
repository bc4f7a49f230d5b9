"""Simulate a server and its pages: python -m tests.simulation [--seed N] [--sessions N] [--minutes N].

The exit status is 1 if a promise was broken. Then the last line is the command that repeats the run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields

from tests.simulation.report import table
from tests.simulation.run import Plan, simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and return the exit status."""
    outcome = simulate(read_plan(arguments))
    print(table(outcome))  # noqa: T201 - a program prints
    return 1 if outcome.faults else 0


def read_plan(arguments: Sequence[str] | None) -> Plan:
    """Read the command line; by default the program's own."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Simulate a server.")
    for field in fields(Plan):
        kind = int if field.name in {"seed", "sessions"} else float
        default = 1 if field.name == "seed" else field.default
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=default)
    return Plan(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
