"""What a client of Socket.IO gives as `auth`: its token, and what it says of having been here before."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.gate.opening import NO_TOKEN
from cometary.transport.wires.socketio.auth import MOST_DIGITS, Returning, given_in, returning_of, token_of


@pytest.mark.parametrize(
    ("auth", "token"),
    [
        ({}, NO_TOKEN),
        ({"pid": "a.b", "offset": "1"}, NO_TOKEN),
        ({"token": None}, None),
        ({"token": "x", "pid": "a.b", "offset": "1"}, "x"),
        ({"token": "x", "name": "y"}, {"token": "x", "name": "y"}),
        ({"name": "y", "offset": "1"}, {"name": "y"}),
    ],
)
def test_the_token_is_all_that_is_given_or_what_is_called_so(auth: dict[str, Any], token: object) -> None:
    assert token_of(given_in(auth)) == token


@pytest.mark.parametrize("auth", [{"token": {"roles": ["reader"]}}, {"name": "ada", "roles": ["reader"]}])
def test_whoever_changes_the_token_leaves_what_is_given_as_it_was(auth: dict[str, Any]) -> None:
    given = given_in(auth)
    token = token_of(given)
    token["roles"].append("operator")
    token["name"] = "eve"
    assert given == auth
    assert "operator" not in str(auth)


@pytest.mark.parametrize("offset", ["0", "17", "9" * MOST_DIGITS])
def test_who_was_here_before_names_its_session_and_how_far_it_has_come(offset: str) -> None:
    pid = "sid.name.with.dots"
    assert returning_of({"pid": pid, "offset": offset}) == Returning(
        "sid", "name.with.dots", int(offset), pid
    )


def test_who_has_received_nothing_need_not_say_so() -> None:
    assert returning_of({"pid": "sid.name"}) == Returning("sid", "name", 0, "sid.name")


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"offset": "1"},
        {"pid": 1, "offset": "1"},
        {"pid": "sid.name", "offset": 1},
        {"pid": "sid", "offset": "1"},
        {"pid": "sid.name", "offset": ""},
        {"pid": "sid.name", "offset": "x"},
        {"pid": "sid.name", "offset": "-1"},
        {"pid": "sid.name", "offset": "\u0663"},
        {"pid": "sid.name", "offset": "1" * (MOST_DIGITS + 1)},
    ],
)
def test_what_is_no_such_word_is_that_of_one_who_is_new(auth: dict[str, Any]) -> None:
    assert returning_of(auth) is None
