"""The lease on which a session was let in: whose it is, until when, and what its end was for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from math import inf

import msgspec
import pytest
import trio
from trio.testing import MockClock

from cometary.actors import system
from cometary.app import App
from cometary.errors import ProtocolError
from cometary.sessions import Admission, Packet, SessionKeeper, SessionManager
from cometary.sessions.lease import (
    LEASE_END,
    ROUNDING,
    FrozenLease,
    Lease,
    admit,
    freeze_lease,
    renew,
    thaw_lease,
)
from cometary.sessions.lease import NOTICE as NOTICE_TIMER
from tests.sessions.house import hosting

NOTICE = 30.0


@pytest.fixture
async def manager() -> AsyncIterator[SessionManager]:
    async with system(), hosting(App(), die=1000) as manager:  # longer than any lease here
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
    for each in (keeper, await moved(manager, keeper, 0)):
        notice = each.timers[NOTICE_TIMER].message
        assert isinstance(notice, Packet)
        assert notice.message == {"expires": 1.235}


async def test_what_an_authenticator_says_of_a_client_is_the_data_of_its_session(
    keeper: SessionKeeper, mock_clock: MockClock
) -> None:
    assert keeper.data == {"user": "ada"}


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


# -- the paths that a token names ------------------------------------------------------------


def paths_of(keeper: SessionKeeper) -> list[str]:
    assert keeper.lease is not None
    return keeper.lease.paths.texts


async def test_the_paths_of_a_session_are_those_of_the_token_that_lasts_longest(
    manager: SessionManager, mock_clock: MockClock
) -> None:
    keeper = manager.open(1)
    admit(keeper, Admission({"user": "ada"}, 100, ("a", "b/*")), NOTICE)
    assert paths_of(keeper) == ["a", "b/*"]
    renew(keeper, Admission({"user": "ada"}, 99, ("older",)), NOTICE)
    assert paths_of(keeper) == ["a", "b/*"]
    renew(keeper, Admission({"user": "ada"}, 200, ("c/**",)), NOTICE)
    assert paths_of(keeper) == ["c/**"]


# -- a session that moves --------------------------------------------------------------------


async def moved(manager: SessionManager, keeper: SessionKeeper, late: float) -> SessionKeeper:
    """A session with the lease of another one, as plain data that took so long to come."""
    assert keeper.lease is not None
    plain = json.loads(json.dumps(msgspec.to_builtins(freeze_lease(keeper, keeper.lease)), allow_nan=False))
    other = manager.open(1)
    thaw_lease(other, msgspec.convert(plain, FrozenLease), late)
    return other


def left(keeper: SessionKeeper, name: str) -> float | None:
    timer = keeper.timer(name)
    return timer.deadline - keeper.now() if timer is not None and timer.running else None


@pytest.mark.parametrize(
    "seconds",
    [
        (0, 0, 100, 70),
        (20, 5, 75, 45),
        (20, 60, 20, 0),  # the client is told at once
        (80, 5, 15, None),  # and not again
        (20, 1000, 0, 0),
        (69.5, 0, 30.5, 0.5),
        (99.5, 0.25, 0.25, None),
    ],
)
async def test_a_lease_runs_on_while_its_session_moves(
    manager: SessionManager,
    keeper: SessionKeeper,
    autojump_clock: MockClock,
    seconds: tuple[float, float, float, float | None],
) -> None:
    waited, late, ends, told = seconds
    await trio.sleep(waited)
    other = await moved(manager, keeper, late)
    assert (left(other, LEASE_END), left(other, NOTICE_TIMER)) == (ends, told)
    assert lease_of(other) == (ends, b"old")
    assert other.lease is not None
    assert other.lease.user == "ada"
    notice = other.timers[NOTICE_TIMER].message
    assert isinstance(notice, Packet)
    if told is not None:
        assert notice.message == {"expires": NOTICE}


async def test_a_lease_without_an_end_has_none_elsewhere_either(
    manager: SessionManager, mock_clock: MockClock
) -> None:
    keeper = manager.open(1)
    admit(keeper, Admission({"user": 7}, None, ("a", "b/*")), NOTICE)
    other = await moved(manager, keeper, 5)
    assert lease_of(other) == (inf, None)
    assert (left(other, LEASE_END), left(other, NOTICE_TIMER)) == (None, None)
    assert paths_of(other) == ["a", "b/*"]
    assert other.lease is not None
    assert other.lease.user == 7
