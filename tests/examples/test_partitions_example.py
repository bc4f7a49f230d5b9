"""The partitions of the documentation: a crash too many takes the rooms of one partition, and no others."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from examples.partitions import ROOMS, run

PROGRAM = Path(__file__).parents[2] / "examples/partitions.py"


async def test_only_the_rooms_of_the_partition_that_gave_up_are_lost() -> None:
    before, left, after = await run()
    assert before == len(ROOMS)
    assert left == ["garden", "kitchen", "loft", "study"]
    assert after == len(left) + 1


def test_the_program_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[0] == str(len(ROOMS))
