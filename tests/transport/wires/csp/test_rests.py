"""How much all sessions of an endpoint keep of messages that are not whole."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
from cometary.transport.wires.csp.messages import NOTHING, Unfinished
from cometary.transport.wires.csp.rests import FREE, Rests
from cometary.transport.wires.csp.session import CspSession
from cometary.transport.wires.csp.variables import DEFAULTS

MUCH = Unfinished(b"x" * 2 * FREE)
LITTLE = Unfinished(b"x" * FREE)


def session(sid: str) -> CspSession:
    return CspSession(sid, DEFAULTS, lambda _: None)


def test_when_there_is_no_room_only_what_is_long_and_grows_is_refused() -> None:
    rests = Rests(lambda _: True, 5 * FREE)
    first, second, third = session("1"), session("2"), session("3")
    rests.keep(first, MUCH)
    rests.keep(second, MUCH)
    with pytest.raises(ProtocolError, match="too-many-requests"):
        rests.keep(third, MUCH)
    assert third.rest is NOTHING
    rests.keep(third, LITTLE)
    rests.keep(first, MUCH)
    rests.keep(first, NOTHING)
    rests.keep(third, MUCH)
    assert rests.size == 4 * FREE
    for each in (first, second, third):
        rests.let_go(each)
    assert rests.size == 0
    assert not rests._sessions


def test_what_ended_sessions_had_is_let_go_for_want_of_room() -> None:
    living = {"1", "2", "3"}
    rests = Rests(living.__contains__, 4 * FREE)
    sessions = [session(sid) for sid in ("1", "2", "3")]
    rests.keep(sessions[0], MUCH)
    rests.keep(sessions[1], MUCH)
    living.remove("1")
    rests.keep(sessions[2], MUCH)
    assert [each.rest for each in sessions] == [NOTHING, MUCH, MUCH]


def test_when_more_is_kept_than_there_is_room_for_only_growth_of_what_is_long_is_refused() -> None:
    rests = Rests(lambda _: True, 4 * FREE)
    first, second, third = session("1"), session("2"), session("3")
    rests.keep(first, MUCH)
    rests.keep(second, MUCH)
    rests.keep(third, LITTLE)
    assert rests.size == 5 * FREE
    rests.keep(first, MUCH)
    with pytest.raises(ProtocolError, match="in part") as raised:
        rests.keep(first, Unfinished(MUCH.text + b"x"))
    assert raised.value.retry_after == 1
    assert first.rest is MUCH


def test_when_all_have_ended_all_they_had_is_let_go() -> None:
    rests = Rests(lambda _: False, 4 * FREE)
    sessions = [session(sid) for sid in ("1", "2", "3")]
    for each in sessions:
        rests.keep(each, MUCH)
    assert [each.rest for each in sessions] == [NOTHING, NOTHING, MUCH]
