"""The numbers in the terms of packets and paths: times to live, and what is kept of a path."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from cometary.errors import UsageError
from cometary.packets.keeping import DEFAULT_BYTES, DEFAULT_SECONDS, Keeping, make_keeping
from cometary.packets.terms import check_count, check_ttl


@pytest.mark.parametrize("ttl", [1e-9, 0.5, 1, inf])
def test_any_time_above_nothing_is_a_time_to_live(ttl: float) -> None:
    assert check_ttl(ttl) == ttl


@pytest.mark.parametrize("ttl", [0, -1, -inf, nan, True, "5", None])
def test_anything_else_is_none(ttl: Any) -> None:
    with pytest.raises(UsageError, match="a time to live is a number of seconds above 0"):
        check_ttl(ttl)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "5", None])
def test_a_count_is_a_whole_number_from_one_on(count: Any) -> None:
    assert check_count("history", 1) == 1
    with pytest.raises(UsageError, match="history is a whole number from 1 on"):
        check_count("history", count)


def test_of_a_path_with_a_history_so_many_packets_are_kept_for_so_long_and_so_many_bytes() -> None:
    assert make_keeping(None) is None
    assert make_keeping(3) == Keeping(3, DEFAULT_SECONDS, DEFAULT_BYTES) == Keeping(3)
    assert make_keeping(3, 0.5) == Keeping(3, 0.5)
    assert make_keeping(3, None, 10) == Keeping(3, DEFAULT_SECONDS, 10)
    assert make_keeping(3, 0.5, 10) == Keeping(3, 0.5, 10)


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ((None, 5), "say how many packets"),
        ((None, None, 5), "say how many packets"),
        ((0,), "history is a whole number"),
        ((1, 0), "a time to live"),
        ((1, None, 0), "history_bytes is a whole number"),
    ],
)
def test_terms_of_a_history_that_make_no_sense_are_the_callers(
    terms: tuple[Any, ...], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_keeping(*terms)
