"""Who is on a path, and what comes of all changes there by the time when they are told."""

from __future__ import annotations

import pytest

from cometary.dispatch.members import MOST_CHANGES, Changes, Member, Members

ADA, BEA = Member("a", {"user": "ada"}), Member("b", {"user": "bea"})


@pytest.fixture
def members() -> Members:
    """Ada is there, which has been told."""
    members = Members()
    members.join("room", ADA)
    members.take_changes("room")
    return members


def test_the_first_changes_since_the_last_telling_are_known_as_such(members: Members) -> None:
    assert [members.join("room", BEA), members.leave("room", "b"), members.leave("room", "a")] == [
        True,
        False,
        False,
    ]
    members.take_changes("room")
    assert members.join("room", BEA)
    members.take_changes("room")
    assert members.leave("room", "b")


def test_who_was_not_there_does_not_leave(members: Members) -> None:
    assert not members.leave("room", "b")
    assert not members.leave("nowhere", "a")
    assert members.take_changes("room") is None


def test_who_is_new_and_who_has_left_is_told_once(members: Members) -> None:
    members.join("room", BEA)
    members.leave("room", "a")
    assert members.take_changes("room") == Changes(1, [BEA], ["a"])
    assert members.take_changes("room") is None
    assert members.present("room", 10).members == [BEA]


def test_who_shows_something_else_is_told_as_new_and_who_shows_the_same_is_not(members: Members) -> None:
    members.join("room", ADA)
    assert members.take_changes("room") is None
    away = Member("a", {"user": "ada", "away": True})
    members.join("room", away)
    assert members.take_changes("room") == Changes(1, [away], [])


def test_who_comes_and_goes_meanwhile_is_not_told_of_at_all(members: Members) -> None:
    members.join("room", BEA)
    members.leave("room", "b")
    members.leave("room", "a")
    members.join("room", ADA)
    assert members.take_changes("room") is None


@pytest.mark.parametrize("changes", [MOST_CHANGES, MOST_CHANGES + 1])
def test_of_too_many_changes_only_the_number_is_told(members: Members, changes: int) -> None:
    for number in range(changes):
        members.join("room", Member(str(number), None))
    told = members.take_changes("room")
    assert told is not None
    assert told.count == changes + 1
    assert (told.joined is None, told.left is None) == (changes > MOST_CHANGES,) * 2


def test_a_path_that_all_have_left_takes_no_room(members: Members) -> None:
    members.leave("room", "a")
    members.take_changes("room")
    assert (members.count("room"), members._members, members._before) == (0, {}, {})
