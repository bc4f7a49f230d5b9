"""Run every check of the project, one after the other, and say at the end how each went.

All of them run, whatever fails before; the exit status is 1 if any failed. `make test` installs what the
first ones need and calls this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".cache"
PYTHON_REPORT = REPORTS / "python-tests.xml"
JAVASCRIPT_REPORT = REPORTS / "javascript-tests.tap"
# One more than there are cores, since tests wait for servers, browsers and other programs a third of their time.
WORKERS = min(4, (os.cpu_count() or 1) + 1)

CHECKS = {
    "style": "ruff check .",
    "format": "ruff format --check .",
    "types (mypy)": "mypy",
    "types (pyright)": "pyright --warnings",
    "layers": "lint-imports --no-logo",
    "format (JavaScript)": (
        "prettier --check clients/javascript tests/clients tests/doors tests/transport examples/hooks "
        "cometary/doors/inspector/page/*.js"  # prettier's own pattern, so that links are left out
    ),
    "types (JavaScript)": "tsc --project clients/javascript/tsconfig.json",
    "size (JavaScript)": "node clients/javascript/build.js --check",
    "tests (JavaScript)": (
        "node --test --test-reporter=spec --test-reporter-destination=stdout"
        f" --test-reporter=tap --test-reporter-destination={JAVASCRIPT_REPORT} "
        + " ".join(str(path) for path in sorted(ROOT.glob("clients/javascript/tests/*.test.js")))
    ),
    "tests (Python)": (
        f"pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder --junitxml={PYTHON_REPORT}"
    ),
    "tests (compiled)": f"{sys.executable} scripts/compile.py --test",
    "instructions": f"{sys.executable} -m benchmarks.profile.guard",
}

TAKES_ALL_CORES = "tests (Python)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check went, and how long it took (seconds)."""

    name: str
    passed: bool
    seconds: float

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED':8}{self.seconds:6.1f} s  {self.name}"


def run(name: str, command: str) -> Outcome:
    """Run one check; what it prints goes straight through."""
    print(f"\n=== {name}: {command.replace(f'{ROOT}/', '')}", flush=True)
    started = time.monotonic()
    status = subprocess.run(command.split(), cwd=ROOT, env=tools_first(), check=False).returncode
    return Outcome(name, status == 0, time.monotonic() - started)


def install_meanwhile() -> subprocess.Popen[bytes]:
    """Begin to install the browser and the programs that tests run, while checks run that need neither."""
    command = ["bash", "-c", "scripts/browser.sh >/dev/null && scripts/programs.sh"]
    return subprocess.Popen(command, cwd=ROOT)


def wait_for(installing: subprocess.Popen[bytes]) -> Outcome:
    """Wait until all is installed; tests run in any case, and say what they lack."""
    started = time.monotonic()
    status = installing.wait()
    return Outcome("browser and programs, at last", status == 0, time.monotonic() - started)


def compile_meanwhile() -> subprocess.Popen[bytes]:
    """Begin to compile, on one core, while checks run that take one as well.

    What it says is of no interest: where it has failed, the tests of what was compiled try again.
    """
    command = [sys.executable, "scripts/compile.py"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def tools_first() -> dict[str, str]:
    """The environment with the project's own tools ahead of any others on PATH, and pytest's `auto` for workers."""
    path = [str(ROOT / ".venv/bin"), str(ROOT / "node_modules/.bin"), os.environ["PATH"]]
    # Tests start hundreds of processes: each would compile all that it imports anew.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PATH": os.pathsep.join(path), "PYTEST_XDIST_AUTO_NUM_WORKERS": str(WORKERS)}


@dataclass(frozen=True, slots=True)
class Tests:
    """How many tests of one language there were."""

    language: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def fault(self) -> str | None:
        """What is wrong with them although none failed: a test that does not run is no check."""
        if not self.passed + self.failed:
            return f"no test ({self.language}) has run"
        return f"{self.skipped} tests ({self.language}) were skipped" if self.skipped else None


def count_python_tests() -> Tests:
    """Read the report of pytest."""
    if not PYTHON_REPORT.exists():
        return Tests("Python")
    cases = ET.parse(PYTHON_REPORT).getroot().findall(".//testcase")  # noqa: S314 - pytest wrote it a moment ago
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Tests("Python", len(cases) - failed - skipped, failed, skipped)


def count_javascript_tests() -> Tests:
    """Read the totals at the end of the report of Node.js."""
    if not JAVASCRIPT_REPORT.exists():
        return Tests("JavaScript")
    totals = dict(
        re.findall(r"^# (pass|fail|skipped|todo) (\d+)$", JAVASCRIPT_REPORT.read_text(), re.MULTILINE)
    )
    passed, failed, *left_out = [int(totals.get(name, 0)) for name in ("pass", "fail", "skipped", "todo")]
    return Tests("JavaScript", passed, failed, sum(left_out))


def main() -> int:
    """Run the checks; returns the exit status."""
    REPORTS.mkdir(exist_ok=True)
    for report in (PYTHON_REPORT, JAVASCRIPT_REPORT):
        report.unlink(missing_ok=True)
    installing, compiling = install_meanwhile(), compile_meanwhile()
    outcomes: list[Outcome] = []
    for name, command in CHECKS.items():
        if name == TAKES_ALL_CORES:
            outcomes.append(wait_for(installing))
            compiling.wait()
        outcomes.append(run(name, command))
    tests = (count_python_tests(), count_javascript_tests())
    faults = [each.fault for each in tests if each.fault]
    print("\n=== summary", *outcomes, *[f"FAILED: {fault}" for fault in faults], sep="\n")
    passed, failed = sum(each.passed for each in tests), sum(each.failed for each in tests)
    print(f"tests: {passed} passed, {failed} failed", flush=True)
    return 0 if all(outcome.passed for outcome in outcomes) and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
