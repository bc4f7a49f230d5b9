"""What becomes of tests that fail among others: they are run again by themselves, and named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import again, check
from tests.servers import ROOT

LATER = """
import pathlib

def test_later():
    before = pathlib.Path("before")
    was_there = before.exists()
    before.touch()
    assert was_there

def test_always():
    pass
"""
NEVER = "def test_never():\n    assert False\n"


def run_in(folder: Path, **files: str) -> tuple[int, str]:
    """Run these tests; returns the exit status, and what is said."""
    folder.mkdir()
    for name, text in files.items():
        folder.joinpath(f"{name}.py").write_text(text)
    command = [sys.executable, str(ROOT / "scripts/again.py"), "report.xml", "-p", "no:cacheprovider"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=alone, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


def test_what_passes_by_itself_fails_nothing_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "one"
    status, said = run_in(folder, test_it=LATER)
    assert status == 0
    assert said.endswith("passed only with nothing beside:\n    test_it::test_later\n")
    monkeypatch.setattr(check, "PYTHON_REPORT", folder / "report.xml")
    monkeypatch.setattr(check, "COMPILED_REPORT", folder / "none.xml")
    assert check.count_python_tests() == check.Tests("Python", 2)
    assert check.passed_by_themselves() == ["test_it::test_later"]


def test_what_fails_again_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "two"
    status, said = run_in(folder, test_it=LATER, test_other=NEVER)
    assert status == 1
    assert "=== once more" in said
    monkeypatch.setattr(check, "PYTHON_REPORT", folder / "report.xml")
    assert check.count_python_tests().failed == 2


def test_where_much_has_failed_nothing_is_run_again(tmp_path: Path) -> None:
    status, said = run_in(tmp_path / "many", **{f"test_{n}": NEVER for n in range(again.MOST + 1)})
    assert status == 1
    assert "=== once more" not in said
