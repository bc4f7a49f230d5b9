"""What a pattern covers; the vectors are shared with the JavaScript client."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import PatternError
from cometary.packets.paths import LONGEST_PATH
from cometary.packets.patterns import MOST_LISTED, MOST_STARRED, NO_GRANTS, Grants, Pattern, are_patterns

VECTORS = json.loads(Path(__file__).with_name("pattern_vectors.json").read_text(encoding="utf-8"))
segments = st.sampled_from(["", "a", "b", "*", "é"])
paths = st.lists(segments, min_size=1, max_size=4).map("/".join).filter(bool)


@pytest.mark.parametrize(("pattern", "path"), VECTORS["covers"])
def test_pattern_covers(pattern: str, path: str) -> None:
    assert Pattern.compile(pattern).matches(path)


@pytest.mark.parametrize(("pattern", "path"), VECTORS["does not cover"])
def test_pattern_does_not_cover(pattern: str, path: str) -> None:
    assert not Pattern.compile(pattern).matches(path)


@pytest.mark.parametrize("text", VECTORS["is no pattern"])
def test_what_could_never_match_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        Pattern.compile(text)


def test_a_refusal_says_which_star_is_in_the_wrong_place() -> None:
    with pytest.raises(PatternError, match="only be its last segment"):
        Pattern.compile("a/**/b")
    with pytest.raises(PatternError, match="must be a whole segment"):
        Pattern.compile("a*")


def test_a_pattern_may_be_a_control_path() -> None:
    assert Pattern.compile("::sys/*").matches("::sys/actors")


def test_a_pattern_is_no_longer_than_a_path() -> None:
    with pytest.raises(PatternError, match="1024 bytes") as caught:
        Pattern.compile("a" * (LONGEST_PATH + 1))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "exact"), [("a/b", True), ("a/*", False), ("**", False), ("*/b", False), ("/", True)]
)
def test_exact_means_without_stars(text: str, exact: bool) -> None:
    assert Pattern.compile(text).exact is exact


@given(paths)
def test_without_stars_a_pattern_covers_itself_alone(path: str) -> None:
    if "*" not in path.split("/"):
        pattern = Pattern.compile(path)
        assert pattern.exact
        assert pattern.matches(path)
        assert not pattern.matches(path + "/")


@given(paths)
def test_two_stars_cover_just_what_some_number_of_single_stars_cover(path: str) -> None:
    singles = [Pattern.compile("/".join(["a", *"*" * depth])) for depth in range(1, 5)]
    assert Pattern.compile("a/**").matches(path) == any(single.matches(path) for single in singles)


SEGMENTS = st.lists(st.sampled_from(["a", "b", "*"]), max_size=3)


@given(SEGMENTS, st.booleans(), SEGMENTS, st.booleans())
def test_a_pattern_includes_another_if_it_covers_all_that_that_covers(
    ours: list[str], deep: bool, theirs: list[str], other_deep: bool
) -> None:
    """What a star stands for is tried with a segment that no pattern names, and a tail with one and with two."""
    ours, theirs = ours + ["**"] * deep or ["a"], theirs + ["**"] * other_deep or ["a"]
    text = "/".join(theirs).replace("*", "?")
    covered = [text.replace("??", tail).replace("?", "x") for tail in ("x", "x/x")]
    pattern, other = Pattern.compile("/".join(ours)), Pattern.compile("/".join(theirs))
    assert all(map(other.matches, covered))
    assert pattern.includes(other) == all(map(pattern.matches, covered))


UNIVERSE = ["/".join(each) for length in range(1, 6) for each in product("abx", repeat=length)]
"""A star can stand for what no pattern names; a tail is one segment longer than all heads at most."""


@given(SEGMENTS, st.booleans(), SEGMENTS, st.booleans())
def test_patterns_meet_where_there_is_a_path_that_both_cover(
    ours: list[str], deep: bool, theirs: list[str], other_deep: bool
) -> None:
    pattern = Pattern.compile("/".join(ours + ["**"] * deep or ["a"]))
    other = Pattern.compile("/".join(theirs + ["**"] * other_deep or ["a"]))
    meet = any(pattern.matches(path) and other.matches(path) for path in UNIVERSE)
    assert pattern.meets(other) == other.meets(pattern) == meet


@pytest.mark.parametrize(
    "value",
    [
        [],
        ["a", "b/*", "**"],
        ("a",),
        ["a"] * MOST_LISTED,
        ["a/*"] * MOST_STARRED + ["a"] * (MOST_LISTED - MOST_STARRED),
    ],
    ids=lambda value: str(len(value)),
)
def test_a_short_list_of_paths_and_patterns_is_one(value: object) -> None:
    assert are_patterns(value)


@pytest.mark.parametrize(
    "value",
    [
        *("a", {"a": "b"}, None, ["a", 7], ["a", "b*"], [""], [[]]),
        ["a"] * (MOST_LISTED + 1),
        ["a/*"] * (MOST_STARRED + 1),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_list_that_is_long_or_holds_anything_else_is_none(value: Any) -> None:
    assert not are_patterns(value)


@given(
    st.lists(st.sampled_from(["a", "a/b", "a/*", "*", "b/**"])),
    st.sampled_from(["a", "b", "a/b", "a/*", "b/*/c", "b/**", "**"]),
)
def test_what_is_granted_is_what_one_of_the_grants_includes(texts: list[str], wish: str) -> None:
    grants, pattern = Grants(texts), Pattern.compile(wish)
    assert grants.texts == texts
    assert bool(grants) == bool(texts)
    assert grants.cover(pattern) == any(Pattern.compile(text).includes(pattern) for text in texts)
    assert not NO_GRANTS.cover(pattern)
