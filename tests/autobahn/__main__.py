"""Run Autobahn's fuzzing client against our WebSockets; exit status 1 if a case fails.

The suite runs on Python 2.7 alone, so it is installed for that, once, into `.cache/autobahn`. What it reports in detail
is in `.cache/autobahn/report/index.html`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import trio

from tests.autobahn.echo_server import serve

ROOT: Final = Path(__file__).resolve().parents[2]
PLACE: Final = ROOT / ".cache" / "autobahn"
SUITE: Final = "autobahntestsuite==25.10.1"
WITHOUT: Final = ["12.*", "13.*"]
"""Compression, which is not spoken."""

GOOD: Final = frozenset({"OK", "NON-STRICT", "INFORMATIONAL"})
RUN: Final = (
    "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"
)
SECONDS: Final = 1800


def find_python() -> str:
    """Return the Python that the suite needs."""
    for candidate in (os.environ.get("PYTHON2"), "python2.7", "python2"):
        found = shutil.which(candidate) if candidate else None
        if found is not None and version_of(found) == "2.7":
            return found
    sys.exit("Autobahn's suite runs on Python 2.7 alone; PYTHON2=/path/to/python2.7 says where one is")


def version_of(python: str) -> str:
    """Return which version a Python is."""
    program = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout


def install(python: str) -> Path:
    """Install the suite, unless that was done before; returns where it is."""
    packages = PLACE / "packages"
    if not packages.exists():
        partly = PLACE / "partly"
        shutil.rmtree(partly, ignore_errors=True)
        command = [python, "-m", "pip", "install", "--quiet", "--target", str(partly), SUITE]
        if subprocess.run(command, check=False).returncode:
            sys.exit("Autobahn's suite could not be installed: see above")
        partly.rename(packages)
    return packages


async def run_suite(python: str, packages: Path, cases: list[str]) -> dict[str, Any]:
    """Run the cases; returns what the suite reports of each."""
    report = PLACE / "report"
    shutil.rmtree(report, ignore_errors=True)
    async with trio.open_nursery() as nursery:
        port: int = await nursery.start(serve)
        spec: dict[str, object] = {
            "outdir": str(report),
            "servers": [{"agent": "cometary", "url": f"ws://127.0.0.1:{port}"}],
            "cases": cases,
            "exclude-cases": WITHOUT,
            "exclude-agent-cases": {},
        }
        file = PLACE / "spec.json"
        file.write_text(json.dumps(spec))
        command = [python, "-W", "ignore", "-c", RUN, str(packages)]
        command += ["--mode", "fuzzingclient", "--spec", str(file)]
        with (PLACE / "log").open("wb") as log, trio.move_on_after(SECONDS):
            await trio.run_process(command, stdout=log, stderr=log, check=False)
        nursery.cancel_scope.cancel()
    index = report / "index.json"
    if not index.exists():
        sys.exit(f"the suite gave no report; {PLACE / 'log'} says more")
    found: dict[str, Any] = json.loads(index.read_text())["cometary"]
    return found


def main() -> int:
    """Run it; returns the exit status."""
    PLACE.mkdir(parents=True, exist_ok=True)
    python = find_python()
    results = trio.run(run_suite, python, install(python), sys.argv[1:] or ["*"])
    behaviours = {case: (each["behavior"], each["behaviorClose"]) for case, each in results.items()}
    print(f"{len(results)} cases: {dict(Counter(behaviour for behaviour, _ in behaviours.values()))}")
    failed = [case for case, each in sorted(behaviours.items()) if not GOOD.issuperset(each)]
    for case in failed:
        print(f"{case}: {behaviours[case][0]}, closing {behaviours[case][1]}")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
