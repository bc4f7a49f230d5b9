"""Freezing: worlds that are alike are equal, and what is thawed shares nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import pytest

from cometary.fsm import State, StateMachine, Step, Timeout, goto, on, timeout
from cometary.testing import Freezer, freeze, thaw
from cometary.testing.frozen import slots


class Pair(NamedTuple):
    left: object
    right: object


@dataclass(frozen=True)
class Point:
    x: int


class Slotted:
    __slots__ = ("first", "second")
    first: int
    second: int


class Child(Slotted):
    __slots__ = ("third",)
    third: list[int]


class Plain:
    def __init__(self, **attributes: object) -> None:
        vars(self).update(attributes)


class Lamp(StateMachine):
    off = State(initial=True)
    on_ = State()

    def __init__(self) -> None:
        super().__init__()
        self.times = [0]

    @on(off, str, to=on_)
    def switch_on(self, _event: str) -> Step:
        """Shines for a while."""
        self.times.append(1)
        return goto(self.on_, Timeout("glow", 5.0))

    @on(on_, timeout("glow"), to=off)
    def switch_off(self, _event: object) -> Step:
        """Shines no more."""
        return goto(self.off)


VALUES: list[object] = [
    1,
    "text",
    None,
    (1, (2, "three")),
    Point(3),
    [1, [2, (3, [])]],
    {"b": [1], "a": {2: {3}}},
    deque([1, [2]]),
    {1, 2},
    frozenset({(1, 2)}),
    Pair([1], (2,)),
    int,
    len,
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_thawed_is_equal_to_what_was_frozen(value: object) -> None:
    frozen = freeze(value)
    hash(frozen)
    thawed = thaw(frozen)
    assert thawed == value
    assert type(thawed) is type(value)


def test_what_is_thawed_shares_nothing_that_can_change() -> None:
    value: list[list[int]] = [[1]]
    frozen = freeze(value)
    one, other = thaw(frozen), thaw(frozen)
    one[0].append(2)
    assert (other, value) == ([[1]], [[1]])


def test_the_order_of_a_dict_does_not_matter() -> None:
    assert freeze({"a": 1, "b": 2}) == freeze({"b": 2, "a": 1})


def test_kinds_that_look_alike_stay_apart() -> None:
    kinds: list[Any] = [[1], deque([1]), {1}, frozenset([1])]
    assert len({freeze(value) for value in kinds}) == 4


def test_every_slot_of_an_object_counts_and_so_do_those_that_are_not_set() -> None:
    one, other = Child(), Child()
    one.first = other.first = 1
    assert freeze(one) == freeze(other)
    other.third = [3]
    assert freeze(one) != freeze(other)
    thawed = thaw(freeze(other))
    assert (type(thawed), thawed.first, thawed.third) == (Child, 1, [3])
    assert not hasattr(thawed, "second")


def test_every_attribute_of_an_object_counts() -> None:
    assert freeze(Plain(a=1)) == freeze(Plain(a=1))
    assert freeze(Plain(a=1)) != freeze(Plain(a=1, b=2))
    thawed = thaw(freeze(Plain(a=[1])))
    assert vars(thawed) == {"a": [1]}


def test_a_machine_goes_on_where_it_was_frozen() -> None:
    lamp = Lamp()
    lamp.start()
    lamp.step("click")
    frozen = freeze(lamp)
    twin = thaw(frozen)
    [timer] = twin.running_timers
    twin.step(timer.timed_out())
    assert (twin.state, lamp.state) == (Lamp.off, Lamp.on_)
    assert freeze(lamp) == frozen
    twin.step("click")
    assert (twin.times, lamp.times) == ([0, 1, 1], [0, 1])


def test_identity_is_kept_by_those_who_ask_for_it() -> None:
    shared = Plain(name="shared")
    freezer = Freezer(special={Plain: (attrgetter("name"), {"shared": shared}.__getitem__)})
    [one, [other]] = freezer.thaw(freezer.freeze([shared, [shared]]))
    assert one is other is shared


def test_what_is_said_to_be_an_atom_stands_for_itself() -> None:
    atom = Plain(name="atom")
    freezer = Freezer(atoms=[Plain])
    [one] = freezer.thaw(freezer.freeze([atom]))
    assert one is atom


class Compiled:
    """As mypyc makes classes: no slot is seen, but their names."""

    __slots__ = ("__dict__",)
    __mypyc_attrs__ = ("count", "__dict__")

    @property
    def count(self) -> int:
        return int(vars(self)["hidden"])

    @count.setter
    def count(self, count: int) -> None:
        vars(self)["hidden"] = count


def test_the_attributes_of_a_compiled_class_are_like_slots() -> None:
    compiled = Compiled()
    compiled.count = 3
    assert slots(Compiled) == ("count",)
    assert thaw(freeze(compiled)).count == 3
