"""The program as it is run, on a small project: what it finds, and with which status it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = """
def is_between(low, number, high):
    if low <= number and number <= high:
        return True
    return False
"""
WEAK = "assert is_between(1, 2, 3)"
BETTER = f"{WEAK}; assert not is_between(1, 0, 3); assert not is_between(1, 4, 3)"
BEST = f"{BETTER}; assert is_between(1, 1, 3); assert is_between(1, 3, 3)"
LISTED = """
[["cometary/dispatch/thing.py"]]
function = "is_between"
was = "if low <= number and number <= high:"
now = "{}"
reason = "why"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one module."""
    for folder in ("cometary/dispatch", "tests/dispatch", "tests/mutation"):
        (tmp_path / folder).mkdir(parents=True)
    for package in ("cometary", "cometary/dispatch"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest]\npythonpath = ["."]\nfilterwarnings = ["error"]\nmarkers = ["browser"]\n'
    )
    (tmp_path / "cometary/dispatch/thing.py").write_text(SOURCE)
    (tmp_path / "tests/mutation/harmless.toml").touch()
    return tmp_path


def run(project: Path, test: str, *arguments: str, listed: str = "") -> tuple[int, str]:
    """Let `test` guard the module; returns the exit status and what was printed."""
    imported = "from cometary.dispatch.thing import is_between"
    (project / "tests/dispatch/test_thing.py").write_text(f"{imported}\n\ndef test_it():\n    {test}\n")
    (project / "tests/mutation/harmless.toml").write_text(listed)
    command = [sys.executable, "-m", "tests.mutation", "--root", str(project), *(arguments or ("dispatch",))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_no_test_notices_is_told_with_the_lines_for_the_list(project: Path) -> None:
    status, output = run(project, BETTER)
    assert status == 1
    assert "+ if low < number and number <= high:" in output
    assert "now = 'if low <= number and number < high:'" in output
    assert "5 mutants" in output
    assert "2 faults" in output


def test_what_is_noticed_altogether_passes(project: Path) -> None:
    status, output = run(project, BEST)
    assert status == 0, output
    assert "0 faults" in output


def test_lines_that_no_test_runs_are_survivors(project: Path) -> None:
    status, output = run(project, "assert is_between")
    assert status == 1
    assert "not run by any test" in output
    assert "5 faults" in output


def test_what_is_listed_may_survive(project: Path) -> None:
    lines = ("if low < number and number <= high:", "if low <= number and number < high:")
    status, output = run(project, BETTER, listed="".join(map(LISTED.format, lines)))
    assert status == 0, output


def test_a_list_that_is_not_true_is_a_fault(project: Path) -> None:
    lines = ("if low < number and number <= high:", "if number:")
    status, output = run(project, BEST, listed="".join(map(LISTED.format, lines)))
    assert status == 1
    assert "listed as harmless, but killed" in output
    assert "listed as harmless, but no longer there" in output
    assert "2 faults" in output


def test_it_does_not_pass_when_there_is_nothing_to_mutate(project: Path) -> None:
    (project / "cometary/dispatch/thing.py").write_text("is_between = None\n")
    assert run(project, "pass") == (2, "nothing to mutate\n")


def test_one_mutant_can_be_tried_again_alone(project: Path) -> None:
    status, output = run(project, BETTER, "dispatch", "--only", "number or number", "--jobs", "2")
    assert status == 0
    assert "1 mutants" in output


def test_some_mutants_can_be_tried_again(project: Path) -> None:
    texts = ("--only", "number or number", "--only", "- return False")
    status, output = run(project, BETTER, *texts, "dispatch")
    assert status == 0
    assert "2 mutants" in output


def test_only_tests_that_are_asked_for_tell(project: Path) -> None:
    (project / "tests/dispatch/test_other.py").write_text("def test_it():\n    assert False\n")
    status, output = run(project, BEST, "--tests", "tests/dispatch/test_thing.py", "dispatch")
    assert status == 0, output
    assert "1 tests of tests/dispatch/test_thing.py" in output


def test_browsers_are_not_asked(project: Path) -> None:
    browser = "import pytest\n\n@pytest.mark.browser\ndef test_it():\n    assert False\n"
    (project / "tests/dispatch/test_browser.py").write_text(browser)
    status, output = run(project, BEST)
    assert status == 0, output


def test_tests_that_fail_unchanged_are_an_error(project: Path) -> None:
    status, output = run(project, "assert not is_between(1, 2, 3)")
    assert status == 1
    assert "the tests have to pass before anything is changed" in output


def test_a_module_that_is_imported_before_it_can_be_changed_has_no_survivor_called_killed(
    project: Path,
) -> None:
    """A plugin of pytest imports it from elsewhere: nothing of what the tests say is about the mutants."""
    (project / "conftest.py").write_text(
        "import sys, types\n"
        "module = sys.modules['cometary.dispatch.thing'] = types.ModuleType('thing')\n"
        "module.is_between = lambda low, number, high: low <= number <= high\n"
    )
    (project / "cometary/dispatch/thing.py").write_text("is_between = 1\n")
    status, output = run(project, BEST)
    assert status == 1
    assert "not run by any test" in output


def test_a_descriptor_that_is_left_open_until_the_end_is_noticed(project: Path) -> None:
    """The run ends then in another way than by a test that fails, and goes on to the next mutant."""
    (project / "cometary/dispatch/thing.py").write_text(
        "def is_between(low, number, high):\n"
        "    file = open(__file__)\n"
        "    ring = [file]\n"
        "    ring.append(ring)\n"
        "    file.close()\n"
        "    return low < number\n"
    )
    status, output = run(project, f"import gc; gc.disable(); {WEAK}")
    assert status == 1
    assert "- ring.append(ring)" in output
    assert "- file.close()" not in output


def test_a_change_that_never_comes_to_an_end_is_noticed(project: Path) -> None:
    (project / "cometary/dispatch/thing.py").write_text(
        "def is_between(low, number, high):\n"
        "    while high > number:\n"
        "        high -= 1\n"
        "    return low < number and high == number\n"
    )
    status, output = run(project, BETTER)
    assert "- high -= 1" not in output
    assert "survived" in output
    assert status == 1


def test_a_function_is_changed_wherever_it_has_been_put(project: Path) -> None:
    """In a table, in a decorator's cell, in a closure that was made at import."""
    (project / "cometary/dispatch/thing.py").write_text(
        "from functools import wraps\n"
        "def deciding(function):\n"
        "    @wraps(function)\n"
        "    def wrapper(*values):\n"
        "        return TABLE['low'](values) and not values[1] > values[2]\n"
        "    return wrapper\n"
        "def low(values):\n"
        "    return values[0] <= values[1]\n"
        "TABLE = {'low': low}\n"
        "@deciding\n"
        "def is_between(low, number, high):\n"
        "    return None\n"
    )
    status, output = run(project, BEST)
    assert status == 0, output


def test_what_has_survived_can_be_tried_again_alone(project: Path) -> None:
    status, output = run(project, BETTER)
    assert "5 mutants" in output
    assert "2 faults" in output
    status, output = run(project, BETTER, "dispatch", "--again")
    assert status == 1
    assert "2 mutants" in output
    status, output = run(project, BEST, "dispatch", "--again")
    assert status == 0
    assert "2 mutants" in output
    assert run(project, BEST, "dispatch", "--again") == (2, "nothing to mutate\n")


FOREVER = """
import os, sys
from tests.mutation import fork
def forever():
    while True:
        pass
def wait():
    import threading
    threading.Event().wait()
def eat():
    x = bytearray(8 << 30)
    return 0
def say():
    print("said")
    return 3
for work, seconds, idle in ((forever, 0, 60), (forever, 1, 60), (wait, 60, 0), (eat, 60, 60), (say, 60, 60)):
    run = fork.start(work, seconds, idle)
    ((_, status),) = fork.finished([run])
    print(status, run.text().strip().splitlines()[-1:])
"""


def test_a_run_is_ended_when_its_time_is_up_or_it_waits_in_vain_or_takes_all_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FOREVER], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["1000 []", "-24 []", "1000 []", "70 ['MemoryError']", "3 ['said']"]
