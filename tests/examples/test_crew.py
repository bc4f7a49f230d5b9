"""The crew of the documentation: who is lost is replaced, and nobody outlives the captain."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from examples.crew import sail

PROGRAM = Path(__file__).parents[2] / "examples/crew.py"


async def test_a_sailor_is_replaced_and_the_crew_goes_down_with_the_captain() -> None:
    lost, told, left = await sail()
    assert lost == ["overboard"]
    assert told == ["hoist the sails", "to the crow's nest", "that is all"]
    assert left == 0


def test_the_program_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[0] == "['overboard']"
