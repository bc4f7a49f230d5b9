"""The lists of several nodes as one: in one order at first, then node by node, each line once."""

from __future__ import annotations

import pytest

from cometary.doors.inspector.merged import HEAD, Heads, needed, view


def lines_of(lists: list[list[float]], first: int, most: int) -> list[tuple[int, int]]:
    """Return what a page shows, as it is put together of what the nodes tell: of each line its node and its number."""
    head = needed(first, most)
    seen = view([Heads(len(each), each[:head]) for each in lists], first, most)
    following = [iter(range(part.first, part.first + part.most)) for part in seen.parts]
    return [(place, next(following[place])) for place in seen.order]


def in_order(lists: list[list[float]]) -> list[tuple[int, int]]:
    """Return the whole list, as the rules say it is."""
    keyed = [(key, place, n) for place, each in enumerate(lists) for n, key in enumerate(each)]
    head = sorted(keyed)[:HEAD]
    rest = sorted(set(keyed) - set(head), key=lambda line: (line[1], line[2]))
    return [(place, n) for _, place, n in head + rest]


@pytest.mark.parametrize("lengths", [(), (0, 0), (5,), (3, 0, 7), (40, 40, 40), (700, 900, 30), (1, 3_000)])
def test_each_view_shows_that_part_of_the_whole_list(lengths: tuple[int, ...]) -> None:
    lists = [
        sorted((n * 7_919 + place) % 500 / 2 for n in range(length)) for place, length in enumerate(lengths)
    ]
    whole = in_order(lists)
    for most in (1, 50, 200):
        for first in {0, 3, HEAD - 120, HEAD - 1, HEAD, HEAD + 77, max(0, len(whole) - 20), len(whole) + 5}:
            assert lines_of(lists, first, most) == whole[first : first + most]


def test_nodes_tell_no_more_numbers_than_are_in_one_order() -> None:
    assert needed(0, 50) == 50
    assert needed(90_000, 50) == HEAD
