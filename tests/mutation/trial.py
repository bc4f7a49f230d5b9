"""Try each mutant: run the tests that could tell, and see whether one does."""

from __future__ import annotations

import re
import signal
import sys
from bisect import bisect
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import Final, Protocol

from tests.mutation import fork
from tests.mutation.baseline import Baseline
from tests.mutation.mutant import Mutant
from tests.mutation.plugin import NOT_IMPORTED

NOT_ASKED: Final = frozenset({4, 5})
"""pytest's statuses for options that are not valid, and for no tests: nothing is known of the mutant then.

By all others a test has noticed: one that fails, a file that cannot be imported, a signal that ends the process,
a socket left open that the end of the run finds. Unchanged, none of these happens.
"""

TOO_LONG: Final = frozenset({fork.TIMED_OUT, -signal.SIGPROF, -signal.SIGXCPU})
"""The statuses of a run that was ended because it, or a test, took too long."""

UNKNOWN: Final = 0.05
"""Mutants that each test is taken to have noticed before it has: of those that have not, the quickest is first."""

ELSEWHERE: Final = 0.2
"""What a mutant counts that was noticed in another function of the module, to one in the same function."""

START: Final = 0.01
"""Seconds that a test takes at the least: what is quicker is not told apart."""


class Verdict(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    """A test waited for what did not come, which tells as well."""
    SURVIVED = "survived"
    NOT_RUN = "not run by any test"
    UNTRIED = "not tried in this way"


NOTICED: Final = frozenset({Verdict.KILLED, Verdict.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mutant, and what became of it."""

    mutant: Mutant
    verdict: Verdict
    tests: int
    """How many tests could have told."""


class Start(Protocol):
    """A way to try a mutant."""

    def __call__(self, mutant: Mutant, tests: Sequence[str], seconds: float) -> fork.Run | None:
        """Start to run `tests` over `mutant`, for so long at most; None if it cannot be tried in this way."""


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
        start: how one mutant is tried.
        enough: seconds of tests, after which no more are asked about one mutant.
        first: how many tests have a run of their own before all others. Where each run collects its tests
            anew, the few take a fraction of what all take, and most mutants die there.
    """

    def __init__(self, baseline: Baseline, start: Start, enough: float, first: int | None = None) -> None:
        self._baseline = baseline
        self._start = start
        self._enough = enough
        self._first = first
        self._kills: Counter[tuple[str, ...]] = Counter()

    def outcomes(self, mutants: Iterable[Mutant], jobs: int) -> Iterator[Outcome]:
        """Try each, `jobs` at a time."""
        waiting = deque(map(self._attempt, mutants))
        running: dict[int, tuple[fork.Run, _Attempt]] = {}
        while waiting or running:
            while waiting and len(running) < jobs:
                attempt = waiting.popleft()
                self._order(attempt)
                if not attempt.batches:
                    yield Outcome(attempt.mutant, Verdict.NOT_RUN, 0)
                elif run := self._begin(attempt):
                    running[run.pid] = run, attempt
                else:
                    yield Outcome(attempt.mutant, Verdict.UNTRIED, attempt.tests)
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
        """Put the tests first that notice most in a second, if they have not been put in order yet."""
        if len(attempt.batches) != 1 or len(attempt.batches[0]) != attempt.tests:
            return
        key = attempt.mutant.key

        def in_a_second(test: str) -> float:
            here, there = self._kills[key.module, key.function, test], self._kills[key.module, test]
            return (UNKNOWN + here + ELSEWHERE * there) / self._seconds(test)

        tests = sorted(attempt.batches.pop(), key=in_a_second, reverse=True)
        tests = tests[: max(1, bisect(list(accumulate(map(self._seconds, tests))), self._enough))]
        first = self._first or len(tests)
        attempt.batches.extend(batch for batch in (tests[:first], tests[first:]) if batch)

    def _seconds(self, test: str) -> float:
        return START + self._baseline.seconds.get(test, 0.0)

    def _begin(self, attempt: _Attempt) -> fork.Run | None:
        tests = attempt.batches.popleft()
        return self._start(attempt.mutant, tests, sum(map(self._baseline.longest, tests)))

    def _verdict(self, status: int, output: str, mutant: Mutant) -> Verdict:
        if status in TOO_LONG:
            return Verdict.TIMED_OUT
        if status in {0, NOT_IMPORTED}:
            return Verdict.SURVIVED if status == 0 else Verdict.NOT_RUN
        if status in NOT_ASKED:
            sys.exit(
                f"{output[-4000:]}\n{mutant}\npytest ended with status {status}: the mutant was not tried"
            )
        if failed := re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", output, re.MULTILINE):
            self._kills[mutant.key.module, failed[1]] += 1
            self._kills[mutant.key.module, mutant.key.function, failed[1]] += 1
        return Verdict.KILLED
