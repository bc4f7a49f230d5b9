"""What `make test` says at the end: a check that has checked nothing has failed."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import wait
from pathlib import Path

import pytest

from scripts import check


@pytest.mark.parametrize(
    ("passed", "failed", "skipped", "fault"),
    [
        (10, 0, 0, None),
        (9, 1, 0, None),
        (0, 0, 0, "no test (Python) has run"),
        (0, 0, 3, "no test (Python) has run"),
        (9, 0, 1, "1 tests (Python) were skipped"),
    ],
)
def test_tests_that_do_not_run_are_a_fault(passed: int, failed: int, skipped: int, fault: str | None) -> None:
    assert check.Tests("Python", passed, failed, skipped).fault == fault


def test_the_reports_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python, javascript = tmp_path / "python.xml", tmp_path / "javascript.tap"
    monkeypatch.setattr(check, "PYTHON_REPORT", python)
    monkeypatch.setattr(check, "JAVASCRIPT_REPORT", javascript)
    assert check.count_python_tests().fault == "no test (Python) has run"
    assert check.count_javascript_tests().fault == "no test (JavaScript) has run"
    python.write_text("<t><testcase/><testcase><failure/></testcase><testcase><skipped/></testcase></t>")
    javascript.write_text("# tests 7\n# pass 4\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 1\n")
    assert check.count_python_tests() == check.Tests("Python", 1, 1, 1)
    assert check.count_javascript_tests() == check.Tests("JavaScript", 4, 1, 2)


def test_what_runs_beside_the_others_counts_and_prints_all_that_it_has_to_say_at_the_end(
    capfd: pytest.CaptureFixture[str],
) -> None:
    beside = check.Beside()
    beside.start({"first": "echo one", "second": "false"}, check.STAND_BACK)
    beside.start({"third": "nice"})
    assert [(each.name, each.passed) for each in beside.wait()] == [
        ("first", True),
        ("second", False),
        ("third", True),
    ]
    shown = "\n=== first: echo one\none\n\n=== second: false\n\n=== third: nice\n"
    assert re.fullmatch(rf"{shown}\d+\n", capfd.readouterr().out)
    assert beside.wait() == []
    beside.give_up()


def test_a_check_beside_the_others_that_cannot_be_started_is_not_forgotten() -> None:
    beside = check.Beside()
    beside.start({"missing": "no-such-program"})
    assert [each.passed for each in beside.wait()] == [False]
    beside.give_up()


def test_a_compiler_that_fails_beside_the_tests_is_tried_again_and_only_that_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "install_meanwhile", lambda: subprocess.Popen([sys.executable, "-c", ""]))
    monkeypatch.setattr(
        check, "CHECKS", {"tests (Python)": "true", "compiling": "true", "tests (compiled)": "false"}
    )
    monkeypatch.setattr(check, "BESIDE", {check.EARLY: "false", "types (pyright)": "false"})
    monkeypatch.setattr(check, "AT_LAST", {"instructions": "true"})
    beside = check.Beside()
    assert [(each.name, each.passed) for each in check.run_all(beside)] == [
        ("browser and programs, at last", True),
        ("tests (Python)", True),
        ("types (pyright)", False),
        ("compiling", True),
        ("tests (compiled)", False),
        ("instructions", True),
    ]
    beside.give_up()


def test_what_cannot_be_compiled_is_not_run_by_two_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    monkeypatch.setattr(check, "install_meanwhile", lambda: subprocess.Popen([sys.executable, "-c", ""]))
    monkeypatch.setattr(
        check, "CHECKS", {"tests (Python)": "true", "compiling": "false", "tests (compiled)": f"touch {ran}"}
    )
    monkeypatch.setattr(check, "BESIDE", {})
    monkeypatch.setattr(check, "AT_LAST", {"instructions": f"touch {ran}"})
    beside = check.Beside()
    assert [(each.name, each.passed) for each in check.run_all(beside)] == [
        ("browser and programs, at last", True),
        ("tests (Python)", True),
        ("compiling", False),
        ("tests (compiled)", False),
        ("instructions", False),
    ]
    beside.give_up()
    assert not ran.exists()


def test_what_has_run_beside_checks_that_break_off_is_printed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def break_off(beside: check.Beside) -> list[check.Outcome]:
        beside.start({"first": "echo one"})
        wait(beside._running)
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run_all", break_off)
    for report in ("REPORTS", "PYTHON_REPORT", "JAVASCRIPT_REPORT"):
        monkeypatch.setattr(check, report, tmp_path / report)
    with pytest.raises(KeyboardInterrupt):
        check.main()
    assert capfd.readouterr().out == "\n=== first: echo one\none\n"
