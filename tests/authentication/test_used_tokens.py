"""Tokens that are good once: what is remembered, for how long, and how many of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.authentication.used_tokens import UsedTokens
from cometary.errors import ProtocolError


@given(st.lists(st.tuples(st.sampled_from("abc\ud800"), st.integers(1, 20), st.integers(0, 5)), max_size=30))
def test_a_token_is_taken_once_until_it_expires(uses: list[tuple[str, int, int]]) -> None:
    used, now, ends = UsedTokens(), 0.0, dict[str, float]()
    for jti, lifetime, later in uses:
        now += later
        if ends.get(jti, 0) > now:
            assert not used.take(jti, now + lifetime, now)
        elif jti not in ends:
            assert used.take(jti, now + lifetime, now)
            ends[jti] = now + lifetime


def test_none_is_forgotten_early_however_many_there_are() -> None:
    used = UsedTokens(most=2)
    assert used.take("a", 10, 0)
    assert used.take("b", 20, 0)
    with pytest.raises(ProtocolError, match="too many tokens"):
        used.take("c", 30, 9)
    assert not used.take("a", 10, 9)
    assert used.take("c", 30, 10)
    assert not used.take("b", 20, 19)
    assert len(used._known) == len(used._ends) == 2


def test_with_each_new_one_two_that_have_expired_are_forgotten_at_most() -> None:
    used = UsedTokens()
    for jti in "abcd":
        used.take(jti, 10, 0)
    used.take("e", 20, 10)
    assert len(used._known) == len(used._ends) == 3
