"""Run pytest, and the files of tests that failed once more, with nothing beside them.

    python scripts/again.py REPORT ARGUMENT...    REPORT: where the results go (JUnit's XML)

1. Many tests talk to real servers, browsers and engines, and share two processors with each other, a compiler and a
   type checker. What fails there, and not by itself, has failed for lack of time.
2. What fails again has failed. If more than `MOST` files have failed, none is run again: it is not for lack of time.
3. What passes only then is named here and at the end of all checks. It is a fault, at least of the test, and stays one
   until somebody has found it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

MOST: Final = 3
"""Files."""

FAILED: Final = ("failure", "error")


def main(report: Path, arguments: list[str]) -> int:
    """Run pytest; returns its exit status, or 0 if all that failed has passed by itself."""
    second = report.with_suffix(".again.xml")
    for each in (report, second):
        each.unlink(missing_ok=True)
    status = pytest(report, arguments)
    files = files_of(report) if status == 1 else []  # 1: tests have failed, and nothing else is wrong
    if not 0 < len(files) <= MOST:
        return status
    print(f"\n=== once more, with nothing beside: {' '.join(files)}", flush=True)
    if pytest(second, files) != 0:
        return status
    passed = take_over(report, second)
    print("passed only with nothing beside:", *passed, sep="\n    ", flush=True)
    return status if failures(ET.parse(report)) else 0  # noqa: S314 - pytest wrote it a moment ago


def pytest(report: Path, arguments: list[str]) -> int:
    """Run pytest where this was started; returns its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments], check=False
    ).returncode


def failures(results: ET.ElementTree[ET.Element]) -> list[ET.Element]:
    """Return the tests that have failed."""
    return [case for case in results.iter("testcase") if any(case.find(how) is not None for how in FAILED)]


def files_of(report: Path) -> list[str]:
    """Return the files of the tests that have failed, each once; none if it is not known which they were."""
    names = [case.get("classname", "") for case in failures(ET.parse(report))]  # noqa: S314
    files = dict.fromkeys(f"{name.replace('.', '/')}.py" for name in names)
    return [*files] if all(Path(file).is_file() for file in files) else []


def take_over(report: Path, second: Path) -> list[str]:
    """Have the report say of tests that passed by themselves that they have; returns their names."""
    first, again = ET.parse(report), ET.parse(second)  # noqa: S314
    failed = {named(case) for case in failures(again)}
    passed = {named(case) for case in again.iter("testcase") if case.find("skipped") is None} - failed
    taken = [case for case in failures(first) if named(case) in passed]
    for case in taken:
        for result in [each for how in FAILED for each in case.findall(how)]:
            case.remove(result)
        case.set("again", "passed")
    first.write(report)
    return [*dict.fromkeys(map(named, taken))]  # one that has failed and then failed to end is there twice


def named(case: ET.Element) -> str:
    """Return the name of a test, with its file's."""
    return f"{case.get('classname')}::{case.get('name')}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))
