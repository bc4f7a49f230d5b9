"""What the runner of socket.io-client's tests makes of their reports: a run of hardly any test is no success."""

from __future__ import annotations

from typing import Any

import pytest

from tests.socketio_suite.__main__ import KNOWN, LEAST, Report

(FAILS,) = KNOWN
"""The test that is known to fail."""


def told(passes: list[str], failures: list[str]) -> dict[str, Any]:
    """What mocha reports."""
    return {
        "passes": [{"fullTitle": title} for title in passes],
        "failures": [{"fullTitle": title, "err": {"message": "oops"}} for title in failures],
        "pending": [],
    }


@pytest.mark.parametrize(
    ("passes", "failures", "faults"),
    [
        (LEAST - 1, [FAILS], []),
        (LEAST, [], []),
        (LEAST - 1, [], [f"only {LEAST - 1} tests have run, not {LEAST}"]),
        (LEAST, [FAILS, "another"], ["another: oops"]),
    ],
    ids=["one is known to fail", "all pass", "hardly any has run", "one fails"],
)
def test_enough_tests_have_to_run_and_to_pass(passes: int, failures: list[str], faults: list[str]) -> None:
    report = Report()
    report.add(told([str(number) for number in range(passes)], failures))
    assert report.faults(LEAST) == faults


def test_one_that_passes_when_it_is_run_again_has_passed() -> None:
    report = Report()
    report.add(told(["one"], ["another"]))
    report.add(told(["another"], []))
    assert report.faults(2) == []


def test_one_that_passes_though_it_is_known_to_fail_is_known_no_more() -> None:
    report = Report()
    report.add(told([FAILS], []))
    assert report.faults(1) == [f"{FAILS}: passes, though it is known to fail"]
