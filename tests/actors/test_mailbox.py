"""The mailbox against the obvious model, a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cometary.actors.mailbox import Mailbox


class MailboxAgainstList(RuleBasedStateMachine):
    """Messages are numbered, so that every loss, repetition and change of order shows."""

    def __init__(self) -> None:
        super().__init__()
        self.mailbox = Mailbox()
        self.model: list[object] = []
        self.sent = 0

    @rule(count=st.integers(1, 12))
    def put(self, count: int) -> None:
        for _ in range(count):
            self.mailbox.add(self.sent)  # what `put` of a cell does
            self.model.append(self.sent)
            self.sent += 1

    @precondition(lambda self: self.model)
    @rule()
    def get(self) -> None:
        assert self.mailbox.get() == self.model.pop(0)

    @rule(quota=st.integers(1, 8), handled=st.integers(0, 8), arriving=st.integers(0, 3))
    def turn(self, quota: int, handled: int, arriving: int) -> None:
        taken = list(self.mailbox.take(quota))
        assert len(taken) <= quota
        assert taken == self.model[: len(taken)]
        assert taken or not self.model
        self.put(arriving) if arriving else None
        handled = min(handled, len(taken))
        self.mailbox.put_back(iter(taken[handled:]))
        del self.model[:handled]

    @rule()
    def drain(self) -> None:
        assert self.mailbox.drain() == self.model
        self.model.clear()

    @invariant()
    def same(self) -> None:
        assert len(self.mailbox) == len(self.model)
        assert self.mailbox.empty() == (not self.model)


TestMailboxAgainstList = MailboxAgainstList.TestCase


def test_an_empty_mailbox_does_not_block() -> None:
    with pytest.raises(IndexError):
        Mailbox().get()


def test_what_a_turn_has_left_comes_before_what_has_come_since() -> None:
    mailbox = Mailbox()
    for number in range(3):
        mailbox.add(number)
    assert mailbox.take(2) == [0, 1]
    mailbox.add(3)
    assert [mailbox.get(), mailbox.get()] == [2, 3]


@given(st.integers(0, 500), st.integers(1, 40))
def test_turns_empty_a_mailbox_in_order(count: int, quota: int) -> None:
    mailbox = Mailbox()
    for number in range(count):
        mailbox.add(number)
    seen: list[object] = []
    while not mailbox.empty():
        seen += mailbox.take(quota)
    assert seen == list(range(count))
    assert mailbox._backlog is None
