"""What is a path and what is not: protocol.md, section "Packets"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.dispatch.paths import LONGEST_PATH, check_path
from cometary.errors import ProtocolError


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


@pytest.mark.parametrize("path", ["::", "::connect", ":::", "::é"])
def test_control_paths_are_the_servers_own(path: str) -> None:
    assert refusal(path) == "forbidden-path"
    assert refusal(path, from_client=False) is None


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
    elif from_client and path[:2] == "::":
        expected = "forbidden-path"
    assert refusal(path, from_client=from_client) == expected
