"""Positions in what is kept of a path, as text and back, and what a session asks to be given of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import UsageError
from cometary.packets.position import (
    LONGEST,
    MOST_DIGITS,
    NOTHING,
    Position,
    Replay,
    read_position,
    read_replay,
)


@given(st.text(min_size=1, max_size=LONGEST - MOST_DIGITS - 1), st.integers(0, 10**MOST_DIGITS - 1))
def test_a_position_is_read_as_it_was_written(epoch: str, offset: int) -> None:
    assert read_position(str(Position(epoch, offset))) == (epoch, offset)


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "-1", "a", "a-", "a-x", "a-1.5", "a--", "a-1 ", "a-²", "a-\N{ARABIC-INDIC DIGIT ONE}"),
        *("a-" + "1" * (MOST_DIGITS + 1), "a" * (LONGEST - 1) + "-1"),
        *(7, None, b"a-1", ["a-1"]),
    ],
)
def test_what_nobody_has_given_is_no_position(text: Any) -> None:
    with pytest.raises(UsageError, match="a position is a text"):
        read_position(text)


def test_the_longest_position_is_one() -> None:
    assert read_position("a" * (LONGEST - 2) + "-1").offset == 1
    assert read_position("a-" + "9" * MOST_DIGITS).offset == 10**MOST_DIGITS - 1


@given(st.integers(0, 5), st.none() | st.dictionaries(st.sampled_from(["a", "b/c", "::d"]), st.just("e-1")))
def test_a_replay_is_the_latest_of_each_path_or_all_behind_a_position(
    last: int, since: dict[str, str] | None
) -> None:
    read = read_replay(last, since)
    assert read == Replay(last, {path: Position("e", 1) for path in since or {}})
    assert (read is NOTHING) == (last == 0 and since is None)


def test_who_asks_for_nothing_gets_nothing() -> None:
    assert read_replay() is NOTHING
    assert Replay(last=0, since={}) == NOTHING
    assert Replay() == (0, {})


@pytest.mark.parametrize(
    ("last", "since"),
    [
        *((-1, None), (True, None), (1.5, None), ("1", None), (None, None)),
        *((0, ["a"]), (0, "a"), (0, 7), (0, {"a": "no position"}), (0, {"": "e-1"}), (0, {7: "e-1"})),
    ],
)
def test_a_replay_of_anything_else_is_the_callers_fault(last: Any, since: Any) -> None:
    with pytest.raises(UsageError):
        read_replay(last, since)
