"""What the tests do before anything is changed: they pass, each in its time, over certain lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation import fork
from tests.mutation.choice import LEFT_OUT
from tests.mutation.mutant import Mutant
from tests.mutation.plugin import Recorder

LONGEST: Final = 1800.0
"""Seconds of processor time that the unchanged tests may take."""

PATIENCE: Final = (1.0, 5.0)
"""A test may take so many seconds of processor time, and so many times what it takes unchanged."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was seen.

    Attributes:
        seconds: how much processor time each test took; it tells the same on a busy machine.
        lines: for each line of each module the tests that ran it, with "" if it was run at import as well.
        modules: the names of all modules that were imported, of libraries too.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, frozenset[str]]]
    modules: list[str]

    def tests_for(self, mutant: Mutant) -> list[str]:
        """The tests that could tell, the likeliest first; none if none runs the lines.

        What is done when the project and the tests are imported is in no test's account, and goes anywhere.
        All are asked then: first those that run the lines as well, and those that use the module.
        """
        running = self._running(mutant)
        if not self.at_import(mutant):
            return sorted(running, key=self._time)
        users = frozenset[str]().union(*self.lines.get(mutant.key.module, {}).values())
        return sorted(
            self.seconds, key=lambda test: (test not in running, test not in users, self._time(test))
        )

    def at_import(self, mutant: Mutant) -> bool:
        """Whether the change does something before the first test, when the project and the tests are imported."""
        return mutant.at_import or "" in self._running(mutant)

    def longest(self, test: str) -> float:
        """How many seconds of processor time a test may take before it counts as one that never ends."""
        least, times = PATIENCE
        return least + times * self._time(test)

    def _running(self, mutant: Mutant) -> frozenset[str]:
        of_module = self.lines.get(mutant.key.module, {})
        return frozenset[str]().union(*(of_module.get(line, ()) for line in mutant.lines))

    def _time(self, test: str) -> float:
        return self.seconds.get(test, 0.0)


def observe(tests: Sequence[str], root: Path) -> Baseline:
    """Run `tests` (folders or files), and note what they do; it is an error if one fails."""
    result = root / ".cache" / f"mutation-baseline-{sys.platform}.json"
    result.parent.mkdir(exist_ok=True)

    def work() -> int:
        recorder = Recorder(root)
        status = fork.pytest_with(recorder, [*LEFT_OUT, *tests], root)
        seen = recorder.seconds, _short(recorder.lines()), sorted(sys.modules)
        result.write_text(json.dumps(seen))
        return status

    run = fork.start(work, LONGEST, idle=LONGEST)
    ((_, status),) = fork.finished([run])
    if status != 0:
        sys.exit(f"{run.text()[-4000:]}\nthe tests have to pass before anything is changed (status {status})")
    run.text()
    seconds, lines, names = json.loads(result.read_text())
    result.unlink()
    return Baseline(seconds, _long(*lines), names)


def _short(lines: Mapping[str, Mapping[int, Sequence[str]]]) -> object:
    """With numbers for the names of tests, each of which runs many lines."""
    numbers: dict[str, int] = {}
    numbered = {
        module: [
            (line, [numbers.setdefault(test, len(numbers)) for test in tests]) for line, tests in each.items()
        ]
        for module, each in lines.items()
    }
    return list(numbers), numbered


def _long(
    tests: Sequence[str], numbered: Mapping[str, Sequence[tuple[int, Sequence[int]]]]
) -> dict[str, dict[int, frozenset[str]]]:
    return {
        module: {line: frozenset(tests[number] for number in numbers) for line, numbers in each}
        for module, each in numbered.items()
    }
