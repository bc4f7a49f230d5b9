"""Sessions move between two managers in the middle of everything, and every promise is kept; breaking one shows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from cometary.sessions.frozen import FrozenSession, Thawing
from tests.simulation.report import table
from tests.simulation.run import Plan, simulate


def test_a_thousand_sessions_move_in_the_middle_of_trouble_and_nothing_is_lost_doubled_or_reordered() -> None:
    outcome = simulate(Plan(21, sessions=1000, minutes=0.25, move_every=0.3))
    assert not outcome.faults, table(outcome)
    assert outcome.up.wrong == outcome.down.wrong == 0
    assert outcome.up.sent > 5_000
    assert outcome.down.sent > 5_000
    assert outcome.troubles["sessions that move"] >= 900, table(outcome)
    assert outcome.troubles["moves"] > 1_500


def test_sessions_that_move_again_and_again_keep_every_promise() -> None:
    outcome = simulate(Plan(22, sessions=30, minutes=2, move_every=0.5))
    assert not outcome.faults, table(outcome)
    assert outcome.troubles["moves in the middle of a handler"] > 10
    assert {"delivered", "expired", "undelivered"} == outcome.receipts.keys()


def forget_what_was_sent(session: FrozenSession) -> FrozenSession:
    return replace(session, sent=[], acknowledged=session.acknowledged + len(session.sent))


def forget_what_was_never_sent(session: FrozenSession) -> FrozenSession:
    return replace(session, waiting=[])


def take_a_retry_for_new(session: FrozenSession) -> FrozenSession:
    return replace(session, expected=session.expected - 1)


def forget_what_the_application_is_to_be_told(session: FrozenSession) -> FrozenSession:
    return replace(session, calls=[])


def begin_again(session: FrozenSession) -> FrozenSession:
    return replace(session, started=False)


@contextmanager
def broken(change: Callable[[FrozenSession], FrozenSession]) -> Generator[None]:
    """Thaw sessions of which something was changed on the way."""
    init = Thawing.__init__

    def spoilt(self: Thawing, session: FrozenSession, *args: Any) -> None:
        init(self, change(session), *args)

    with patch.object(Thawing, "__init__", spoilt):
        yield


@pytest.mark.parametrize(
    "change",
    [
        forget_what_was_sent,
        forget_what_was_never_sent,
        take_a_retry_for_new,
        forget_what_the_application_is_to_be_told,
        begin_again,
    ],
)
def test_a_move_that_keeps_something_back_is_found(change: Callable[[FrozenSession], FrozenSession]) -> None:
    with broken(change):
        outcomes = (simulate(Plan(seed, sessions=20, minutes=1, move_every=0.5)) for seed in range(5))
        assert any(outcome.faults for outcome in outcomes)
