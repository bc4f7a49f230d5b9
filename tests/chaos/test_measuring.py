"""Durations, replays and memory: what is measured is what happened."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.chaos.breaks import NEVER, Moment, choose_break
from cometary.chaos.ledger import Ledger
from cometary.chaos.memory import Memory
from cometary.chaos.quantiles import Quantiles
from cometary.chaos.recovery import Recovery
from cometary.errors import TargetError


@given(st.lists(st.floats(1e-5, 1e4), min_size=1), st.floats(0.01, 1))
def test_quantiles_are_right_to_a_few_percent(durations: list[float], share: float) -> None:
    quantiles = Quantiles()
    for duration in durations:
        quantiles.add(duration)
    exact = sorted(durations)[max(0, math.ceil(share * len(durations)) - 1)]
    assert quantiles.at(share) == pytest.approx(exact, rel=0.03)
    assert quantiles.longest == max(durations)
    assert quantiles.at(1) == max(durations)


def test_quantiles_of_nothing_are_nothing() -> None:
    assert Quantiles().at(0.99) == 0


@pytest.fixture
def replays() -> Quantiles:
    return Quantiles()


@pytest.fixture
def page(replays: Quantiles) -> tuple[Ledger, Recovery]:
    ledger = Ledger()
    return ledger, Recovery(ledger, replays)


def test_a_replay_lasts_from_the_first_request_to_the_last_answer(
    page: tuple[Ledger, Recovery], replays: Quantiles
) -> None:
    ledger, recovery = page
    ledger.number()
    ledger.number()
    recovery.outage()
    recovery.written(10.0)
    ledger.number()  # later than the request: not waited for
    recovery.written(10.5)
    ledger.answered(1, 1)
    recovery.received(11.0)
    assert replays.count == 0
    ledger.answered(2, 2)
    recovery.received(12.0)
    assert (replays.count, replays.longest) == (1, 2.0)
    recovery.received(13.0)
    assert replays.count == 1


def test_without_anything_open_there_is_no_replay(page: tuple[Ledger, Recovery], replays: Quantiles) -> None:
    ledger, recovery = page
    recovery.outage()
    recovery.written(1.0)
    ledger.number()
    ledger.answered(1, 1)
    recovery.received(2.0)
    assert replays.count == 0


def test_another_outage_begins_it_all_anew(page: tuple[Ledger, Recovery], replays: Quantiles) -> None:
    ledger, recovery = page
    ledger.number()
    recovery.outage()
    recovery.written(1.0)
    recovery.outage()
    ledger.answered(1, 1)
    recovery.received(5.0)
    assert replays.count == 0
    ledger.number()
    recovery.written(6.0)
    ledger.answered(2, 2)
    recovery.received(6.5)
    assert replays.longest == 0.5


@pytest.mark.parametrize(("last", "flat"), [(100, True), (105, True), (106, False)])
def test_memory_is_flat_if_it_does_not_grow_after_the_first_minute(last: int, flat: bool) -> None:
    memory = Memory(1)
    for second in range(60):
        memory.note(second, second)  # it may grow at first
    for second in range(60, 70):
        memory.note(100, second)
    assert memory.first in range(57, 101)
    memory.first = 100
    memory.note(10_000, 70)  # a single look is no trend
    for second in range(71, 80):
        memory.note(last, second)
    assert memory.flat is flat


def test_memory_is_that_of_the_process() -> None:
    memory = Memory(1)
    memory.look(0)
    assert 10_000 < memory.now < 10**11
    with pytest.raises(TargetError, match="cannot be read"):
        Memory(2**22 + 1).look(0)


@given(st.randoms(use_true_random=False), st.floats(0, 1e6), st.floats(0.1, 100))
def test_connections_break_at_about_the_time_that_was_asked_for(
    chance: object, now: float, every: float
) -> None:
    chosen = choose_break(chance, now, every)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert now + every / 2 <= chosen.at <= now + 1.5 * every
    assert (chosen.deadline == chosen.at) is (chosen.moment is Moment.WAITING)
    assert NEVER.deadline == math.inf
