"""The asyncio program of the documentation asks an actor on its guest."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "asyncio_guest.py"


def test_it_prints_what_the_actor_answers(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out == "1\n"
