"""When a call counts as holding up the loop: looks, a clock and a loop that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cometary.actors.watchdog import Watch


@dataclass(frozen=True)
class Call:
    identity: object


class World:
    """A loop that is in the middle of `call`, and a clock."""

    def __init__(self) -> None:
        self.time = 100.0
        self.call: Call | None = None
        self.beats: list[Callable[[], None]] = []
        self.reports: list[tuple[object, float]] = []
        self.watch = Watch[Call](
            1.0,
            now=lambda: self.time,
            look=lambda: self.call,
            beat=self.beats.append,
            report=lambda call, seconds: self.reports.append((call.identity, seconds)),
        )

    def during(self, call: object, seconds: float) -> None:
        """Pass time in one call, with a look each quarter of a second; each look sees another view of it."""
        for _ in range(round(seconds * 4)):
            self.call = None if call is None else Call(call)
            self.watch.tick()
            self.time += 0.25

    def come_round(self) -> None:
        """Let the loop give its signs of life."""
        while self.beats:
            self.beats.pop()()


def test_a_call_that_goes_on_is_reported_once_while_it_does() -> None:
    world = World()
    world.during("slow", 1.0)
    assert world.reports == []
    world.during("slow", 5.0)
    assert world.reports == [("slow", 1.0)]
    assert world.watch.longest == 5.75


def test_each_occurrence_is_reported() -> None:
    world = World()
    for _ in range(3):
        world.during("slow", 1.25)
        world.come_round()
    assert world.reports == [("slow", 1.0)] * 3


def test_short_calls_one_after_the_other_are_not_reported() -> None:
    world = World()
    for number in range(100):
        world.during(f"call {number}", 0.75)
    assert world.reports == []
    assert world.watch.longest == 0.5


def test_a_call_that_lets_the_loop_run_is_not_reported() -> None:
    world = World()
    for _ in range(100):
        world.during("an async handler", 0.75)
        world.come_round()
    assert world.reports == []


def test_an_idle_loop_is_not_woken() -> None:
    world = World()
    world.during(None, 100)
    assert world.beats == []
    assert world.watch.longest == 0.0


def test_a_pause_between_two_equal_calls_starts_anew() -> None:
    world = World()
    world.during("call", 0.75)
    world.during(None, 0.25)
    world.during("call", 0.75)
    assert world.reports == []


def test_whenever_it_begins_a_call_is_reported_that_takes_half_as_long_again() -> None:
    for begins in range(10):
        world = World()
        until = world.time + 2.0 + begins / 10
        while world.time <= until + 1.5:
            world.call = Call("slow") if until < world.time else None
            world.watch.tick()
            world.time += world.watch.pause
        assert len(world.reports) == 1, begins


def test_a_loop_in_no_call_is_looked_at_more_rarely() -> None:
    world = World()
    idle = world.watch.pause
    world.call = Call("slow")
    world.watch.tick()
    assert world.watch.pause < idle < 0.5
