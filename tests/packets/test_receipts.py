"""The log of receipts: numbered, bounded, read by anybody any number of times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.packets.receipts import Page, Receipt, ReceiptLog


def receipt(number: int) -> Receipt:
    return Receipt(str(number), "delivered", "a", "name")


def filled(count: int, kept: int = 1000) -> ReceiptLog:
    log = ReceiptLog(kept)
    for number in range(1, count + 1):
        log.add(receipt(number))
    return log


def test_reading_takes_nothing_out() -> None:
    log = filled(3)
    assert log.read() == log.read() == Page([receipt(1), receipt(2), receipt(3)], 3, 0)
    assert log.read(after=3) == Page([], 3, 0)


def test_a_reader_reads_on_from_where_it_was() -> None:
    log = filled(5)
    assert log.read(after=1, limit=2) == Page([receipt(2), receipt(3)], 3, 0)


def test_a_reader_that_is_too_slow_is_told_what_it_missed() -> None:
    assert filled(10, kept=3).read(after=2) == Page([receipt(8), receipt(9), receipt(10)], 10, 5)


def test_a_number_from_the_future_is_the_end() -> None:
    assert filled(2).read(after=99) == Page([], 2, 0)


@given(st.integers(0, 40), st.integers(1, 10), st.integers(-3, 50), st.integers(0, 12))
def test_a_page_is_what_a_list_of_all_would_give(count: int, kept: int, after: int, limit: int) -> None:
    everything = [receipt(number) for number in range(1, count + 1)]
    page = filled(count, kept).read(after, limit)
    start = min(max(after, 0, count - kept), count)
    assert page.receipts == everything[start : start + limit]
    assert page.last == start + len(page.receipts)
    assert page.missed == max(count - kept - max(after, 0), 0)


def test_subscribers_hear_of_each_and_one_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    log = ReceiptLog()
    heard: list[Receipt] = []

    def fail(_: Receipt) -> None:
        raise LookupError

    log.subscribe(fail)
    log.subscribe(heard.append)
    log.add(receipt(1))
    log.unsubscribe(heard.append)
    log.unsubscribe(heard.append)
    log.add(receipt(2))
    assert heard == [receipt(1)]
    assert "a subscriber to receipts failed" in caplog.text
    assert log.last == 2


def test_a_receipt_is_shown_without_what_does_not_apply() -> None:
    assert receipt(1).as_dict() == {"id": "1", "outcome": "delivered", "path": "a", "session": "name"}
    routed = Receipt("1", "routed", "a", sessions=0)
    assert routed.as_dict() == {"id": "1", "outcome": "routed", "path": "a", "sessions": 0}
