"""What is a path and what is not: protocol.md, section "Packets"."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError, UsageError
from cometary.packets.paths import FROM_CLIENTS, LONGEST_PATH, check_own_path, check_path


def refusal(path: str, *, from_client: bool = True) -> str | None:
    """The condition with which `path` is refused; None when it is accepted."""
    try:
        check_path(path, from_client=from_client)
    except ProtocolError as error:
        return error.condition
    return None


@pytest.mark.parametrize(
    "path",
    [
        "tasks",
        "/tasks",
        "tasks/",
        "a//b",
        "/",
        "jobs/7",
        "a b",
        ":",
        ":a",
        "a::b",
        "a/::b",
        "*",
        "chat/*",
        "~",
        "日本/é",
        "😀",
    ],
)
def test_a_path_is_opaque_text(path: str) -> None:
    assert refusal(path) is None


@pytest.mark.parametrize(
    "character", ["\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x80", "\x9f", "\ud800", chr(0xDFFF)]
)
def test_control_characters_and_surrogates_are_refused_wherever_they_are(character: str) -> None:
    for path in (character, f"{character}a", f"a{character}", f"é/{character}/b"):
        assert refusal(path) == "bad-request"
        assert refusal(path, from_client=False) == "bad-request"


def test_the_empty_path_is_refused() -> None:
    assert refusal("") == "bad-request"


@pytest.mark.parametrize("character", ["a", "é", "日", "😀"])
def test_length_is_counted_in_bytes(character: str) -> None:
    fitting = LONGEST_PATH // len(character.encode())
    assert refusal(character * fitting) is None or LONGEST_PATH % len(character.encode())
    assert refusal("a" * (LONGEST_PATH - len(character.encode())) + character) is None
    assert refusal("a" * (LONGEST_PATH - len(character.encode()) + 1) + character) == "bad-request"


@pytest.mark.parametrize("path", ["::", "::token", "::connect/a", ":::", "::é"])
def test_control_paths_are_the_servers_own(path: str) -> None:
    assert refusal(path) == "forbidden-path"
    assert refusal(path, from_client=False) is None


@pytest.mark.parametrize("path", sorted(FROM_CLIENTS))
def test_but_for_those_by_which_a_client_asks_the_server(path: str) -> None:
    assert refusal(path) is None


@pytest.mark.parametrize("path", ["::", "::token", "news"])
def test_code_on_the_servers_side_may_name_control_paths(path: str) -> None:
    check_own_path(path)


@pytest.mark.parametrize("path", ["", "a\n", 1025 * "a", 7])
def test_what_is_no_path_is_the_fault_of_the_code_that_names_it(path: Any) -> None:
    with pytest.raises(UsageError, match="path"):
        check_own_path(path)


def test_the_longest_path_is_refused_for_its_characters_not_for_its_length() -> None:
    with pytest.raises(ProtocolError, match="control characters"):
        check_path("a" * (LONGEST_PATH - 1) + "\n", from_client=True)


def test_a_refusal_never_repeats_the_path() -> None:
    with pytest.raises(ProtocolError) as caught:
        check_path("secret\n" * 1000, from_client=True)
    assert "secret" not in caught.value.detail


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.booleans())
def test_the_quick_check_agrees_with_the_rules_one_by_one(path: str, from_client: bool) -> None:
    control = any(ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F for character in path)
    expected = None
    if not path or len(path.encode()) > LONGEST_PATH or control:
        expected = "bad-request"
    elif from_client and path[:2] == "::" and path not in FROM_CLIENTS:
        expected = "forbidden-path"
    assert refusal(path, from_client=from_client) == expected
