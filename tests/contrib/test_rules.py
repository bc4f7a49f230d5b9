"""Who may hear what."""

from __future__ import annotations

import pytest

from cometary.contrib.rules import Rules
from cometary.errors import PatternError


def test_what_no_rule_permits_is_refused() -> None:
    rules: Rules[str] = Rules(bool)
    assert not rules.may_hear("ada", "news")
    rules.authorize("users/*")(lambda who, path: path == f"users/{who}")
    assert rules.may_hear("ada", "users/ada")
    assert not rules.may_hear("ada", "users/grace")
    assert not rules.may_hear("ada", "news")


def test_of_several_rules_the_first_one_holds() -> None:
    rules: Rules[str] = Rules(bool)
    rules.authorize("users/ada")(lambda who, _: who == "ada")
    rules.authorize("users/*")(lambda who, _: who == "root")
    assert rules.may_hear("root", "users/grace")
    assert not rules.may_hear("root", "users/ada")
    assert rules.may_hear("ada", "users/ada")


def test_who_has_not_logged_in_is_asked_about_only_where_a_rule_says_so() -> None:
    rules: Rules[str] = Rules(bool)
    rules.authorize("news", anonymous=True)(lambda _, __: True)
    rules.authorize("**")(lambda _, __: True)
    assert rules.may_hear("", "news")
    assert not rules.may_hear("", "users/ada")
    assert rules.may_hear("ada", "users/ada")


@pytest.mark.parametrize("path", ["", "*", "users/*", "a*", "::connect", "a\nb", "\ud800", "x" * 1025])
def test_only_a_path_can_be_permitted(path: str) -> None:
    rules: Rules[None] = Rules(lambda _: True)
    rules.authorize("**")(lambda _, __: True)
    assert not rules.may_hear(None, path)


def test_only_true_permits() -> None:
    rules: Rules[None] = Rules(lambda _: True)

    @rules.authorize("news")
    async def awaited_by_nobody(_: None, __: str) -> bool:
        return True

    rules.authorize("old/news")(lambda _, __: 1)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        assert not rules.may_hear(None, "news")
    assert not rules.may_hear(None, "old/news")


def test_a_pattern_that_is_not_one_is_refused_where_it_stands() -> None:
    with pytest.raises(PatternError):
        Rules[None](bool).authorize("**/a")
