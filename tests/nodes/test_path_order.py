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


def test_something_has_not_come_if_the_latest_number_is_a_later_one_or_of_another_base() -> None:
    order = PathOrder("x.1", 2)
    assert [order.misses("x.1", number) for number in (1, 2, 3)] == [False, False, True]
    assert not order.misses("x.2", 2), "another life has the same base"
    assert order.misses("y.1", 1)


def test_what_was_read_of_another_base_comes_behind_all_that_was_held_of_the_one_before() -> None:
    order = PathOrder("x.1", 2)
    assert order.take(numbered(9, 8)) == []
    assert numbers(order.fill("y.1", 3, [numbered(number, 0, "y.1") for number in (2, 3)])) == [9, 2, 3]
    assert (order.last, order.held) == (3, 0)
    assert numbers(order.take(numbered(10, 9))) == [10], "nobody has had it"
    assert order.take(numbered(9, 8)) == []


def test_what_was_read_counts_up_to_its_latest_number_and_never_back() -> None:
    order = PathOrder("x.1", 2)
    assert order.fill("x.1", 6, ()) == []
    assert (order.last, order.misses("x.1", 6)) == (6, False)
    assert order.fill("x.1", 4, [numbered(4, 3)]) == []
    assert order.last == 6
    assert numbers(order.take(numbered(8, 6))) == [8]
