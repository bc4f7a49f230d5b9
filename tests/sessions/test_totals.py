"""What has become of all packets, added up over the sessions of one server, and over servers that they move between."""

from __future__ import annotations

from dataclasses import astuple

from cometary.packets.contract import make_contract
from cometary.packets.tracked import tracked
from cometary.sessions import Packet
from cometary.sessions.outbox import Outbox
from cometary.sessions.presuming import PresumingOutbox
from cometary.sessions.totals import Totals


def tell_nobody(_packet: Packet, _outcome: str) -> None:
    """Nobody wants to know."""


def eventful() -> Outbox:
    """Of ten packets: 2 presumed, 1 delivered, 3 expired, 2 dropped, 2 left."""
    outbox = PresumingOutbox(100, 1 << 20, 1)
    for _ in range(3):
        assert outbox.append(Packet("a", 1))
    outbox.batch(1 << 20)
    outbox.acknowledge(3)
    few = make_contract("drop_oldest", limit=2)
    for _ in range(3):
        assert outbox.admit(tracked("a", 1, ttl=1), 0.0, tell_nobody)
    outbox.expire(2.0)
    for _ in range(4):
        assert outbox.admit(tracked("a", 1, contract=few), 2.0, tell_nobody)
    return outbox


def test_all_that_an_outbox_has_done_is_counted_and_what_it_has_left_undone() -> None:
    totals = Totals()
    for _ in range(2):
        totals.add(eventful(), 7)
    assert astuple(totals) == (
        2,
        4,
        6,
        4,
        14,
        6,
        0,
    )  # delivered, presumed, expired, dropped, undelivered, sent
    totals.add(Outbox(10, 100))
    assert astuple(totals) == (2, 4, 6, 4, 14, 6, 0)


def test_what_was_counted_elsewhere_is_not_counted_here() -> None:
    elsewhere, here = Totals(), Totals()
    outbox = eventful()
    elsewhere.add(outbox)
    here.take_off(outbox)
    here.add(outbox, 2)
    assert astuple(elsewhere) == (1, 2, 3, 2, 0, 3, 0)
    assert astuple(here) == (0, 0, 0, 0, 2, 0, 0)
    here.take_off(Outbox(10, 100))
    assert astuple(here) == (0, 0, 0, 0, 2, 0, 0)
