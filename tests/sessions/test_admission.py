"""Verdicts, and how long they let somebody in."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.errors import ProtocolError, UsageError
from cometary.sessions import Admission
from cometary.sessions.admission import LONGEST, Applicant, admission_of, is_seconds, user_of


@pytest.mark.parametrize("expires", [None, 1, 0.5, 10**12])
def test_seconds_are_taken(expires: float | None) -> None:
    assert admission_of(Admission({}, expires)).expires == expires


@pytest.mark.parametrize(
    "expires", [float("nan"), float("inf"), -float("inf"), 10**400, 1e300, "10", True, [1]]
)
def test_what_is_not_seconds_is_the_authenticators_mistake(expires: Any) -> None:
    with pytest.raises(UsageError, match="seconds"):
        Admission({}, expires)


@pytest.mark.parametrize("expires", [0, -1, -0.001])
def test_who_is_let_in_for_no_time_is_not_let_in(expires: float) -> None:
    with pytest.raises(ProtocolError, match="expired") as refusal:
        admission_of(Admission({}, expires))
    assert refusal.value.condition == "unauthorized"


def test_the_least_and_the_most_that_clocks_can_be_added_to_are_seconds() -> None:
    assert [is_seconds(each * LONGEST) for each in (-2, -1, 1, 2)] == [False, True, True, False]


@pytest.mark.parametrize("verdict", [{"user": "ada"}, {}])
def test_a_mapping_is_the_data_of_whoever_is_let_in(verdict: dict[str, object]) -> None:
    assert admission_of(verdict) == Admission(verdict)


@pytest.mark.parametrize("verdict", [False, None])
def test_who_is_not_let_in_is_told_so(verdict: Any) -> None:
    with pytest.raises(ProtocolError, match="does not accept") as refusal:
        admission_of(verdict)
    assert refusal.value.condition == "unauthorized"


@pytest.mark.parametrize("verdict", [1, "yes", object(), (each for each in "abc"), ["user"]])
def test_what_happens_to_be_true_lets_nobody_in(verdict: Any) -> None:
    with pytest.raises(UsageError, match="returns True, False, a mapping or an Admission"):
        admission_of(verdict)


@pytest.mark.parametrize("paths", ["a", ["a*"], [7], [""], 7])
def test_paths_that_are_none_are_the_authenticators_mistake(paths: Any) -> None:
    with pytest.raises(UsageError, match="paths are a list of paths and patterns"):
        Admission({}, None, paths)


@pytest.mark.parametrize(
    ("data", "user"), [({}, None), ({"user": "ada"}, "ada"), ({"user": 7}, 7), ({"user": ["ada"]}, None)]
)
def test_a_user_is_text_or_a_number(data: dict[str, Any], user: object) -> None:
    assert user_of(data) == user


def test_an_applicant_keeps_its_token_to_itself_when_it_is_shown() -> None:
    assert repr(Applicant("secret", "192.0.2.1")) == "<Applicant from 192.0.2.1>"
