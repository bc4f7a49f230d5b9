"""What `make test` says at the end: a check that has checked nothing has failed."""

from __future__ import annotations

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
