"""Try mutants in forks of one process that has imported the project and collected the tests, once for all.

A mutant then costs a fork and the tests that tell. The function that it changes is there already, in a class, a
table or a decorator: it stays the object that it is, and is given the code that it would have been compiled to.
What is done at import is done by then, so that mutants of that are tried in processes of their own (`cold`).
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, cast

import pytest

from tests.mutation import fork
from tests.mutation.baseline import Baseline
from tests.mutation.choice import LEFT_OUT
from tests.mutation.functions import Functions
from tests.mutation.mutant import Mutant
from tests.mutation.plugin import end_after, settle_hypothesis
from tests.mutation.trial import Outcome, Trial, Verdict

FOR_HOURS: Final = 1e6
"""Seconds that the process may take from which all are forked; each of these has its own limit."""


def outcomes(
    mutants: Sequence[Mutant],
    tests: Sequence[str],
    baseline: Baseline,
    root: Path,
    *,
    jobs: int,
    enough: float,
) -> Iterator[Outcome]:
    """Try `mutants`, `jobs` at a time, with `enough` seconds of what is in the folders or files `tests`."""
    reading, writing = os.pipe()

    def work() -> int:
        os.close(reading)
        numbers = {mutant: number for number, mutant in enumerate(mutants)}

        def tell(outcome: Outcome) -> None:
            line = json.dumps([numbers[outcome.mutant], outcome.verdict.name, outcome.tests])
            os.write(writing, f"{line}\n".encode())

        loop = Loop(baseline, root, enough, lambda trial: trial.outcomes(mutants, jobs), tell)
        return fork.pytest_with(loop, ["-x", "-s", "--tb=short", *LEFT_OUT, *tests], root)

    run = fork.start(work, FOR_HOURS)
    os.close(writing)
    with open(reading) as told:  # noqa: PTH123 - of a descriptor
        for line in told:
            number, verdict, count = cast("tuple[int, str, int]", json.loads(line))
            yield Outcome(mutants[number], Verdict[verdict], count)
    _, status = os.waitpid(run.pid, 0)
    text = run.text()
    if status != 0:
        sys.exit(f"{text[-4000:]}\nthe process that mutants are forked from ended with status {status}")


class ForkedError(BaseException):
    """Raised in a fork, to leave the loop that forks: no `except` there may stop it."""


class Loop:
    """In pytest, when it has collected: tries the mutants in forks, instead of running the tests itself.

    Args:
        baseline: what the tests do when nothing is changed.
        root: where the checkout is.
        enough: seconds of tests for each mutant.
        outcomes: tries all with the trial that it is given.
        tell: is called with each outcome.
    """

    def __init__(
        self,
        baseline: Baseline,
        root: Path,
        enough: float,
        outcomes: Callable[[Trial], Iterator[Outcome]],
        tell: Callable[[Outcome], None],
    ) -> None:
        self._baseline, self._root, self._enough = baseline, root, enough
        self._outcomes, self._tell = outcomes, tell

    def pytest_configure(self) -> None:
        """After conftest.py has had its say."""
        settle_hypothesis()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """One test begins, in a fork."""
        end_after(self._baseline.longest(nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Try all. In a fork it returns None: pytest goes on there by itself, with the tests that may tell."""
        if session.testsfailed:
            return None  # pytest says which files it could not collect
        functions = Functions(self._root)
        items = {item.nodeid: item for item in session.items}
        gc.collect()
        gc.freeze()  # what is there now is never looked through again, in no fork

        def start(mutant: Mutant, tests: Sequence[str], seconds: float) -> fork.Run | None:
            codes = functions.changed_by(mutant)
            if not codes:
                return None
            run = fork.begin(seconds)
            if run is None:
                for function, code in codes:
                    function.__code__ = code
                session.items[:] = [items[test] for test in tests]
                raise ForkedError
            return run

        try:
            for outcome in self._outcomes(Trial(self._baseline, start, self._enough)):
                self._tell(outcome)
        except ForkedError:
            return None
        return True
