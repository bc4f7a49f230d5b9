"""Both type checkers report a wrong program where it is wrong, and nothing where it is right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT

PROGRAMS = sorted((Path(__file__).parent / "wrong").glob("*.py"))
each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)


def wrong_lines(program: Path) -> set[int]:
    lines = enumerate(program.read_text().splitlines(), 1)
    return {number for number, line in lines if line.endswith("# wrong")}


def run(*command: str | Path) -> str:
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=ROOT
    ).stdout


def test_there_are_programs() -> None:
    assert PROGRAMS


@each_program
def test_mypy_reports_them(program: Path, tmp_path: Path) -> None:
    out = run(sys.executable, "-m", "mypy", "--cache-dir", tmp_path, program)
    assert {int(line) for line in re.findall(rf"{program.name}:(\d+): error", out)} == wrong_lines(program), (
        out
    )


@each_program
def test_pyright_reports_them(program: Path, tmp_path: Path) -> None:
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    (tmp_path / program.name).write_text(program.read_text())
    out = run(ROOT / "node_modules/.bin/pyright", "--project", tmp_path, "--pythonpath", sys.executable)
    assert {int(line) for line in re.findall(rf"{program.name}:(\d+):\d+ - error", out)} == wrong_lines(
        program
    ), out
