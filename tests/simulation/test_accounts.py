"""The accounts: what adds up, and what does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cometary.sessions import Packet
from tests.simulation.accounts import TRACKED, Account

DOWN = "down"


def account() -> Account:
    """One in which everything is right: three packets up, four down, of which the last two are undelivered."""
    made = Account("test")
    made.sign_on()
    for number in (1, 2):
        made.hand_over(number)
        made.returned(number)
    made.hand_over(3)
    made.failed(3)
    made.answered_for = 3
    for _ in range(4):
        made.number(DOWN)
    for number in (1, 2, 3):
        made.receive(DOWN, number)
    made.receive("beat", 17)
    made.receive("beat", 18)
    for outcome in ("delivered", "expired", "undelivered"):
        made.tracked.outcomes[made.tracked.number()].append(outcome)
    made.receive(TRACKED, 1)
    return made


def end(made: Account, undelivered: tuple[int, ...] = (3, 4)) -> list[str]:
    tracked = Packet(TRACKED, 3)
    made.sign_off("timeout", [*[Packet(DOWN, number) for number in undelivered], tracked, Packet("beat", 19)])
    made.signed_off()
    made.settle()
    return made.faults


def test_what_adds_up_has_no_faults() -> None:
    made = account()
    assert end(made) == []
    assert (made.up().sent, made.up().received, made.up().wrong) == (3, 3, 0)
    assert (made.down().sent, made.down().received, made.down().wrong) == (6, 5, 0)


def begin(made: Account, *numbers: int) -> None:
    for number in numbers:
        made.hand_over(number)


def handle(made: Account, number: int) -> None:
    made.hand_over(number)
    made.returned(number)


WRONG: dict[str, tuple[Callable[[Account], object], str]] = {
    "handed over twice": (lambda made: handle(made, 3), "doubled=1"),
    "one left out": (lambda made: handle(made, 5), "lost=1"),
    "answered for, not handed over": (lambda made: setattr(made, "answered_for", 4), "answered for 4"),
    "a call within a call": (lambda made: begin(made, 4, 5), "while 4 was under way"),
    "neither returned nor failed": (lambda made: made.hand_over(4), "neither returned nor failed"),
    "failed twice": (lambda made: made.failed(3), "failure of 3"),
    "received twice": (lambda made: made.receive(DOWN, 2), "doubled=1"),
    "never sent": (lambda made: made.receive(DOWN, 9), "never sent"),
    "beats left out": (lambda made: made.receive("beat", 20), "lost=1"),
    "signed on twice": (lambda made: made.sign_on(), "signed on twice"),
    "signed off twice": (lambda made: made.sign_off("timeout", []), "signed off twice"),
    "a receipt too many": (lambda made: made.tracked.outcomes[1].append("delivered"), "has the receipts"),
    "no receipt": (lambda made: made.tracked.number(), "has the receipts"),
    "said to be delivered": (lambda made: made.tracked.received.clear(), "said to be delivered"),
    "expired, and yet received": (lambda made: made.receive(TRACKED, 2), "said to have expired"),
    "tracked ones out of order": (lambda made: made.tracked.received.insert(0, 3), "received [3, 1]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_add_up_is_a_fault(name: str) -> None:
    wrong, fault = WRONG[name]
    made = account()
    wrong(made)
    assert any(fault in one for one in end(made)), made.faults


@pytest.mark.parametrize("undelivered", [(4, 3), (3,), (2, 4), ()])
def test_what_is_undelivered_has_to_be_the_last_ones_and_all_of_them(undelivered: tuple[int, ...]) -> None:
    assert end(account(), undelivered)
