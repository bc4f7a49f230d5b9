"""The account of a session that ends: what is missing, twice or in another place shows."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.chaos.endings import LATE, Ending
from cometary.chaos.ledger import Counts
from cometary.sessions import Packet

TASK = [1, 2, 3, 4]
THREAD = [1, 2, 3]


@pytest.mark.parametrize(
    ("task", "thread", "counts"),
    [
        (TASK, THREAD, Counts(7, 7)),
        (TASK, [1, 2], Counts(7, 6)),
        (TASK, [1], Counts(7, 5, lost=1)),
        (TASK, [1, 3], Counts(7, 6, lost=1, reordered=1)),
        ([1, 2, 3], THREAD, Counts(7, 6, lost=1)),
        ([1, 2, 4], THREAD, Counts(7, 6, lost=1, reordered=1)),
        ([1, 2, 4, 3], THREAD, Counts(7, 7, reordered=2)),
        ([1, 2, 2, 3, 4], THREAD, Counts(8, 8, doubled=1)),
        (TASK, [*THREAD, 4], Counts(8, 8)),
    ],
)
def test_an_ending_is_judged(task: list[int], thread: list[int], counts: Counts) -> None:
    session: Any = None
    ending = Ending(session)
    ending.sent = {"task": 4, "thread": 3}
    ending.by_thread = 2
    listed = [Packet("other", 1), *[Packet(LATE, ["task", number]) for number in task]]
    listed += [Packet(LATE, ["thread", number]) for number in thread]
    assert ending.judge(listed) == counts
    assert ending.told.is_set()
