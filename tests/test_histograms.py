"""Histograms, and which of many are measured."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from cometary.histograms import LATENCIES, Histogram
from cometary.sampling import EVERY, FEW, Sampler


@given(st.lists(st.floats(0, 100)))
def test_each_bound_counts_what_is_not_above_it(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    assert histogram.cumulative() == [
        (bound, sum(value <= bound for value in values)) for bound in (*LATENCIES, inf)
    ]
    assert histogram.count == len(values)
    assert histogram.sum == sum(values)


def test_of_a_quiet_server_each_is_measured_and_of_a_busy_one_few() -> None:
    sampler = Sampler()
    assert [sampler.take() for _ in range(FEW)] == [True] * FEW
    more = [sampler.take() for _ in range(10 * EVERY)]
    assert sum(more) == 10
    sampler.was_read()
    assert [sampler.take() for _ in range(FEW)] == [True] * FEW
