"""Each trial of the benchmark of scaling runs, and measures something. How much it costs is the benchmark's to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from benchmarks import scaling

MANY = 500


@pytest.mark.parametrize("trial", scaling.TRIALS)
def test_each_trial_measures_what_many_cost(trial: Callable[[int], Awaitable[float]]) -> None:
    assert trio.run(trial, MANY) > 0
