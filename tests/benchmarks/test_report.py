from __future__ import annotations

from benchmarks.harness import report
from benchmarks.harness.markdown import figure, table
from benchmarks.harness.rounds import Outcome
from benchmarks.harness.server import filled
from benchmarks.harness.servers import BY_NAME, DEFAULT, SERVERS, SUBJECT
from benchmarks.harness.spread import Spread


def test_a_peer_that_could_not_be_set_up_is_shown_with_the_reason() -> None:
    outcome = Outcome(missing={"nginx-nchan": "nginx is not installed"})

    text = report.comparison(outcome, [SUBJECT, "nginx-nchan"], [1_000], {})

    assert "| nginx-nchan | not available (nginx is not installed) |" in text


def test_all_rows_of_a_table_have_the_width_of_its_head() -> None:
    outcome = Outcome(missing={"floor.c": "no compiler"})

    text = report.comparison(outcome, [SUBJECT, "floor.c"], [1_000], {})
    rows = [line for line in text.split("## 1,000 sessions")[1].split("\n\n")[2].splitlines() if line]

    assert len({row.count("|") for row in rows}) == 1


def test_a_single_round_has_no_range() -> None:
    assert figure(Spread(1.25, 1.25, 1.25, 1), 2) == "1.25"
    assert figure(Spread(1.25, 1.0, 1.5, 3), 2) == "1.25 (1.00–1.50)"
    assert figure(None) == "–"


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_only_the_placeholders_given_are_filled_in() -> None:
    template = ("{port}", '{"path":"echo","message":"%p"}')

    assert filled(template, {"port": "8080"}) == ["8080", '{"path":"echo","message":"%p"}']


def test_no_two_servers_share_a_name() -> None:
    assert len(BY_NAME) == len(SERVERS)
    assert set(DEFAULT) <= set(BY_NAME)
