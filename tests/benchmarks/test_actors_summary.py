from __future__ import annotations

import pytest

from benchmarks.actors import report
from benchmarks.actors.contestants import CONTESTANTS, ERLANG, PYKKA, SUBJECT
from benchmarks.actors.summary import GROWTHS, ROWS, Growth, Summary
from benchmarks.actors.trials import (
    ASK,
    FAN_OUT,
    LARGE_RING,
    MANY_TOKENS,
    POPULATION,
    RESTART,
    TRIALS,
    Finding,
    Outcome,
    Trial,
)
from benchmarks.harness.target import Target

BY_NAME = {each.name: each for each in CONTESTANTS}


def taking(contestant: str, trial: Trial, *us: float) -> list[Finding]:
    return [
        Finding(contestant, trial.name, number, {"wall_us": each, "cpu_us": each, "actor_kb": each})
        for number, each in enumerate(us, 1)
    ]


def target(findings: list[Finding], name: str) -> Target:
    return next(each for each in Summary(findings).targets() if each.name == name)


def test_messages_a_second_are_the_inverse_of_what_one_takes() -> None:
    spread = Summary(taking(SUBJECT, FAN_OUT, 0.5, 2.0, 1.0)).per_second(SUBJECT, FAN_OUT)

    assert spread is not None
    assert (spread.low, spread.median, spread.high) == (500.0, 1000.0, 2000.0)


def test_an_advantage_is_taken_inside_each_round() -> None:
    row = next(row for row in ROWS if row.trial is ASK)
    findings = [*taking(SUBJECT, ASK, 10.0, 20.0), *taking(PYKKA, ASK, 50.0, 100.0)]

    spread = Summary(findings).advantage(row, PYKKA)

    assert spread is not None
    assert (spread.low, spread.high) == (5.0, 5.0)


def test_what_was_too_little_to_be_measured_has_no_ratio() -> None:
    findings = [*taking(SUBJECT, MANY_TOKENS, 0.0), *taking(SUBJECT, LARGE_RING, 1.0)]

    assert Summary(findings).growth(SUBJECT, GROWTHS[1]) is None


@pytest.mark.parametrize(("pykka", "met"), [(50.0, True), (49.0, False)])
def test_pykka_has_to_take_five_times_as_much(pykka: float, met: bool) -> None:
    findings = [*taking(SUBJECT, ASK, 10.0), *taking(PYKKA, ASK, pykka)]

    assert target(findings, "ask and be answered: times pykka").met is met


@pytest.mark.parametrize(("erlang", "met"), [(1.0, True), (0.9, False)])
def test_a_message_of_a_fan_out_may_take_twice_what_it_takes_erlang(erlang: float, met: bool) -> None:
    findings = [*taking(SUBJECT, FAN_OUT, 2.0), *taking(ERLANG, FAN_OUT, erlang)]

    assert target(findings, "fan-out to 10,000: cometary ÷ erlang").met is met


@pytest.mark.parametrize("growth", GROWTHS)
@pytest.mark.parametrize(("large", "met"), [(1.3, True), (1.31, False)])
def test_a_message_may_not_take_longer_where_there_are_more_actors(
    growth: Growth, large: float, met: bool
) -> None:
    findings = [*taking(SUBJECT, growth.few, 1.0), *taking(SUBJECT, growth.many, large)]

    assert target(findings, f"a message, 100,000 actors ÷ 1,000, {growth.name}").met is met


def test_the_best_of_the_others_in_python_is_the_one_to_beat() -> None:
    findings = [*taking(SUBJECT, ASK, 10.0), *taking("trio", ASK, 9.0), *taking("triotp", ASK, 90.0)]
    name = "ask and be answered: times the best of trio and triotp"

    assert target(findings, name).met is False


def test_a_target_is_not_missed_that_was_not_measured() -> None:
    assert {each.met for each in Summary([]).targets()} == {None}


def test_a_quick_run_has_at_least_one_actor_and_one_message() -> None:
    for trial in TRIALS:
        for each in CONTESTANTS:
            sizes = [size for size in trial.arguments_for(each, quick=True) if isinstance(size, int)]
            assert min(sizes) >= 1


def test_threads_take_part_with_as_many_as_there_can_be() -> None:
    assert POPULATION.actors_of(BY_NAME[PYKKA]) == 2_000
    assert POPULATION.actors_of(BY_NAME[SUBJECT]) == 100_000
    assert RESTART.actors_of(BY_NAME[PYKKA]) == 10_000


def test_a_figure_of_fewer_actors_says_so() -> None:
    text = report.comparison(Outcome(findings=taking(PYKKA, POPULATION, 90.0)), CONTESTANTS, {})

    assert "90.0, one of 2,000" in text


def test_what_was_not_measured_is_explained() -> None:
    outcome = Outcome(missing={ERLANG: "erl is not installed"}, failed={("triotp", ASK.name): "it was slow"})

    text = report.comparison(outcome, CONTESTANTS, {})

    assert "- erlang: not available (erl is not installed)" in text
    assert "- triotp, ask: failed (it was slow)" in text
    assert "- trio, restart: it has no supervisor" in text


def test_all_rows_of_a_table_have_the_width_of_its_head() -> None:
    text = report.comparison(Outcome(findings=taking(SUBJECT, ASK, 1.0)), CONTESTANTS, {})

    for part in text.split("\n\n"):
        if part.startswith("|"):
            assert len({line.count("|") for line in part.splitlines()}) == 1
