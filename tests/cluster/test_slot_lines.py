"""Calls of slots that move, in any order of events."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from cometary.cluster.redis.asking import Call
from cometary.cluster.redis.slot_lines import SlotLines
from cometary.cluster.redis.slots import Address

SERVERS = Address("one", 1), Address("two", 2)


class Moving:
    """Two servers between which slots move, and whoever calls them.

    Attributes:
        called: what was called for in each slot.
        done: what was done.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - it is no secret
        self.lines = SlotLines()
        self.has = dict.fromkeys(range(3), SERVERS[0])
        self.sent: dict[Address, list[tuple[int, Call]]] = {server: [] for server in SERVERS}
        self.called, self.done = defaultdict[int, list[bytes]](list), defaultdict[int, list[bytes]](list)

    def call(self, slot: int, call: Call) -> None:
        self.called[slot].append(call.command)
        if self.lines.may_go(slot, self.has[slot]):
            self._send(slot, call)
        else:
            self.lines.wait(slot, call)

    def _send(self, slot: int, call: Call) -> None:
        self.lines.sent(slot, self.has[slot])
        self.sent[self.has[slot]].append((slot, call))

    def move(self, slot: int) -> None:
        """Move a slot, unless calls are still under way to where it was before: it does not move back so soon."""
        behind = {server for server in SERVERS for of, _ in self.sent[server] if of == slot}
        if behind <= {self.has[slot]}:
            self.has[slot] = self.chance.choice(SERVERS)

    def answer(self) -> None:
        """Have a server do the first call that it has, or refuse it."""
        server = self.chance.choice([server for server in SERVERS if self.sent[server]] or [None])
        if server is None:
            return
        slot, call = self.sent[server].pop(0)
        if self.has[slot] == server:
            self.done[slot].append(call.command)
        else:
            self.lines.wait(slot, call, returned=True, later=self.chance.random() < 0.3)
        if self.lines.ended(slot):
            self._go(slot)

    def try_again(self) -> None:
        for slot in self.lines.due():
            self._go(slot)

    def _go(self, slot: int) -> None:
        for call in self.lines.take(slot):
            self._send(slot, call)


@pytest.mark.parametrize("seed", range(20))
def test_each_slot_keeps_its_order_wherever_it_is_and_nothing_stays(seed: int) -> None:
    moving = Moving(seed)
    for number in range(300):
        moving.call(moving.chance.randrange(3), Call(b"%d" % number, lambda _: None))
        for step in moving.chance.choices([moving.answer, moving.try_again], [5, 1], k=2):
            step()
        if number % 5 == 0:
            moving.move(moving.chance.randrange(3))
    while moving.lines.waiting or any(moving.sent.values()):
        moving.try_again()
        moving.answer()
    assert moving.done == moving.called


def test_calls_for_which_nobody_waits_are_let_go_of() -> None:
    lines, calls = SlotLines(), [Call(b"%d" % number, lambda _: None) for number in range(3)]
    for slot, call in zip((1, 1, 2), calls, strict=True):
        lines.wait(slot, call)
    calls[0].withdrawn = calls[2].withdrawn = True
    lines.let_go_of_withdrawn()
    assert lines.waiting == 1
    assert not lines.waits(2)
    assert lines.take(1) == [calls[1]]
