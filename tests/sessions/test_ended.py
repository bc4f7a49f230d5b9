"""What is remembered of sessions that have ended: all of it, small, and found without unpacking it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from cometary.sessions.ended import SLICE, EndedSessions, Entry


def described(name: str = "5fab618919", **members: Any) -> dict[str, Any]:
    return {
        "name": name,
        "user": "ada@example.org",
        "reason": "timeout",
        "paths": ["chat/lobby", "users/ada", "news"],
        "age": 312.4,
        "delivered": 120,
        "undelivered": None,
        "undelivered_packets": [],
        "steps": None,
        **members,
    }


def remembered(*entries: dict[str, Any]) -> EndedSessions:
    known = EndedSessions()
    known._by_name = {each["name"]: Entry(each) for each in entries}
    return known


@pytest.mark.parametrize("user", ["Ada", 7, 1 << 70, None, "\ud800"])
def test_a_complete_entry_is_what_it_was_before(user: object) -> None:
    entry = Entry(described(user=user))
    entry.complete(undelivered=1, undelivered_packets=[{"path": "news", "size": 7}])
    expected = described(user=user, undelivered=1, undelivered_packets=[{"path": "news", "size": 7}])
    assert entry.described == expected


def test_a_complete_entry_takes_half_a_kilobyte() -> None:
    entry = Entry(described())
    entry.complete(undelivered=0)
    parts = (entry, entry.searched, entry._described)
    assert isinstance(entry._described, bytes)
    assert sum(map(sys.getsizeof, parts)) < 512


@pytest.mark.parametrize(
    ("text", "reason", "found"),
    [
        ("", "", ["c", "b", "a"]),
        ("STRASSE", "", ["b"]),
        ("7", "", ["c"]),
        ("lobby", "kicked", ["b"]),
        ("lobby", "closed", []),
    ],
)
def test_they_are_found_by_what_operators_know_of_them(text: str, reason: str, found: list[str]) -> None:
    known = remembered(
        described("a"), described("b", user="Straße", reason="kicked"), described("c", user=7, paths=[])
    )
    assert [name for part in known.search(text, reason) for name in part] == found


def test_a_search_goes_on_bit_by_bit_while_others_end_and_are_forgotten() -> None:
    known = remembered(*(described(str(number)) for number in range(SLICE + 1)))
    parts = known.search("")
    first = next(parts)
    known._by_name.clear()
    assert (len(first), next(parts), next(parts, None)) == (SLICE, ["0"], None)


def test_the_latest_are_listed_without_a_search() -> None:
    known = remembered(*(described(str(number)) for number in range(5)))
    assert known.latest(1, 2) == ["3", "2"]
