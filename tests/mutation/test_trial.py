"""Which tests are asked about a mutant."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import pytest

from tests.mutation.baseline import Baseline
from tests.mutation.mutant import Key, Mutant
from tests.mutation.trial import Trial

SECONDS = {"slow": 5.0, "quick": 0.1, "middling": 1.0}
MUTANT = Mutant(Key("module.py", "function", "1", "2", 1), 0, 1, b"2", range(1, 2), at_import=False)


@pytest.mark.parametrize(
    ("enough", "asked"),
    [(inf, ["quick", "middling", "slow"]), (2.0, ["quick", "middling"]), (0.0, ["quick"])],
)
def test_a_quick_look_asks_the_quickest_first_and_no_more_than_there_is_time_for(
    enough: float, asked: list[str]
) -> None:
    baseline = Baseline(SECONDS, {"module.py": {1: frozenset(SECONDS)}}, [])
    runs: list[list[str]] = []

    def start(mutant: Mutant, tests: Sequence[str], seconds: float) -> None:
        runs.append([*tests])

    list(Trial(baseline, start, enough).outcomes([MUTANT], jobs=1))
    assert runs == [asked]
