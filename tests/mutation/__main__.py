"""Change the sources a little, and see whether a test notices: python -m tests.mutation [--changed BASE] [MODULE …].

A MODULE is a file or a package (`cometary/dispatch/trie.py`, `dispatch`); without any, all packages are taken that
decide or guard something. What survives has to be killed by a new test, or listed in harmless.toml with the reason.

The exit status is 1 if a mutant survives that is not listed, or a listed one is killed or no longer exists,
and 2 if there was nothing to mutate.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Final

from tests.mutation import again, choice, cold, fork, harmless, warm
from tests.mutation.baseline import Baseline, observe
from tests.mutation.making import mutants
from tests.mutation.mutant import Mutant
from tests.mutation.report import Progress, faults, table
from tests.mutation.trial import Outcome, Verdict

ROOT: Final = Path(__file__).resolve().parent.parent.parent
NOTHING: Final = 2


def main() -> int:
    """Run it, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Try whether tests notice changes."
    )
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="a file or a package; all that matter if none"
    )
    parser.add_argument("--changed", metavar="BASE", help="only lines changed since this work left BASE")
    parser.add_argument(
        "--only",
        action="append",
        metavar="TEXT",
        help="only mutants that have TEXT in what is printed of them, or another one if given again",
    )
    parser.add_argument(
        "--again", action="store_true", help="only mutants that have survived when they were tried last"
    )
    parser.add_argument(
        "--tests",
        action="append",
        default=[],
        metavar="FILE",
        help="let only this file or folder tell (and others, if given again): those of the packages otherwise",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=inf,
        help="ask no more tests about a mutant than take so long, the likeliest first: a quick look",
    )
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--list", action="store_true", help="only say what would be tried")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    options = parser.parse_args()
    root = options.root.resolve()
    texts = options.only or [""]
    chosen = [
        mutant
        for mutant in made(options.modules, options.changed, root)
        if any(text in str(mutant) for text in texts)
    ]
    if options.again:
        alive = again.survivors(root)
        chosen = [mutant for mutant in chosen if mutant.key in alive]
    if not chosen:
        print("nothing to mutate")
        return NOTHING
    if options.list:
        print(*chosen, sep="\n")
        return 0
    return tried(chosen, options.tests, root, jobs=options.jobs, enough=options.seconds)


def made(names: list[str], base: str | None, root: Path) -> list[Mutant]:
    """The mutants that are asked for."""
    everything = [
        mutant for name in choice.modules(names, root) for mutant in mutants(name, (root / name).read_bytes())
    ]
    return choice.changed(everything, base, root) if base else everything


def tried(chosen: list[Mutant], tests: Sequence[str], root: Path, *, jobs: int, enough: float) -> int:
    """Try them all with `enough` seconds of `tests`, or of those of their packages, and say what came of it.

    Returns:
        The exit status.
    """
    started = time.monotonic()
    listed = harmless.read((root / harmless.LIST).read_text())
    folders = tests or choice.folders_of(dict.fromkeys(mutant.key.module for mutant in chosen))
    baseline = observe(folders, root)
    fork.load(baseline.modules)
    seconds = time.monotonic() - started
    print(
        f"{len(chosen)} mutants, {len(baseline.seconds)} tests of {', '.join(folders)} in {seconds:.0f} s",
        flush=True,
    )
    tries = outcomes(chosen, folders, baseline, root, jobs=jobs, enough=enough)
    progress = Progress(len(chosen), listed)
    results = [progress.saw(outcome) for outcome in tries]
    again.remember(results, root)
    wrong = faults(results, listed, harmless.no_longer_there(listed, root))
    print(table(results, listed), *wrong, sep="\n\n")
    print(f"\n{len(results)} mutants in {time.monotonic() - started:.0f} s, {len(wrong)} faults")
    return 1 if wrong else 0


def outcomes(
    chosen: Sequence[Mutant],
    tests: Sequence[str],
    baseline: Baseline,
    root: Path,
    *,
    jobs: int,
    enough: float,
) -> Iterator[Outcome]:
    """Try each in the cheapest way that it can be tried in."""
    left = [mutant for mutant in chosen if baseline.at_import(mutant)]
    if quick := [mutant for mutant in chosen if not baseline.at_import(mutant)]:
        for outcome in warm.outcomes(quick, tests, baseline, root, jobs=jobs, enough=enough):
            if outcome.verdict is Verdict.UNTRIED:
                left.append(outcome.mutant)
            else:
                yield outcome
    yield from cold.outcomes(left, baseline, root, jobs=jobs, enough=enough)


if __name__ == "__main__":
    sys.exit(main())
