"""The lease on which a session was let in: whose it is, until when, and what its end was for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from math import inf

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import system
from cometary.app import App
from cometary.errors import ProtocolError
from cometary.sessions import Admission, Packet, SessionKeeper, SessionManager
from cometary.sessions.lease import LEASE_END, ROUNDING, Lease, admit, renew
from cometary.sessions.lease import NOTICE as NOTICE_TIMER
from tests.sessions.house import hosting

NOTICE = 30.0


@pytest.fixture
async def manager() -> AsyncIterator[SessionManager]:
    async with system(), hosting(App()) as manager:
        yield manager


@pytest.fixture
async def keeper(manager: SessionManager) -> SessionKeeper:
    """A session of Ada's, for 100 seconds."""
    keeper = manager.open(1)
    admit(keeper, for_ada(100), NOTICE, b"old")
    return keeper


def for_ada(expires: float | None) -> Admission:
    return Admission({"user": "ada"}, expires)


def lease_of(keeper: SessionKeeper) -> tuple[float, bytes | None]:
    assert keeper.lease is not None
    return keeper.lease.expires - trio.current_time(), keeper.lease.binding


def running(keeper: SessionKeeper) -> list[bool]:
    return [keeper.timers[name].running for name in (LEASE_END, NOTICE_TIMER)]


async def test_a_later_token_moves_the_expiry_and_brings_its_own_binding(
    keeper: SessionKeeper, mock_clock: MockClock
) -> None:
    assert lease_of(keeper) == (100, b"old")
    renew(keeper, for_ada(200), NOTICE, b"new")
    assert lease_of(keeper) == (200, b"new")
    assert running(keeper) == [True, True]


async def test_the_client_is_told_milliseconds_and_no_less(
    manager: SessionManager, mock_clock: MockClock
) -> None:
    keeper = manager.open(1)
    admit(keeper, for_ada(2.46912), NOTICE)
    notice = keeper.timers[NOTICE_TIMER].message
    assert isinstance(notice, Packet)
    assert notice.message == {"expires": 1.235}


@pytest.mark.parametrize("expires", [99, 100])
async def test_a_token_that_is_not_later_changes_nothing(
    keeper: SessionKeeper, expires: float, mock_clock: MockClock
) -> None:
    renew(keeper, for_ada(expires), NOTICE, b"new")
    assert lease_of(keeper) == (100, b"old")


async def test_a_token_without_an_expiry_ends_all_waiting_for_one(
    keeper: SessionKeeper, mock_clock: MockClock
) -> None:
    renew(keeper, for_ada(None), NOTICE, b"new")
    assert lease_of(keeper) == (inf, b"new")
    assert running(keeper) == [False, False]
    renew(keeper, for_ada(1000), NOTICE, b"newer")
    assert lease_of(keeper) == (inf, b"new")


async def test_a_token_of_another_user_changes_nothing(keeper: SessionKeeper, mock_clock: MockClock) -> None:
    with pytest.raises(ProtocolError, match="another user's"):
        renew(keeper, Admission({"user": "eve"}, 1000), NOTICE, b"new")
    assert lease_of(keeper) == (100, b"old")


async def test_a_session_without_terms_takes_no_token(manager: SessionManager, mock_clock: MockClock) -> None:
    with pytest.raises(ProtocolError, match="another user's"):
        renew(manager.open(1), for_ada(1000), NOTICE)


@pytest.mark.parametrize(
    ("reason", "now", "ran_out"),
    [
        ("kicked", 100, True),
        ("kicked", 100 - ROUNDING, True),
        ("kicked", 99, False),
        ("timeout", 100, False),
        ("timeout", 99, False),
    ],
)
def test_a_session_that_is_kicked_when_its_time_is_over_has_run_out(
    reason: str, now: float, ran_out: bool
) -> None:
    lease = Lease("ada")
    assert not lease.ran_out
    lease.expires = 100.0
    lease.ended(reason, now)
    assert lease.ran_out is ran_out
