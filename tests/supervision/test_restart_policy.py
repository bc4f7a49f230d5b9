"""Restart policy as pure functions of time: what is put up with, and how long is waited."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import (
    SpecError,
)
from cometary.supervision import (
    Backoff,
)
from cometary.supervision.options import Per
from cometary.supervision.restart_policy import Delays, RestartCounts, RestartLog

# -- intensity -------------------------------------------------------------------------


@given(st.integers(0, 5), st.floats(0.1, 10), st.lists(st.floats(0, 20), max_size=30).map(sorted))
def test_it_is_exceeded_when_more_restarts_than_allowed_lie_in_one_period(
    intensity: int, period: float, times: list[float]
) -> None:
    log = RestartLog(intensity, period)
    for number, time in enumerate(times):
        within = [earlier for earlier in times[: number + 1] if time - earlier <= period]
        assert log.allows(time) == (len(within) <= intensity)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=40))
def test_restarts_are_counted_together_or_for_each_child_and_forgotten_with_it(
    crashes: list[tuple[str, float]],
) -> None:
    together, apart = RestartCounts("supervisor", 3, 5), RestartCounts("child", 3, 5)
    logs = {name: RestartLog(3, 5) for name in "abc"}
    shared, now = RestartLog(3, 5), 0.0
    for name, pause in crashes:
        now += pause
        assert together.allows(name, now) == shared.allows(now)
        assert apart.allows(name, now) == logs[name].allows(now)
    for name in "abc":
        count = sum(each == name for each, _ in crashes)
        assert together.restarts(name) == apart.restarts(name) == count
        together.forget(name)
        apart.forget(name)
        assert together.restarts(name) == apart.restarts(name) == 0
        assert apart.allows(name, now)


@pytest.mark.parametrize(("per", "intensity"), [("supervisor", 1), ("child", 3)])
def test_without_an_intensity_there_is_one_that_suits_who_is_counted(per: Per, intensity: int) -> None:
    counts = RestartCounts(per, None, 5)
    assert [counts.allows("a", 0) for _ in range(intensity + 1)] == [True] * intensity + [False]


# -- back-off --------------------------------------------------------------------------


@given(st.floats(0.01, 5), st.floats(1, 50), st.floats(0, 1), st.integers(0, 10_000))
def test_a_back_off_stays_between_its_bounds(least: float, factor: float, jitter: float, streak: int) -> None:
    backoff = Backoff(least, least * factor, jitter)
    assert least <= backoff.delay(streak) <= least * factor * (1 + jitter) * 1.000001


def test_a_back_off_without_jitter_never_shrinks() -> None:
    backoff = Backoff(1, 30, 0)
    assert all(first <= second for first, second in pairwise(map(backoff.delay, range(100))))
    with pytest.raises(SpecError, match="backoff min must be above 0 seconds"):
        Backoff(0, 1)
    with pytest.raises(SpecError, match=r"backoff max must be 1 or more seconds"):
        Backoff(1, 0.5)
    with pytest.raises(SpecError, match="jitter"):
        Backoff(1, 2, jitter=2)


@given(st.lists(st.floats(0, 30), max_size=20))
def test_each_child_has_a_streak_of_its_own(pauses: list[float]) -> None:
    delays, now = Delays(Backoff(1, 8, 0)), 0.0
    for pause in pauses:
        assert delays.before_restart("the other", now) <= 8
        now += pause
    assert delays.before_restart("first", now) == 1
    assert delays.before_restart("first", now + 1) == 2
    delays.forget("first")
    assert delays.before_restart("first", now + 2) == 1


def test_a_child_begins_anew_once_it_has_run_for_the_longest_wait_and_not_before() -> None:
    delays = Delays(Backoff(1, 5, 0))
    assert delays.before_restart("child", 0) == 1  # it starts at 1
    assert delays.before_restart("child", 1 + 4.9) == 2  # and at 7.9
    assert delays.before_restart("child", 7.9 + 5) == 1
