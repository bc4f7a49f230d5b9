"""The lists of several nodes as one list, of which only what is in view is asked for. Pure.

1.  Each node has its own list, in an order that all have: by a number, the smallest first. The first `HEAD` lines of
    all are in that order. What comes behind them is listed node by node: to find the ten-thousandth of all, each node
    would have to tell the numbers of ten thousand.
2.  In either part the lines of one node come in its own order. So of each node one range is in view.
"""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEAD: Final = 1_000


class Heads(NamedTuple):
    """The beginning of the list of one node.

    Attributes:
        total: how long the list is.
        keys: the numbers by which its first lines are in order.
    """

    total: int
    keys: Sequence[float]


class Part(NamedTuple):
    """Lines of one node.

    Attributes:
        first: the number of the first one, in the list of that node.
        most: how many.
    """

    first: int
    most: int


class View(NamedTuple):
    """What is in view.

    Attributes:
        parts: of each node, the lines that are.
        order: of each line, the place of its node.
    """

    parts: Sequence[Part]
    order: Sequence[int]


def needed(first: int, most: int) -> int:
    """Return how many numbers each node has to tell for a view of `most` lines from the one numbered `first` on."""
    return min(first + most, HEAD)


def view(lists: Sequence[Heads], first: int, most: int) -> View:
    """Return what is in view.

    Args:
        lists: those of the nodes, with as many numbers as are `needed`, or all if there are fewer.
        first: the number of the first line in view.
        most: how many lines are.
    """
    order_of_all = _order(lists, needed(first, most))
    passed = [0] * len(lists)
    for place in islice(order_of_all, first):
        passed[place] += 1
    order = [*islice(order_of_all, most)]
    return View([Part(begin, order.count(place)) for place, begin in enumerate(passed)], order)


def _order(lists: Sequence[Heads], head: int) -> Iterator[int]:
    """Yield of each line the place of its node (rule 1)."""
    passed = [0] * len(lists)
    keyed = [[(key, place) for key in each.keys] for place, each in enumerate(lists)]
    for _, place in islice(heapq.merge(*keyed), head):
        passed[place] += 1
        yield place
    if head == HEAD:
        for place, each in enumerate(lists):
            for _ in range(each.total - passed[place]):
                yield place
