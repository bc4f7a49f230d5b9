"""Run every check of the project, and say at the end how each went.

All of them run, whatever fails before (but see 4); the exit status is 1 if any failed. `make test` installs what the
first ones need and calls this.

1. Checks follow one another. What they print goes straight through.
2. Beside them run those that only compute (`BESIDE`), on what the others leave of the processors: tests wait a third
   of their time, for servers, browsers and clocks, but never for these; and so does all, while programs are installed.
3. What one of these prints comes as a whole, when the tests are over.
4. What runs what was compiled comes last, for all that is made of the modules is there by then; both of it at once.
   If they could not be compiled it fails without being run: each of the two would compile anew, in the other's way.
5. Tests that fail among others, and not by themselves, are named at the end, and fail nothing (see `again.py`).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".cache"
PYTHON_REPORT = REPORTS / "python-tests.xml"
COMPILED_REPORT = REPORTS / "compiled-tests.xml"
JAVASCRIPT_REPORT = REPORTS / "javascript-tests.tap"
# One more than there are cores, since tests wait for servers, browsers and other programs a third of their time.
WORKERS = min(4, (os.cpu_count() or 1) + 1)

CHECKS = {
    "style": "ruff check .",
    "format": "ruff format --check .",
    "types (mypy)": "mypy",
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
        f"{sys.executable} scripts/again.py {PYTHON_REPORT} --numprocesses=auto --dist=loadfile --no-loadscope-reorder"
    ),
    "compiling": f"{sys.executable} scripts/compile.py",
    "tests (compiled)": f"{sys.executable} scripts/compile.py --test",
}
NEEDS_PROGRAMS = "tests (Python)"
COMPILING = "compiling"
NEEDS_COMPILED = "tests (compiled)"

EARLY = "compiling, beside tests"
BESIDE = {EARLY: CHECKS["compiling"], "types (pyright)": "pyright --warnings"}
"""Rule 2. What could not be compiled there is compiled again in its turn, and only that counts."""
AT_LAST = {"instructions": f"{sys.executable} -m benchmarks.profile.guard"}
"""Rule 4: beside the tests of what was compiled."""
STAND_BACK = 19
"""The niceness of what runs beside the tests."""


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
    print(shown(name, command), flush=True)
    started = time.monotonic()
    status = subprocess.run(command.split(), cwd=ROOT, env=tools_first(), check=False).returncode
    return Outcome(name, status == 0, time.monotonic() - started)


def shown(name: str, command: str) -> str:
    """The line above what a check prints."""
    return f"\n=== {name}: {command.replace(f'{ROOT}/', '')}"


def install_meanwhile() -> subprocess.Popen[bytes]:
    """Begin to install the browser and the programs that tests run, while checks run that need neither."""
    command = ["bash", "-c", "scripts/browser.sh >/dev/null && scripts/programs.sh"]
    return subprocess.Popen(command, cwd=ROOT)


def wait_for(installing: subprocess.Popen[bytes]) -> Outcome:
    """Wait until all is installed; tests run in any case, and say what they lack."""
    started = time.monotonic()
    status = installing.wait()
    return Outcome("browser and programs, at last", status == 0, time.monotonic() - started)


def run_beside(name: str, command: str, niceness: int) -> tuple[Outcome, str]:
    """Run one check beside others; returns what it has printed, too."""
    started = time.monotonic()
    nice = ["nice", "-n", str(niceness), *command.split()]
    done = subprocess.run(
        nice,
        cwd=ROOT,
        env=tools_first(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    outcome = Outcome(name, done.returncode == 0, time.monotonic() - started)
    return outcome, f"{shown(name, command)}\n{done.stdout}"


class Beside:
    """What runs beside the other checks, all at once."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor()
        self._running: list[Future[tuple[Outcome, str]]] = []

    def start(self, checks: Mapping[str, str], niceness: int = 0) -> None:
        """Begin with these."""
        self._running += [self._threads.submit(run_beside, *check, niceness) for check in checks.items()]

    def wait(self) -> list[Outcome]:
        """Wait until all have ended, print what they have printed, and return how they went."""
        ended = [each.result() for each in self._running]
        self._running.clear()
        return show(ended)

    def give_up(self) -> None:
        """Begin with no other one, and print what those have printed for which nobody has waited."""
        self._threads.shutdown(cancel_futures=True)
        show(each.result() for each in self._running if not each.cancelled() and each.exception() is None)
        self._running.clear()


def show(ended: Iterable[tuple[Outcome, str]]) -> list[Outcome]:
    """Print what these checks have printed; returns how they went."""
    outcomes: list[Outcome] = []
    for outcome, printed in ended:
        print(printed, end="", flush=True)
        outcomes.append(outcome)
    return outcomes


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


def passed_by_themselves() -> list[str]:
    """Return the tests that have failed among others, and passed with nothing beside them."""
    reports = [ET.parse(each) for each in (PYTHON_REPORT, COMPILED_REPORT) if each.exists()]  # noqa: S314 - see above
    cases = [case for report in reports for case in report.iterfind(".//testcase[@again]")]
    return [*dict.fromkeys(f"{case.get('classname')}::{case.get('name')}" for case in cases)]


def count_javascript_tests() -> Tests:
    """Read the totals at the end of the report of Node.js."""
    if not JAVASCRIPT_REPORT.exists():
        return Tests("JavaScript")
    totals = dict(
        re.findall(r"^# (pass|fail|skipped|todo) (\d+)$", JAVASCRIPT_REPORT.read_text(), re.MULTILINE)
    )
    passed, failed, *left_out = [int(totals.get(name, 0)) for name in ("pass", "fail", "skipped", "todo")]
    return Tests("JavaScript", passed, failed, sum(left_out))


def run_all(beside: Beside) -> list[Outcome]:
    """Run the checks; returns how each went."""
    installing = install_meanwhile()
    beside.start(BESIDE, STAND_BACK)
    outcomes: list[Outcome] = []
    for name, command in CHECKS.items():
        if name == NEEDS_PROGRAMS:
            outcomes.append(wait_for(installing))
        if name == COMPILING:
            outcomes += [each for each in beside.wait() if each.passed or each.name != EARLY]
        if name == NEEDS_COMPILED:
            if any(each.name == COMPILING and not each.passed for each in outcomes):
                return outcomes + [Outcome(each, passed=False, seconds=0) for each in (name, *AT_LAST)]
            beside.start(AT_LAST)
        outcomes.append(run(name, command))
    return outcomes + beside.wait()


def main() -> int:
    """Run the checks; returns the exit status."""
    REPORTS.mkdir(exist_ok=True)
    for report in (PYTHON_REPORT, COMPILED_REPORT, JAVASCRIPT_REPORT):
        report.unlink(missing_ok=True)
    beside = Beside()
    try:
        outcomes = run_all(beside)
    finally:
        beside.give_up()
    tests = (count_python_tests(), count_javascript_tests())
    faults = [each.fault for each in tests if each.fault]
    print("\n=== summary", *outcomes, *[f"FAILED: {fault}" for fault in faults], sep="\n")
    for test in passed_by_themselves():
        print(f"a fault to be found: {test} failed among others, and passed by itself")
    passed, failed = sum(each.passed for each in tests), sum(each.failed for each in tests)
    print(f"tests: {passed} passed, {failed} failed", flush=True)
    return 0 if all(outcome.passed for outcome in outcomes) and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
