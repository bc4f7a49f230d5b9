"""Both type checkers report a wrong program where it is wrong, and nothing where it is right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT

PROGRAMS = sorted((Path(__file__).parent / "wrong").glob("*.py"))


def wrong_lines() -> set[tuple[str, int]]:
    return {
        (program.name, number)
        for program in PROGRAMS
        for number, line in enumerate(program.read_text().splitlines(), 1)
        if line.endswith("# wrong")
    }


def reported(out: str, pattern: str) -> set[tuple[str, int]]:
    return {(Path(name).name, int(line)) for name, line in re.findall(pattern, out, re.MULTILINE)}


def run(*command: str | Path) -> str:
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=ROOT
    ).stdout


def test_there_are_programs() -> None:
    assert PROGRAMS


def test_mypy_reports_them() -> None:
    out = run(
        sys.executable, "-m", "mypy", *PROGRAMS
    )  # what it knows of the package from its last run is good here
    assert reported(out, r"^(\S+\.py):(\d+): error") == wrong_lines(), out


def test_pyright_reports_them(tmp_path: Path) -> None:
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    for program in PROGRAMS:
        (tmp_path / program.name).write_text(program.read_text())
    out = run(ROOT / "node_modules/.bin/pyright", "--project", tmp_path, "--pythonpath", sys.executable)
    assert reported(out, r"^\s*(\S+\.py):(\d+):\d+ - error") == wrong_lines(), out
