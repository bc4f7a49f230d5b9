"""The same seed gives the same run, byte for byte, whenever and wherever; another seed another one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

import pytest

from tests.servers import ROOT
from tests.simulation.mutations import MUTATIONS
from tests.simulation.run import Outcome, Plan, simulate

SMALL = ("--sessions", "20", "--minutes", "2")


@cache
def first_run() -> Outcome:
    """The run that others are compared with."""
    return simulate(Plan(7, sessions=20, minutes=2))


@contextmanager
def started(seed: int, hash_seed: str) -> Generator[subprocess.Popen[str]]:
    """Simulate in another process, which ends with the block."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), *SMALL]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()  # it may have taken too long


def trace_of(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    found = re.search(r"^trace (\w+)$", printed, re.MULTILINE)
    assert found is not None, printed
    return found[1]


def test_the_same_seed_gives_the_same_run() -> None:
    first = first_run()
    simulate(Plan(8, sessions=5, minutes=1))  # nothing is left behind by another run
    assert simulate(first.plan) == first


def test_the_same_seed_gives_the_same_run_in_processes_with_other_hashes() -> None:
    with started(7, "1") as one, started(7, "2") as other:
        assert trace_of(one) == trace_of(other) == first_run().digest


def test_another_seed_gives_another_run() -> None:
    runs = {simulate(Plan(seed, sessions=5, minutes=1)).digest for seed in range(2)}
    assert len(runs) == 2


def test_a_crash_of_the_simulation_itself_says_how_to_repeat_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tests.simulation.pages.Page.answered", fail)
    with pytest.raises(ExceptionGroup) as raised:
        simulate(Plan(3, sessions=1, minutes=1))
    assert any("python -m tests.simulation --seed 3 --sessions 1" in note for note in raised.value.__notes__)


@pytest.mark.parametrize(("broken", "status"), [(False, 0), (True, 1)])
def test_the_program_prints_a_table_and_its_exit_status_tells(
    broken: bool, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.simulation.__main__ import main  # noqa: PLC0415

    arguments = ["--seed", "2", *SMALL]
    if broken:
        with MUTATIONS["lost"]():
            assert main(arguments) == status
    else:
        assert main(arguments) == status
    printed = capsys.readouterr().out
    assert re.search(r"sent +received +lost +doubled +reordered\n", printed)
    assert re.search(r"to application +\d+", printed)
    assert ("The same again: python -m tests.simulation --seed 2" in printed) is broken
