"""What the tests do before anything is changed: they pass, each in its time, over certain lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation import fork
from tests.mutation.choice import LEFT_OUT
from tests.mutation.mutant import Mutant
from tests.mutation.plugin import Recorder

LONGEST: Final = 1800.0
"""Seconds of processor time that the unchanged tests may take."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was seen.

    Attributes:
        seconds: how long each test took.
        lines: for each module and each test the lines of the one that ran in the other.
        modules: the names of all modules that were imported, of libraries too.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[str, list[int]]]
    modules: list[str]

    def tests_for(self, mutant: Mutant) -> list[str]:
        """The tests that could tell, quickest first; none if none runs the lines.

        What a module does when it is imported is in no test's account. Those that use the module are
        asked first then, and after them all others, since what it defines may go anywhere.
        """
        of_module = self.lines.get(mutant.key.module, {})
        if not mutant.at_import:
            return sorted(
                (test for test, lines in of_module.items() if set(lines) & set(mutant.lines)), key=self._time
            )
        return sorted(self.seconds, key=lambda test: (test not in of_module, self._time(test)))

    def seconds_of(self, tests: Sequence[str]) -> float:
        """How long these take together, when nothing is changed."""
        return sum(map(self._time, tests))

    def _time(self, test: str) -> float:
        return self.seconds.get(test, 0.0)


def observe(tests: Sequence[str], root: Path) -> Baseline:
    """Run `tests` (folders or files), and note what they do; it is an error if one fails."""
    result = root / ".cache" / f"mutation-baseline-{sys.platform}.json"
    result.parent.mkdir(exist_ok=True)

    def work() -> int:
        recorder = Recorder(root)
        status = fork.pytest_with(recorder, [*(f"--ignore={folder}" for folder in LEFT_OUT), *tests], root)
        seen = {"seconds": recorder.seconds, "lines": recorder.lines(), "modules": sorted(sys.modules)}
        result.write_text(json.dumps(seen))
        return status

    run = fork.start(work, LONGEST, idle=LONGEST)
    ((_, status),) = fork.finished([run])
    if status != 0:
        sys.exit(f"{run.text()[-4000:]}\nthe tests have to pass before anything is changed (status {status})")
    run.text()
    baseline = Baseline(**json.loads(result.read_text()))
    result.unlink()
    return baseline
