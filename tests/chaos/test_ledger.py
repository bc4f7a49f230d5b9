"""What is told of numbered packets agrees with what was done to them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.chaos.ledger import MOST_MISSING, Counts, Ledger, Stream, total


def ledger(sent: int, answers: Sequence[tuple[int, int]]) -> Ledger:
    """A page that sent so many packets, and got these answers: own number, and the packet's."""
    page = Ledger()
    for _ in range(sent):
        page.number()
    for own, number in answers:
        page.answered(own, number)
    return page


@pytest.mark.parametrize(
    ("answers", "up", "down"),
    [
        ([(1, 1), (2, 2), (3, 3)], Counts(3, 3), Counts(3, 3)),
        ([(1, 1), (2, 3)], Counts(3, 2, lost=1), Counts(2, 2)),
        ([(1, 1), (2, 2)], Counts(3, 2, lost=1), Counts(2, 2)),
        ([(1, 1), (2, 1), (3, 2), (4, 3)], Counts(3, 4, doubled=1), Counts(4, 4)),
        ([(1, 2), (2, 1), (3, 3)], Counts(3, 3, reordered=1), Counts(3, 3)),
        ([(1, 1), (3, 3)], Counts(3, 3), Counts(3, 2, lost=1)),
        ([(1, 1), (1, 1), (2, 2), (3, 3)], Counts(3, 4, doubled=1), Counts(3, 4, doubled=1)),
        ([(1, 1), (3, 3), (2, 2)], Counts(3, 3, reordered=1), Counts(3, 3, reordered=1)),
        ([], Counts(3, 0, lost=3), Counts(0, 0)),
    ],
)
def test_each_fault_is_told_of_its_own_way(answers: list[tuple[int, int]], up: Counts, down: Counts) -> None:
    page = ledger(3, answers)
    assert (page.up(), page.down()) == (up, down)


@given(st.lists(st.integers(1, 30)))
def test_a_stream_counts_as_whoever_counts_with_all_numbers_at_hand(numbers: list[int]) -> None:
    stream = Stream()
    for number in numbers:
        stream.take(number)
    highest = max(numbers, default=0)
    assert stream.received == len(numbers)
    assert stream.doubled == len(numbers) - len(set(numbers))
    assert stream.missing == highest - len(set(numbers))
    firsts = list(dict.fromkeys(numbers))
    assert stream.reordered == sum(
        any(earlier > number for earlier in firsts[:place]) for place, number in enumerate(firsts)
    )
    assert stream.seen == highest


def test_a_stream_that_was_joined_begins_anywhere() -> None:
    stream = Stream(joined=True)
    for number in (7, 8, 10):
        stream.take(number)
    assert stream.counts() == Counts(4, 3, lost=1)


def test_a_wild_number_costs_no_more_memory_than_is_allowed() -> None:
    stream = Stream()
    stream.take(10**12)
    assert stream.missing == 10**12 - 1
    assert len(stream._missing) == MOST_MISSING


def test_what_is_out_when_a_session_is_lost_as_foreseen_is_not_lost_and_what_was_wrong_stays_so() -> None:
    page = Ledger()
    for _ in range(4):
        page.number()
    for own in (1, 3):
        page.answered(own, own)
    page.forsake()
    assert (page.up().lost, page.down().lost) == (0, 1)


def test_beats_of_each_process_are_numbered_anew() -> None:
    page = Ledger()
    for process, beat in ((1, 5), (1, 6), (2, 1), (2, 3), (1, 7)):
        page.beat(process, beat)
    assert (page.down().lost, page.down().wrong) == (1, 1)


def test_beats_count_on_the_way_down() -> None:
    page = ledger(1, [(1, 1)])
    for beat in (5, 6, 6, 8):
        page.beat(1, beat)
    assert page.down() == Counts(1 + 4, 1 + 4, lost=1, doubled=1)


def test_what_is_wrong_is_summed_up() -> None:
    counts = total([Counts(3, 2, lost=1), Counts(3, 4, doubled=1), Counts(3, 3, reordered=1), Counts(3, 3)])
    assert counts == Counts(12, 12, 1, 1, 1)
    assert counts.wrong == 3


def test_what_is_out_is_known_at_any_time() -> None:
    page = ledger(3, [(1, 1)])
    assert page.outstanding == 2
    assert page.answered_up_to(1)
    assert not page.answered_up_to(2)
