from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cometary.sessions.bucket import Bucket

RATE, BURST = 10.0, 50.0


def test_a_full_bucket_gives_as_many_as_it_holds() -> None:
    bucket = Bucket(BURST, 0)
    assert bucket.wait(50, RATE, BURST, 0) == 0
    bucket.take(50)
    assert bucket.wait(1, RATE, BURST, 0) == 0.1


def test_it_fills_while_nothing_is_taken_but_never_overflows() -> None:
    bucket = Bucket(BURST, 0)
    bucket.take(50)
    assert bucket.wait(20, RATE, BURST, 2) == 0
    bucket.take(20)
    assert bucket.wait(51, RATE, BURST, 1000) == 0


def test_what_has_come_is_kept_however_often_it_is_looked_at() -> None:
    bucket = Bucket(BURST, 0)
    bucket.take(50)
    assert [bucket.wait(20, RATE, BURST, now) for now in (0.5, 1, 1.5, 2, 3)] == [1.5, 1, 0.5, 0, 0]


def test_more_than_a_full_bucket_is_late_but_not_impossible() -> None:
    bucket = Bucket(BURST, 0)
    assert bucket.wait(80, RATE, BURST, 0) == 0
    bucket.take(80)
    assert bucket.wait(1, RATE, BURST, 0) == 3.1


def test_one_that_is_full_again_need_not_be_remembered() -> None:
    bucket = Bucket(BURST, 100)
    bucket.take(10)
    assert not bucket.full(RATE, BURST, 100.5)
    assert bucket.full(RATE, BURST, 101)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 60)), max_size=60))
def test_nobody_gets_more_than_a_burst_and_what_has_come_since(asked: list[tuple[float, int]]) -> None:
    bucket, now, taken = Bucket(BURST, 0), 0.0, 0
    for pause, count in asked:
        now += pause
        if bucket.wait(count, RATE, BURST, now) == 0:
            bucket.take(count)
            taken += count
        assert taken <= BURST + now * RATE + 10 + 1e-6  # 10: what a request may owe
