"""An address may open so many sessions a minute, and is told when it may again."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
from cometary.gate import rate_limit
from cometary.gate.rate_limit import OpenLimiter, is_loopback

ADDRESS = "192.0.2.1"
OTHER = "2001:db8::1"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> OpenLimiter:
    return OpenLimiter(3, clock)


def opens(limiter: OpenLimiter, address: str, times: int) -> int:
    """How many of so many opens are allowed."""
    allowed = 0
    for _ in range(times):
        try:
            limiter.check(address)
        except ProtocolError as error:
            assert error.condition == "too-many-requests"  # noqa: PT017 - it is one of many calls
        else:
            allowed += 1
    return allowed


def test_each_address_has_its_own_count(limiter: OpenLimiter) -> None:
    assert opens(limiter, ADDRESS, 5) == 3
    assert opens(limiter, OTHER, 5) == 3


def test_after_a_minute_it_may_again(limiter: OpenLimiter, clock: Clock) -> None:
    opens(limiter, ADDRESS, 5)
    clock.now += 59.9
    assert opens(limiter, ADDRESS, 1) == 0
    clock.now += 0.1
    assert opens(limiter, ADDRESS, 5) == 3


def test_the_first_minute_is_a_whole_one_whatever_the_clock_says(limiter: OpenLimiter, clock: Clock) -> None:
    clock.now = 0.0
    assert opens(limiter, ADDRESS, 5) == 3
    clock.now = 59.9
    assert opens(limiter, ADDRESS, 5) == 0


@pytest.mark.parametrize(("later", "retry_after"), [(0, 60), (20, 40), (59.9, 1)])
def test_the_refusal_says_when(limiter: OpenLimiter, clock: Clock, later: float, retry_after: int) -> None:
    opens(limiter, ADDRESS, 3)
    clock.now += later
    with pytest.raises(ProtocolError) as caught:
        limiter.check(ADDRESS)
    assert caught.value.status == 429
    assert caught.value.retry_after == retry_after


def test_zero_is_no_limit(clock: Clock) -> None:
    assert opens(OpenLimiter(0, clock), ADDRESS, 1000) == 1000


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "unix"])
def test_loopback_is_exempt(limiter: OpenLimiter, address: str) -> None:
    assert opens(limiter, address, 100) == 100


def test_there_are_only_so_many_counts(limiter: OpenLimiter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MOST_ADDRESSES", 10)
    for number in range(25):
        limiter.check(f"192.0.2.{number}")
        assert len(limiter._counts) <= 10


@pytest.mark.parametrize("address", ["", "localhost", "192.0.2.1", "127.0.0.1.example", "::2", "0.0.0.0"])
def test_anything_else_is_not_loopback(address: str) -> None:
    assert not is_loopback(address)
