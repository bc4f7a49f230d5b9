"""Try mutants each in a process that imports the project anew, with the change: it may touch what is done at import."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.mutation import fork
from tests.mutation.baseline import Baseline
from tests.mutation.mutant import Mutant
from tests.mutation.plugin import ChangedModule, Chosen
from tests.mutation.trial import Outcome, Trial

FIRST: Final = 8
"""How many tests are asked before all others."""

IMPORT: Final = 5.0
"""Seconds of processor time that the imports and the collection may take."""


def outcomes(
    mutants: Iterable[Mutant], baseline: Baseline, root: Path, *, jobs: int, enough: float
) -> Iterator[Outcome]:
    """Try `mutants`, `jobs` at a time, with `enough` seconds of tests; nothing of the project may be imported here."""

    def start(mutant: Mutant, tests: Sequence[str], seconds: float) -> fork.Run:
        return fork.start(lambda: _run(mutant, tests, baseline, root), IMPORT + seconds)

    return Trial(baseline, start, enough, FIRST).outcomes(mutants, jobs)


def _run(mutant: Mutant, tests: Sequence[str], baseline: Baseline, root: Path) -> int:
    path = root / mutant.key.module
    name = mutant.key.module.removesuffix(".py").replace("/", ".")
    module = ChangedModule(name, path, mutant.applied_to(path.read_bytes()))
    sys.meta_path.insert(0, module)
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    chosen = Chosen(tests, module, baseline.longest)
    return fork.pytest_with(chosen, ["-x", "--tb=short", *files], root)
