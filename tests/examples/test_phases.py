"""The phases of the documentation: a machine that becomes another, and one that goes back to the one before."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from examples.phases import talk

PROGRAM = Path(__file__).parents[2] / "examples/phases.py"


def test_each_phase_understands_the_same_line_in_its_own_way() -> None:
    assert talk("2", "2", "2", "bye") == ["hello 2", "how many?", "what else?", "2 loaves for 2"]


def test_a_question_in_between_goes_back_to_what_asked_it_and_keeps_what_is_known() -> None:
    answers = talk("ada", "bread", "some", "2", "bread", "1", "bye")
    assert answers[2:4] == ["a number, please", "what else?"]
    assert answers[-1] == "3 loaves for ada"


def test_the_program_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1] == "3 loaves for ada"
