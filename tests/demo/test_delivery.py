"""The tally of a numbered stream."""

from __future__ import annotations

import pytest

from cometary.demo.delivery import Tally


@pytest.mark.parametrize(
    ("numbers", "lost", "doubled", "before"),
    [
        ([1, 2, 3], 0, 0, 0),
        ([7, 8, 9], 0, 0, 6),
        ([1, 4, 5], 2, 0, 0),
        ([1, 2, 2, 3], 0, 1, 0),
        ([3, 2], 0, 1, 2),
        ([], 0, 0, 0),
    ],
)
def test_what_is_missing_or_came_before_is_counted(
    numbers: list[int], lost: int, doubled: int, before: int
) -> None:
    tally = Tally()
    for number in numbers:
        tally.count(number)
    assert tally.as_dict() == {
        "received": len(numbers),
        "lost": lost,
        "doubled": doubled,
        "before": before,
    }
