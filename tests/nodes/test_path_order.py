"""One sequence of a path, whatever comes when."""

from __future__ import annotations

import random

from cometary.nodes.path_order import Numbered, PathOrder
from cometary.packets.packet import Packet


def numbered(number: int, before: int, epoch: str = "x.1") -> Numbered:
    return Numbered(epoch, number, before, Packet("p", number))


def numbers(out: list[Numbered]) -> list[int]:
    return [each.number for each in out]


def test_what_comes_in_any_order_and_twice_is_let_out_once_in_its_order() -> None:
    chosen = random.Random(1)  # noqa: S311 - no secret
    for _ in range(50):
        all_of_it = [3, 4, 7, 8, 12]
        coming = [
            numbered(number, before) for before, number in zip([2, *all_of_it], all_of_it, strict=False)
        ]
        coming += chosen.sample(coming, 3)
        chosen.shuffle(coming)
        order = PathOrder("x.1", 2)
        assert [number for each in coming for number in numbers(order.take(each))] == all_of_it
        assert not order.held


def test_what_was_read_is_let_out_with_what_waited_for_it() -> None:
    order = PathOrder("x.1", 2)
    assert order.take(numbered(5, 4)) == []
    assert order.take(numbered(9, 8)) == []
    assert order.held == 2
    assert numbers(order.fill("x.1", 6, [numbered(number, 0) for number in (3, 4, 5, 6)])) == [3, 4, 5, 6]
    assert numbers(order.take(numbered(8, 6))) == [8, 9]
    assert order.take(numbered(4, 3)) == []


def test_of_what_is_no_longer_kept_nothing_is_waited_for() -> None:
    order = PathOrder("x.1", 2)
    assert order.take(numbered(9, 8)) == []
    assert numbers(order.fill("x.1", 9, [numbered(8, 0)])) == [8, 9]


def test_numbers_of_another_life_go_on_and_those_of_another_base_begin_anew() -> None:
    order = PathOrder("x.1", 2)
    assert numbers(order.take(numbered(1_000_003, 2, "x.2"))) == [1_000_003]
    assert order.take(numbered(1_000_009, 1_000_008, "x.2")) == []
    assert order.misses("y.1", 1)
    assert numbers(order.take(numbered(1, 0, "y.1"))) == [1_000_009, 1]
    assert numbers(order.take(numbered(1_000_010, 1_000_009, "x.2"))) == [1_000_010], "nobody has had it"
    assert order.take(numbered(1_000_009, 1_000_008, "x.2")) == []
    assert numbers(order.take(numbered(2, 1, "y.1"))) == [2]
