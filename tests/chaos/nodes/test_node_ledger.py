"""What became of packets whose session went from node to node: losses that were told of are none, all others are."""

from __future__ import annotations

from itertools import count

import pytest

from cometary.chaos.ledger import Counts
from cometary.chaos.nodes.moves import Moves, Moving
from cometary.chaos.nodes.node_ledger import NodeLedger


@pytest.fixture
def moves() -> Moves:
    return Moves()


@pytest.fixture
def ledger(moves: Moves) -> NodeLedger:
    """Three packets were sent, at seconds 0, 1 and 2; each later question for the time is a second later."""
    seconds = count()
    ledger = NodeLedger(moves, lambda: next(seconds))
    for _ in range(3):
        ledger.number()
    return ledger


def test_a_packet_whose_handler_was_interrupted_is_neither_received_nor_lost(ledger: NodeLedger) -> None:
    ledger.answered(1, 1)
    ledger.failed(2)
    ledger.failed(2)  # told twice is better than never
    ledger.answered(2, 3)
    assert ledger.up() == Counts(2, 2)
    assert (ledger.interrupted, ledger.outstanding, ledger.known) == (1, 0, 3)


@pytest.mark.parametrize("first_answered", [True, False])
def test_one_that_was_handled_as_well_is_doubled(ledger: NodeLedger, first_answered: bool) -> None:
    if not first_answered:
        ledger.failed(1)
    ledger.answered(1, 1)
    if first_answered:
        ledger.failed(1)
    assert ledger.up().doubled == 1


def test_a_packet_of_which_nothing_is_told_is_lost(ledger: NodeLedger) -> None:
    ledger.answered(1, 1)
    ledger.answered(2, 3)
    assert ledger.up() == Counts(3, 2, lost=1)


def test_what_is_missing_where_a_gap_was_told_is_not_lost_and_all_else_is(ledger: NodeLedger) -> None:
    for number in (5, 6):
        ledger.beat(1, number)
    ledger.gap()
    ledger.beat(1, 9)
    assert ledger.down().wrong == 0
    ledger.beat(1, 11)
    assert ledger.down() == Counts(5, 4, lost=1)
    ledger.gap()
    ledger.beat(1, 11)
    assert ledger.down().doubled == 1
    assert ledger.gaps == 2


def test_it_is_told_how_long_packets_took(ledger: NodeLedger, moves: Moves) -> None:
    ledger.answered(1, 1)
    moves.breaks(0)
    ledger.answered(2, 3)
    assert (moves.delays.count, moves.delays.longest) == (2, 3)
    assert (moves.meanwhile, moves.since) == (1, 1)


def test_a_session_has_recovered_when_all_that_was_sent_by_then_was_answered(moves: Moves) -> None:
    moving = Moving(moves)
    moving.moved(2)  # of itself: nothing was broken
    moving.answered_up_to(2, 5.0)
    assert (moves.count, moves.recoveries.count) == (1, 0)
    moves.breaks(10.0)
    moving.moved(5)
    moving.answered_up_to(4, 11.0)
    assert moves.recoveries.count == 0
    moves.breaks(12.0)
    moving.moved(6)  # again, before it had recovered
    moving.answered_up_to(6, 13.0)
    assert (moves.count, moves.recoveries.count, moves.recoveries.longest) == (3, 1, 3.0)
    moving.answered_up_to(7, 20.0)
    assert moves.recoveries.count == 1
