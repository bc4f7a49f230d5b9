"""Each trial of the benchmark of paths runs, and compares something. What that may come to is its own to say."""

from __future__ import annotations

import pytest
import trio

from benchmarks import paths


@pytest.mark.parametrize("trial", paths.TRIALS, ids=lambda trial: trial.name)
def test_each_trial_compares_something(trial: paths.Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "ROUNDS", 1)
    assert trio.run(trial.run, 20) > 0
