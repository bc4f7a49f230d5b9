"""The page on the suites of OTP and Elixir names tests that there are, and leaves no case without a word."""

from __future__ import annotations

import re

from tests.servers import ROOT

PAGE = (ROOT / "docs/explanation/otp-suites.md").read_text()
TESTS = sorted(set(re.findall(r"`([\w/]+)/(\w+)::(\w+)`", PAGE)))
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| case |", "| --- |"))
]


def test_there_are_rows() -> None:
    assert len(ROWS) > 200
    assert len(TESTS) > 200


def test_each_test_is_there() -> None:
    missing = [
        (folder, module, name)
        for folder, module, name in TESTS
        if f"def test_{name}(" not in (ROOT / "tests" / folder / f"test_{module}.py").read_text()
    ]
    assert missing == []


def test_each_case_has_a_test_or_a_decision() -> None:
    undecided = [row for row in ROWS if not re.search(r"::\w+`|\*\*(differs|none)\*\*: \S", row)]
    assert undecided == []
