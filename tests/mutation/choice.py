"""Which modules are mutated, and which tests have to notice."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.mutation.mutant import Mutant

TESTS: Final[dict[str, tuple[str, ...]]] = {
    "actors": ("tests/actors", "tests/supervision"),
    "fsm": ("tests/fsm", "tests/statem"),
    "statem": ("tests/statem",),
    "behaviours": ("tests/behaviours",),
    "supervision": ("tests/supervision",),
    "packets": ("tests/packets",),
    "sessions": ("tests/sessions", "tests/protocol"),
    "dispatch": ("tests/dispatch",),
    "gate": ("tests/gate", "tests/protocol"),
    "transport": ("tests/transport", "tests/protocol"),
    "authentication": ("tests/authentication",),
    "doors": ("tests/doors",),
    "workers": ("tests/workers",),
    "cluster": ("tests/cluster",),
    "nodes": ("tests/nodes",),
    "xmpp": ("tests/xmpp",),
}
"""The packages that decide or guard something, each with the tests that say what."""

CHECKER: Final = "tests/sessions/checker"
LEFT_OUT: Final = (
    *(f"--ignore={CHECKER}/test_{name}.py" for name in ("broken_rules", "long_runs", "promises")),
    f"--deselect={CHECKER}/test_short_steps.py::test_a_short_step_that_does_otherwise_is_found_out",
    *("-m", "not browser"),
)
"""What pytest is told not to run: tests that explore for long, or that bring mutants of their own, and browsers."""


def modules(names: Sequence[str], root: Path) -> list[str]:
    """The modules that `names` stand for (files, folders, or packages like `dispatch`), from the root; all if none."""
    found: list[str] = []
    for name in names or list(TESTS):
        path = root / "cometary" / name if name in TESTS else root / name
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            relative = file.resolve().relative_to(root).as_posix()
            if not file.is_file() or package_of(relative) not in TESTS:
                sys.exit(f"{name} is no module of {', '.join(TESTS)}")
            found.append(relative)
    return [name for name in dict.fromkeys(found) if not name.endswith("__init__.py")]


def package_of(module: str) -> str:
    """The package of `cometary/` that a module is in."""
    parts = Path(module).parts
    return parts[1] if len(parts) > 2 and parts[0] == "cometary" else ""


def folders_of(chosen: Iterable[str]) -> list[str]:
    """The test folders of the packages of these modules."""
    return list(dict.fromkeys(folder for module in chosen for folder in TESTS[package_of(module)]))


def changed(mutants: Iterable[Mutant], base: str, root: Path) -> list[Mutant]:
    """Those of `mutants` in lines that differ from those of the commit where this work left `base`."""
    merge_base = _git(root, "merge-base", base, "HEAD").strip()
    diff = _git(root, "diff", "--unified=0", "--no-color", "--no-ext-diff", merge_base, "--", "cometary")
    lines = changed_lines(diff)
    return [mutant for mutant in mutants if lines.get(mutant.key.module, set()) & set(mutant.lines)]


def changed_lines(diff: str) -> dict[str, set[int]]:
    """For each file in a diff without context, the lines of the new version that are in it.

    Where lines were only taken out, those on both sides of the gap count.
    """
    found: dict[str, set[int]] = {}
    file = ""
    for line in diff.splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix("+++ b/")
        elif place := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(place[1]), int(place[2] or 1)
            found.setdefault(file, set()).update(range(first, first + (count or 2)))
    return found


def _git(root: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode:
        sys.exit(done.stderr.strip())
    return done.stdout
