"""The shop of the documentation answers when its warehouse has, and the fastest shop first."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "shop.py"


def test_the_fastest_answer_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "apples there are 6",
        "peaches there are 7",
        "watermelons there are 11",
    ]
