"""The word counter of the documentation counts words."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from examples.word_count import count_words

PROGRAM = Path(__file__).parents[2] / "examples" / "word_count.py"


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_words_of_all_texts_are_counted_together(workers: int) -> None:
    assert count_words(["a b", "b", "b c"], workers) == {"a": 1, "b": 3, "c": 1}


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == ["4 comet", "3 the", "2 a"]
