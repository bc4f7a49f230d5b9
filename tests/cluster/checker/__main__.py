"""Explore a session in a cluster further than the tests do, and break each of its rules.

For each surrounding (`tests.cluster.checker.scopes`) it prints the number of states and moves, and whether these were
all; then for each broken rule how few moves lead to harm. The exit status is 1 if a promise was broken, or the harm of
a broken rule was not found.

    python -m tests.cluster.checker [--states 400000] [--no-breaks] [surrounding ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from cometary.testing import check_model
from tests.cluster.checker.breaks import BREAKS, Break
from tests.cluster.checker.model import ClusterModel
from tests.cluster.checker.scopes import SCOPES


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore what the arguments say; returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m tests.cluster.checker",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--states", type=int, default=400_000, help="how many states of each at most (default: 400,000)"
    )
    parser.add_argument("--no-breaks", action="store_true", help="break no rule")
    parser.add_argument(
        "surroundings", nargs="*", metavar="surrounding", help="; ".join(SCOPES) + "; by default all"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.surroundings) - set(SCOPES)
    if unknown:
        parser.error(f"there are no such surroundings: {', '.join(sorted(unknown))}")
    failed = [explore(name, options.states) for name in options.surroundings or SCOPES]
    if not options.no_breaks and not options.surroundings:
        failed += [look_for_harm(each, options.states) for each in BREAKS]
    return int(any(failed))


def explore(name: str, states: int) -> bool:
    """Explore one of the surroundings and print what came of it; returns whether a promise was broken."""
    began = time.process_time()
    model = ClusterModel(SCOPES[name])
    exploration = check_model(model, goals=model.goals, max_states=states)
    say(f"{name}: {exploration} ({time.process_time() - began:.0f} s)")
    return exploration.counterexample is not None


def look_for_harm(mutant: Break, states: int) -> bool:
    """Break a rule and print what comes of it; returns whether nothing does."""
    model = ClusterModel(mutant.scope, mutant.parts())
    exploration = check_model(model, goals=model.goals, max_states=states)
    found = exploration.counterexample
    harm = "no harm found" if found is None else f"after {len(found.moves)} moves: {found.problem}"
    say(f"{mutant.rule}: {exploration.states:,} states, {harm}")
    return found is None


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
