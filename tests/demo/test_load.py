"""How busy the machine is, as the monitor says."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cometary.demo.load import Times, memory_of, times_of

STAT = "cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n"
MEMINFO = "MemTotal:        8388608 kB\nMemFree:  1048576 kB\nMemAvailable: 9 kB\nBuffers: 2048 kB\nCached: 4096 kB\n"


def test_all_processors_together_are_read_and_what_guests_take_is_counted_once() -> None:
    assert times_of(STAT) == Times(100 + 20 + 30 + 400 + 50 + 6 + 7 + 8, 450)


def test_memory_is_in_mib() -> None:
    assert memory_of(MEMINFO) == {"total": 8192, "free": 1024, "buffers": 2, "cached": 4}


def test_what_is_not_said_of_the_memory_is_0() -> None:
    assert memory_of("MemTotal: 2048 kB\n") == {"total": 2, "free": 0, "buffers": 0, "cached": 0}


@given(st.builds(Times, *[st.integers(0, 100)] * 2), st.builds(Times, *[st.integers(0, 100)] * 2))
def test_whatever_the_kernel_says_a_share_is_one(before: Times, now: Times) -> None:
    assert 0 <= now.busy_since(before) <= 100


@given(st.tuples(*[st.integers(0, 2**40)] * 4))
def test_g8_what_is_not_idle_is_busy(ticks: tuple[int, int, int, int]) -> None:
    busy, idle, more_busy, more_idle = ticks
    share = Times(busy + idle + more_busy + more_idle, idle + more_idle).busy_since(Times(busy + idle, idle))
    assert 0 <= share <= 100
    if more_busy + more_idle:
        assert abs(share - 100 * more_busy / (more_busy + more_idle)) < 1e-6


def test_what_the_kernel_of_this_machine_says_can_be_read() -> None:
    assert times_of(Path("/proc/stat").read_text("ascii")).total > 0
    assert memory_of(Path("/proc/meminfo").read_text("ascii"))["total"] > 0
