"""The directory knows the sessions there are, and for a while those there were."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
from cometary.sessions import SessionKeeper, SessionMachine, SessionSettings
from cometary.sessions.directory import Directory
from cometary.sessions.locator import here


def keeper(sid: str) -> SessionKeeper:
    return SessionKeeper(sid, f"name of {sid}", SessionMachine(SessionSettings()), 0.0)


def condition(directory: Directory, sid: str) -> tuple[str, object]:
    """The error for a session that is gone."""
    with pytest.raises(ProtocolError) as caught:
        here(directory.find(sid))
    return caught.value.condition, caught.value.members.get("reason")


@pytest.fixture
def directory() -> Directory:
    return Directory(remember=45, max_remembered=3)


def test_a_session_is_found_by_its_whole_id(directory: Directory) -> None:
    session = keeper("secret")
    directory.add(session)
    assert here(directory.find("secret")) is session
    assert len(directory) == 1
    for sid in ("", "secre", "secret ", "SECRET"):
        assert condition(directory, sid) == ("unknown-session", None)


def test_an_end_is_remembered_with_its_reason(directory: Directory) -> None:
    session = keeper("a")
    directory.add(session)
    directory.end(session, "kicked", now=100)
    assert condition(directory, "a") == ("session-ended", "kicked")
    assert len(directory) == 0


def test_a_session_ends_once(directory: Directory) -> None:
    session = keeper("a")
    directory.add(session)
    directory.end(session, "kicked", now=100)
    directory.end(session, "timeout", now=101)
    assert condition(directory, "a") == ("session-ended", "kicked")


def test_an_end_is_forgotten_in_time_even_if_nothing_else_happens() -> None:
    time = 100.0
    directory = Directory(remember=45, now=lambda: time)
    session = keeper("a")
    directory.add(session)
    directory.end(session, "kicked", now=time)
    time = 144.9
    assert condition(directory, "a") == ("session-ended", "kicked")
    time = 145.0
    assert condition(directory, "a") == ("unknown-session", None)


@pytest.mark.parametrize(("later", "known"), [(44.9, True), (45, False), (1000, False)])
def test_an_end_is_forgotten_when_another_session_ends_long_after(
    directory: Directory, later: float, known: bool
) -> None:
    first, second = keeper("first"), keeper("second")
    for session in (first, second):
        directory.add(session)
    directory.end(first, "closed", now=100)
    directory.end(second, "closed", now=100 + later)
    assert condition(directory, "first")[0] == ("session-ended" if known else "unknown-session")
    assert condition(directory, "second") == ("session-ended", "closed")


def test_only_so_many_ends_are_remembered_and_the_oldest_goes_first(directory: Directory) -> None:
    for number in range(5):
        session = keeper(str(number))
        directory.add(session)
        directory.end(session, "closed", now=100)
    known = [condition(directory, str(number))[0] for number in range(5)]
    assert known == ["unknown-session"] * 2 + ["session-ended"] * 3


def test_sessions_may_end_while_they_are_gone_through(directory: Directory) -> None:
    for number in range(3):
        directory.add(keeper(str(number)))
    for session in directory:
        directory.end(session, "shutdown", now=1)
    assert len(directory) == 0


def test_no_error_repeats_the_id(directory: Directory) -> None:
    with pytest.raises(ProtocolError) as caught:
        here(directory.find("secret"))
    assert "secret" not in str(caught.value)
