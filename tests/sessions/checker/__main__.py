"""Explore sessions further than the tests do, and say how far that was.

For each surrounding (`tests.sessions.checker.scopes`) it prints the number of states and moves, and the depth: every
way of at most so many moves was gone. With the usual bound of 100,000 states each that takes a quarter of an
hour in all; the tests look at 1,000 to 6,000 of each. The exit status is 1 if a promise was broken, and
the shortest way there is told.

    python -m tests.sessions.checker [--states 100000] [surrounding ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from cometary.testing import check_model
from tests.sessions.checker.model import SessionModel
from tests.sessions.checker.scopes import SCOPES


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore what the arguments say; returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m tests.sessions.checker",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--states", type=int, default=100_000, help="how many states of each at most (default: 100,000)"
    )
    parser.add_argument(
        "surroundings", nargs="*", metavar="surrounding", help="; ".join(SCOPES) + "; by default all"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.surroundings) - set(SCOPES)
    if unknown:
        parser.error(f"there are no such surroundings: {', '.join(sorted(unknown))}")
    return max([explore(name, options.states) for name in options.surroundings or SCOPES])


def explore(name: str, states: int) -> int:
    """Explore one of the `SCOPES` and print what came of it; returns 1 if a promise was broken or nothing tried."""
    began = time.monotonic()
    model = SessionModel(SCOPES[name])
    exploration = check_model(model, goals=model.goals, max_states=states)
    sys.stdout.write(f"{name}: {exploration} ({time.monotonic() - began:.0f} s)\n")
    sys.stdout.flush()
    return int(exploration.counterexample is not None or not exploration.transitions)


if __name__ == "__main__":
    sys.exit(main())
