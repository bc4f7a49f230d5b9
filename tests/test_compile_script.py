"""Which tests the compiled modules are run with: every package is in one list, and what is left out is there."""

from __future__ import annotations

from pathlib import Path

from scripts import compile as script

TESTS = Path(__file__).resolve().parent


def test_each_package_of_tests_is_run_or_has_a_reason_why_not() -> None:
    packages = {folder.name for folder in TESTS.iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    run = {name.partition("/")[0] for name in script.TESTED}
    assert packages == run | script.NOT_EACH_TIME.keys() | script.NEVER.keys()


def test_what_is_left_out_of_the_packages_that_are_run_is_there() -> None:
    assert [name for name in script.STAND_INS if not (TESTS / name).exists()] == []
    text = "".join(file.read_text() for file in TESTS.rglob("*.py") if file != Path(__file__))
    assert [word for word in script.WORDS if word not in text] == []
