"""The window says of each request id whether it is new, early, a retry, or nothing to talk about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.sessions.window import RequestWindow

FIRST = 100


@pytest.fixture
def window() -> RequestWindow[str]:
    return RequestWindow(FIRST, width=3)


def process_until(window: RequestWindow[str], rid: int) -> None:
    window.expected = rid + 1


def test_the_request_that_opened_the_session_has_been_seen(window: RequestWindow[str]) -> None:
    assert window.seen(FIRST)
    assert window.expected == FIRST + 1
    assert window.last == FIRST


def test_every_id_that_was_processed_is_a_retry_however_old(window: RequestWindow[str]) -> None:
    process_until(window, FIRST + 1000)
    assert all(window.seen(rid) for rid in range(FIRST, FIRST + 1001))


def test_an_id_that_is_still_to_come_is_no_retry(window: RequestWindow[str]) -> None:
    process_until(window, FIRST + 5)
    assert [window.seen(window.expected + ahead) for ahead in range(-1, 3)] == [True, False, False, False]


@pytest.mark.parametrize("rid", [0, 1, FIRST - 1])
def test_an_id_below_the_first_is_outside(window: RequestWindow[str], rid: int) -> None:
    process_until(window, FIRST + 5)
    assert not window.seen(rid)
    assert not window.early(rid)


def test_an_id_may_be_early_by_less_than_the_width(window: RequestWindow[str]) -> None:
    assert [window.early(window.expected + ahead) for ahead in range(5)] == [False, True, True, False, False]


def test_a_client_that_may_have_one_request_cannot_be_early() -> None:
    window: RequestWindow[str] = RequestWindow(FIRST, width=1)
    assert not any(window.early(rid) for rid in range(FIRST, FIRST + 5))


def test_an_early_request_comes_out_when_it_is_expected(window: RequestWindow[str]) -> None:
    assert window.early_count == 0
    window.keep(FIRST + 2, "second")
    assert window.early_count == 1
    assert window.take_expected() is None
    process_until(window, FIRST + 1)
    assert window.take_expected() == "second"
    assert window.take_expected() is None
    assert not window.has_early


def test_the_older_of_two_with_the_same_id_comes_back(window: RequestWindow[str]) -> None:
    assert window.keep(FIRST + 2, "older") is None
    assert window.keep(FIRST + 2, "newer") == "older"
    assert window.give_up() == ["newer"]


def test_only_the_very_request_is_forgotten(window: RequestWindow[object]) -> None:
    older, newer = object(), object()
    window.keep(FIRST + 2, older)
    window.keep(FIRST + 2, newer)
    window.forget(FIRST + 2, older)
    assert window.has_early
    window.forget(FIRST + 2, newer)
    assert not window.has_early
    window.forget(FIRST + 2, newer)


def test_those_given_up_come_in_the_order_of_their_ids(window: RequestWindow[str]) -> None:
    window.keep(FIRST + 3, "third")
    window.keep(FIRST + 2, "second")
    assert window.give_up() == ["second", "third"]
    assert window.give_up() == []


@given(st.permutations(range(1, 9)), st.integers(1, 8))
def test_requests_of_any_order_within_the_window_are_processed_in_order(
    arrivals: list[int], width: int
) -> None:
    window: RequestWindow[int] = RequestWindow(0, width)
    processed: list[int] = []
    waiting = list(arrivals)
    while waiting:
        # What is outside the window now is sent again until it is not.
        rid = next(rid for rid in waiting if rid == window.expected or window.early(rid))
        waiting.remove(rid)
        if window.early(rid):
            window.keep(rid, rid)
            continue
        following: int | None = rid
        while following is not None:
            processed.append(following)
            window.expected += 1
            following = window.take_expected()
    assert processed == list(range(1, 9))
    assert not window.has_early
