"""Try each mutant: run the tests that could tell, and see whether one does."""

from __future__ import annotations

import re
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from tests.mutation import fork
from tests.mutation.baseline import Baseline
from tests.mutation.mutant import Mutant
from tests.mutation.plugin import NOT_IMPORTED, ChangedModule, Chosen

PATIENCE: Final = (5.0, 3.0)
"""A run may take so many seconds of processor time, and so many times what its tests take unchanged."""

FIRST: Final = 8
"""How many tests are asked before all others."""

FAILED: Final = frozenset({1, 2})
"""pytest's statuses for tests that fail, and for test files that cannot even be imported."""


class Verdict(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    """A test waited for what did not come, which tells as well."""
    SURVIVED = "survived"
    NOT_RUN = "not run by any test"


NOTICED: Final = frozenset({Verdict.KILLED, Verdict.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mutant, and what became of it."""

    mutant: Mutant
    verdict: Verdict
    tests: int
    """How many tests could have told."""


@dataclass(slots=True)
class _Attempt:
    """A mutant, with the tests that have not been asked yet."""

    mutant: Mutant
    tests: int
    batches: deque[list[str]]


class Trial:
    """Tries mutants, and learns on the way which tests are the ones to ask first.

    Args:
        baseline: what the tests do when nothing is changed.
        root: where the checkout is.
    """

    def __init__(self, baseline: Baseline, root: Path) -> None:
        self._baseline = baseline
        self._root = root
        self._kills: Counter[tuple[str, str]] = Counter()
        self._sources: dict[str, bytes] = {}

    def outcomes(self, mutants: Iterable[Mutant], jobs: int) -> Iterator[Outcome]:
        """Try each, `jobs` at a time."""
        waiting = deque(map(self._attempt, mutants))
        running: dict[int, tuple[fork.Run, _Attempt]] = {}
        while waiting or running:
            while waiting and len(running) < jobs:
                attempt = waiting.popleft()
                self._order(attempt)
                if attempt.batches:
                    run = self._start(attempt)
                    running[run.pid] = run, attempt
                else:
                    yield Outcome(attempt.mutant, Verdict.NOT_RUN, 0)
            for run, status in fork.finished([run for run, _ in running.values()]) if running else ():
                _, attempt = running.pop(run.pid)
                verdict = self._verdict(status, run.text(), attempt.mutant)
                if verdict not in NOTICED and attempt.batches:
                    waiting.appendleft(attempt)
                else:
                    yield Outcome(attempt.mutant, verdict, attempt.tests)

    def _attempt(self, mutant: Mutant) -> _Attempt:
        tests = self._baseline.tests_for(mutant)
        return _Attempt(mutant, len(tests), deque([tests] if tests else []))

    def _order(self, attempt: _Attempt) -> None:
        """Put the tests first that have noticed most in this module, and let those have a run of their own.

        To collect and run the few of them takes a fraction of what all take, and most mutants die there.
        """
        if len(attempt.batches) == 1 and len(attempt.batches[0]) == attempt.tests > FIRST:
            module = attempt.mutant.key.module
            tests = sorted(attempt.batches.pop(), key=lambda test: -self._kills[module, test])
            attempt.batches.extend([tests[:FIRST], tests[FIRST:]])

    def _start(self, attempt: _Attempt) -> fork.Run:
        least, times = PATIENCE
        key = attempt.mutant.key
        tests = attempt.batches.popleft()
        source = self._sources.get(key.module) or (self._root / key.module).read_bytes()
        self._sources[key.module] = source
        name = key.module.removesuffix(".py").replace("/", ".")
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))

        def work() -> int:
            module = ChangedModule(name, self._root / key.module, attempt.mutant.applied_to(source))
            sys.meta_path.insert(0, module)
            return fork.pytest_with(Chosen(tests, module), ["-x", "--tb=short", *files], self._root)

        return fork.start(work, least + times * self._baseline.seconds_of(tests))

    def _verdict(self, status: int, output: str, mutant: Mutant) -> Verdict:
        if status == fork.TIMED_OUT:
            return Verdict.TIMED_OUT
        if status in {0, NOT_IMPORTED}:
            return Verdict.SURVIVED if status == 0 else Verdict.NOT_RUN
        if status in FAILED or status < 0:  # by a signal: a mutant can end the process that tests it
            if failed := re.search(r"^FAILED (.+?)(?: - |$)", output, re.MULTILINE):
                self._kills[mutant.key.module, failed[1]] += 1
            return Verdict.KILLED
        sys.exit(f"{output[-4000:]}\n{mutant}\npytest ended with status {status}: the mutant was not tried")
