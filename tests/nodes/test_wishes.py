"""What a node wants, and since when."""

from __future__ import annotations

from cometary.nodes.wishes import LINGER, Wishes


def test_a_pattern_is_wanted_since_its_first_subscriber_came_and_for_a_while_after_the_last_has_gone() -> (
    None
):
    wishes = Wishes()
    assert wishes.note("p", 1.0, wanted=True)
    assert (wishes.since("p"), wishes.since("q")) == (1.0, None)
    assert not wishes.note("p", 2.0, wanted=False)
    assert wishes.take_lapsed(2.0 + LINGER - 1) == []
    assert not wishes.note("p", 3.0, wanted=True), "it was wanted all the time"
    assert wishes.take_lapsed(3.0 + 2 * LINGER) == []
    wishes.note("p", 4.0, wanted=False)
    assert wishes.take_lapsed(4.0 + LINGER) == ["p"]
    assert wishes.since("p") is None
    assert wishes.note("p", 50.0, wanted=True)


def test_a_path_is_wanted_by_patterns_with_stars_too() -> None:
    wishes = Wishes()
    wishes.note("a/*", 2.0, wanted=True)
    wishes.note("a/b", 1.0, wanted=True)
    wishes.note("**", 3.0, wanted=True)
    assert [wishes.since(path) for path in ("a/b", "a/c", "x")] == [1.0, 2.0, 3.0]
    wishes.note("**", 4.0, wanted=False)
    wishes.note("a/*", 4.0, wanted=False)
    assert wishes.take_lapsed(4.0 + LINGER) == ["**", "a/*"]
    assert [wishes.since(path) for path in ("a/b", "a/c", "x")] == [1.0, None, None]
    assert [*wishes] == ["a/b"]
