"""The phone book of the documentation: a registry of one's own behind `Via`."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from examples.phone_book import call

PROGRAM = Path(__file__).parents[2] / "examples/phone_book.py"


async def test_a_name_is_found_however_it_is_written_taken_once_and_free_in_the_end() -> None:
    assert await call() == (["hello", "bye"], "ada is taken", True)


def test_the_program_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == ["['hello', 'bye']", "ada is taken", "True"]
