from __future__ import annotations

import json

import pytest

from benchmarks.growth import report
from benchmarks.growth.question import Question, table_of_curves
from benchmarks.harness.target import Target, table_of


def question(**curves: dict[float, list[float]]) -> Question:
    return Question("delivery", "A delivery, by sessions", "sessions", "µs a delivery", curves=curves)


def test_a_curve_grows_by_its_highest_ratio_to_where_it_begins() -> None:
    asked = question(unicast={100: [10.0], 1_000: [14.0], 15_000: [12.0]})
    assert asked.growth("unicast") == pytest.approx(1.4)


def test_growth_is_a_ratio_inside_each_round() -> None:
    """A machine that was twice as slow in one round was so for both sides."""
    asked = question(echo={100: [10.0, 20.0, 10.0], 15_000: [12.0, 24.0, 12.0]})
    assert asked.growth("echo") == pytest.approx(1.2)


def test_a_curve_that_falls_has_not_grown() -> None:
    growth = question(broadcast={1: [44.0], 10: [7.0]}).growth("broadcast")
    assert growth is not None
    assert growth < 1


@pytest.mark.parametrize("curves", [{}, {"echo": {100: [1.0]}}, {"echo": {100: [], 1_000: [1.0]}}])
def test_what_cannot_be_compared_has_no_growth(curves: dict[str, dict[float, list[float]]]) -> None:
    assert question(**curves).growth("echo") is None


def test_a_table_has_a_row_for_each_curve_and_says_what_was_not_measured() -> None:
    text = table_of_curves(question(a={100: [1.0, 2.0, 3.0], 15_000: [4.0]}, b={100: [5.0]}))
    assert text.splitlines() == [
        "| µs a delivery, by sessions | 100 | 15,000 |",
        "| --- | --- | --- |",
        "| a | 2.0 (1.0–3.0) | 4.0 |",
        "| b | 5.0 | – |",
    ]


@pytest.mark.parametrize(("sign", "met"), [("≤", (True, True, False)), ("≥", (False, True, True))])
def test_a_target_is_a_limit_from_above_or_from_below(sign: str, met: tuple[bool, ...]) -> None:
    assert tuple(Target("one", 2, value, sign).met for value in (1, 2, 3)) == met
    assert Target("one", 2, None, sign).met is None


def test_the_report_begins_with_all_that_was_promised_and_names_what_is_missing() -> None:
    asked = question(echo={100: [1.0], 15_000: [2.0]})
    asked.targets = [Target("growth", 1.3, 2.0), Target("a second", 8_000, 9_000, "≥")]
    asked.missing = {"15,000 sessions": "20,000 open files are needed"}

    text = report.report([asked], {"cores": 2})

    assert table_of(asked.targets) in text
    assert "| growth | ≤ 1.3 | 2.00 | **missed** |\n| a second | ≥ 8,000 | 9,000.00 | met |" in text
    assert "- not measured: 15,000 sessions: 20,000 open files are needed" in text


def test_what_is_saved_is_all_that_plots_are_made_of() -> None:
    asked = question(echo={15_000: [2.0, 3.0], 100: [1.0]})
    asked.targets = [Target("growth", 1.3, 2.0)]

    [saved] = json.loads(json.dumps(report.data([asked], {})))["questions"]

    assert saved["curves"] == {"echo": [{"x": 100, "rounds": [1.0]}, {"x": 15_000, "rounds": [2.0, 3.0]}]}
    assert saved["targets"][0]["met"] is False
