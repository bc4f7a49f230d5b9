"""Where a session is: here, elsewhere, or gone; and what that means to whoever needs it here."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
from cometary.sessions import SessionKeeper, SessionMachine, SessionSettings
from cometary.sessions.directory import Directory
from cometary.sessions.lease import Lease
from cometary.sessions.locator import Elsewhere, Gone, Here, Locator, here


@pytest.fixture
def directory() -> Directory:
    return Directory(remember=45)


@pytest.fixture
def keeper(directory: Directory) -> SessionKeeper:
    keeper = SessionKeeper("secret", "name", SessionMachine(SessionSettings()), 0.0)
    directory.add(keeper)
    return keeper


def test_to_the_directory_of_one_server_a_session_is_here_or_gone(
    directory: Directory, keeper: SessionKeeper
) -> None:
    locator: Locator = directory
    assert locator.find("secret") == Here(keeper)
    assert locator.living["secret"] is keeper
    keeper.last_rid = 7
    directory.end(keeper, "kicked", now=0)
    assert locator.find("secret") == Gone("kicked", last_rid=7)
    assert locator.find("another") == Gone(None)
    assert not locator.living


def test_of_one_that_has_ended_it_is_known_what_it_was_bound_to(
    directory: Directory, keeper: SessionKeeper
) -> None:
    keeper.lease = Lease("user", b"digest")
    directory.end(keeper, "closed", now=0)
    assert directory.find("secret") == Gone("closed", b"digest")


def test_whoever_needs_it_here_has_it_or_is_told_why_not(keeper: SessionKeeper) -> None:
    assert here(Here(keeper)) is keeper
    for place, condition in (
        (Gone("kicked"), "session-ended"),
        (Gone(None), "unknown-session"),
        (Elsewhere("a node"), "unknown-session"),
    ):
        with pytest.raises(ProtocolError) as caught:
            here(place)
        assert caught.value.condition == condition


def test_whoever_comes_to_one_that_has_ended_is_told_why_and_when_to_come_again(
    keeper: SessionKeeper,
) -> None:
    with pytest.raises(ProtocolError) as told:
        here(Gone("shutdown", retry_after=7))
    assert (told.value.members, told.value.retry_after) == ({"reason": "shutdown"}, 7)
