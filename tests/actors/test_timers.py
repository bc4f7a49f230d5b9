"""Timers: against a naive model, and in an actor on a clock that jumps."""

from __future__ import annotations

import random
import weakref
from math import inf, nan
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from trio.testing import MockClock

from cometary.actors import Actor, Timer, system
from cometary.actors.timers import GRAIN, TimerQueue
from cometary.errors import UsageError

ANY = 10**9
DELAYS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 5.0, 60.0, inf])


class Box:
    """Takes what expires."""

    def __init__(self) -> None:
        self.got: list[object] = []
        self.closed = False
        self.life = self.mail_since = 0

    def put_if_open(self, item: object) -> None:
        if not self.closed:
            self.got.append(item)


class TimersAgainstModel(RuleBasedStateMachine):
    """The model is a dictionary of deadlines that is looked through from end to end."""

    COUNT = 6

    @initialize()
    def begin(self) -> None:
        self.clock = 0.0
        self.alarm = inf
        self.queue = TimerQueue(lambda: self.clock, self.ring)
        self.box = Box()
        self.timers = [Timer(self.queue, self.box, number) for number in range(self.COUNT)]
        self.model: dict[int, float] = {}

    def ring(self) -> None:
        self.alarm = self.queue.next_due

    @rule(number=st.integers(0, COUNT - 1), seconds=DELAYS)
    def start(self, number: int, seconds: float) -> None:
        self.timers[number].start(seconds)
        self.model[number] = self.clock + seconds

    @rule(number=st.integers(0, COUNT - 1))
    def cancel(self, number: int) -> None:
        self.timers[number].cancel()
        self.model.pop(number, None)

    @rule(number=st.integers(0, COUNT - 1), seconds=DELAYS)
    def move_often(self, number: int, seconds: float) -> None:
        for _ in range(100):  # enough for the heap to be compacted
            self.start(number, 1.0)
            self.start(number, 0.0)
            self.start(number, seconds)

    @rule(seconds=st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0, 100.0]), limit=st.sampled_from([1, 2, ANY]))
    def wait(self, seconds: float, limit: int) -> None:
        self.clock += seconds
        while self.queue.next_due <= self.clock:
            self.queue.expire(self.clock, limit)
        self.alarm = self.queue.next_due
        due = sorted(number for number, deadline in self.model.items() if deadline <= self.clock)
        assert sorted(self.box.got) == due  # type: ignore[type-var]
        self.box.got.clear()
        for number in due:
            del self.model[number]

    @invariant()
    def nothing_is_overslept(self) -> None:
        if hasattr(self, "model"):
            earliest = min(self.model.values(), default=inf)
            assert self.queue.next_due <= earliest
            assert self.alarm <= earliest or self.alarm <= self.clock

    @invariant()
    def running_timers_are_those_of_the_model(self) -> None:
        if hasattr(self, "model"):
            running = {number for number, timer in enumerate(self.timers) if timer.running}
            assert running == {number for number, deadline in self.model.items() if deadline < inf}

    @invariant()
    def the_heap_stays_small(self) -> None:
        if hasattr(self, "model"):
            assert len(self.queue) <= TimerQueue._SMALL + 1


TestTimersAgainstModel = TimersAgainstModel.TestCase


def test_timers_expire_in_the_order_of_their_deadlines() -> None:
    box = Box()
    queue = TimerQueue(lambda: 0.0, lambda: None)
    for seconds in (3, 1, 2, 1):
        Timer(queue, box, seconds).start(seconds)
    queue.expire(10.0, ANY)
    assert box.got == [1, 1, 2, 3]


def test_a_crowd_of_timers_expires_a_few_at_a_time() -> None:
    box = Box()
    queue = TimerQueue(lambda: 0.0, lambda: None)
    for number in range(10):
        Timer(queue, box, number).start(1)
    queue.expire(2.0, 4)
    assert box.got == [0, 1, 2, 3]
    assert queue.next_due == 1


def test_none_that_runs_is_lost_when_there_are_so_many_that_the_queue_is_tidied() -> None:
    clock, box = [0.0], Box()
    queue = TimerQueue(lambda: clock[0], lambda: None)
    near_and_far = [0.03 + 0.07 * number + 20 * (number % 2) for number in range(3 * TimerQueue._SMALL)]
    for seconds in near_and_far:
        Timer(queue, box, seconds).start(seconds)
    clock[0] = 100.0
    queue.expire(100.0, 1_000)
    assert box.got == sorted(near_and_far)


def test_timers_that_were_started_long_ago_expire_some_at_a_time_in_the_order_of_their_deadlines() -> None:
    clock, box = [0.0], Box()
    queue = TimerQueue(lambda: clock[0], lambda: None)
    for seconds in (60.2, 60.04, 60.12, 60.28):
        Timer(queue, box, seconds).start(seconds)
    assert queue.next_due == 60 + GRAIN
    clock[0] = 59.0
    Timer(queue, box, "near").start(1.08)
    assert queue.next_due == pytest.approx(60.08), "one that is near is not late"
    queue.expire(60.1, ANY)
    assert box.got == [60.04, "near"], "who is awake sees to all that is due"
    assert queue.next_due == 60 + GRAIN
    queue.expire(60 + GRAIN, ANY)
    assert box.got[2:] == [60.12, 60.2]
    assert queue.next_due == 60 + 2 * GRAIN


def test_a_timer_that_was_to_expire_long_after_its_start_is_on_time_when_it_is_moved_to_a_moment_later() -> (
    None
):
    clock, box = [0.0], Box()
    queue = TimerQueue(lambda: clock[0], lambda: None)
    timer = Timer(queue, box, "moved")
    timer.start(60.01)
    clock[0] = 60.0
    timer.start(0.03125)
    assert queue.next_due == 60.03125
    queue.expire(60.03125, ANY)
    assert box.got == ["moved"]
    queue.expire(61.0, ANY)
    assert box.got == ["moved"]
    assert queue.next_due == inf


def test_moving_a_timer_later_does_not_touch_the_heap() -> None:
    now = [0.0]
    queue = TimerQueue(lambda: now[0], lambda: None)
    timer = Timer(queue, Box(), "x")
    for step in range(1000):
        now[0] = step / 1000
        timer.start(45)
        timer.cancel()
    assert len(queue) == 1


def test_starting_a_timer_for_the_same_moment_again_does_not_touch_the_heap() -> None:
    queue = TimerQueue(lambda: 0.0, lambda: None)
    timer = Timer(queue, Box(), "x")
    for _ in range(3):
        timer.start(45)
        timer.start_at(45)
    assert len(queue) == 1


def test_timers_of_the_same_moment_expire_in_the_order_of_their_starts_however_that_is_said() -> None:
    box = Box()
    queue = TimerQueue(lambda: 0.0, lambda: None)
    timers = [Timer(queue, box, number) for number in range(4)]
    for number in (2, 0, 3, 1):
        timers[number].start_at(1.0) if number % 2 else timers[number].start(1.0)
    timers[0].start_at(1.0)
    queue.expire(1.0, ANY)
    assert box.got == [2, 3, 1, 0]


def test_the_timers_of_one_are_those_that_run_the_soonest_first() -> None:
    box, other = Box(), Box()
    queue = TimerQueue(lambda: 0.0, lambda: None)
    late, early, same, cancelled, moved = (Timer(queue, box, "x") for _ in range(5))
    Timer(queue, other, "x").start(1)
    for timer, seconds in ((late, 9), (early, 2), (same, 2), (cancelled, 3), (moved, 5), (moved, 4)):
        timer.start(seconds)
    cancelled.cancel()
    assert queue.of(box) == [early, same, moved, late]


def test_a_cancelled_timer_is_looked_at_once_more_and_leaves_the_heap() -> None:
    box = Box()
    queue = TimerQueue(lambda: 0.0, lambda: None)
    timer = Timer(queue, box, "x")
    timer.start(1)
    timer.cancel()
    queue.expire(2.0, ANY)
    assert len(queue) == 0
    assert queue.next_due == inf
    timer.start(1)
    queue.expire(2.0, ANY)
    assert box.got == ["x"]


def test_whoever_sleeps_is_woken_only_by_a_timer_that_is_due_sooner() -> None:
    alarms: list[float] = []
    queue = TimerQueue(lambda: 0.0, lambda: alarms.append(queue.next_due))
    for seconds in (2, 2, 3, 1, 1):
        Timer(queue, Box(), "x").start(seconds)
    assert alarms == [2, 1]


def test_the_timers_of_actors_that_have_ended_do_not_pile_up() -> None:
    queue = TimerQueue(lambda: 0.0, lambda: None)
    timers: list[Timer] = []
    most = 0
    for _ in range(10_000):
        box = Box()
        timers.append(Timer(queue, box, "x"))
        timers[-1].start(86_400)
        box.closed = True
        most = max(most, len(queue))
    assert most == TimerQueue._SMALL
    assert not timers[0].running


def test_the_heap_is_looked_through_only_when_it_has_doubled() -> None:
    class Watched(Box):
        """Counts how often somebody looks whether it is closed."""

        looks = 0

        def __getattribute__(self, name: str) -> object:
            Watched.looks += name == "closed"
            return super().__getattribute__(name)

    queue = TimerQueue(lambda: 0.0, lambda: None)
    for _ in range(5000):
        Timer(queue, Watched(), "x").start(60)
    assert 0 < Watched.looks < 2 * 5000


def test_entries_that_nobody_needs_are_never_more_than_those_that_somebody_does() -> None:
    queue = TimerQueue(lambda: 0.0, lambda: None)
    for _ in range(1000):
        Timer(queue, Box(), "x").start(60)
    most = 0
    for _ in range(10_000):
        box = Box()
        Timer(queue, box, "x").start(60)
        box.closed = True
        most = max(most, len(queue))
    assert most <= 2 * (1000 + 1)


def test_timers_keep_their_order_when_others_are_thrown_out() -> None:
    shuffled = random.Random(1)  # noqa: S311 - no secret
    queue = TimerQueue(lambda: 0.0, lambda: None)
    box, closed = Box(), Box()
    left = 0
    for _ in range(20 * TimerQueue._SMALL):
        seconds = shuffled.randrange(10_000)
        chosen = shuffled.choice([box, closed])
        Timer(queue, chosen, seconds).start(seconds)
        left += chosen is box
    closed.closed = True
    for _ in range(20 * TimerQueue._SMALL):
        Timer(queue, closed, "x").start(60)
    for now in range(0, 10_001, 10):
        queue.expire(now, ANY)
        assert all(isinstance(seconds, int) and now - 10 < seconds <= now for seconds in box.got)
        assert box.got == sorted(box.got)  # type: ignore[type-var]
        left -= len(box.got)
        box.got.clear()
    assert left == 0


def test_a_closed_timer_never_expires_and_its_entry_is_thrown_out() -> None:
    box = Box()
    queue = TimerQueue(lambda: 0.0, lambda: None)
    timers = [Timer(queue, box, "x") for _ in range(10_000)]
    for timer in timers:
        timer.start(60)
        timer.close()
    assert len(queue) <= 2 * TimerQueue._SMALL
    queue.expire(100.0, ANY)
    assert box.got == []
    assert not any(timer.running for timer in timers)


def test_a_closed_timer_refuses_to_be_started() -> None:
    box = Box()
    queue = TimerQueue(lambda: 0.0, lambda: None)
    timer = Timer(queue, box, "x")
    timer.start(60)
    timer.close()
    timer.close()
    timer.cancel()
    with pytest.raises(UsageError, match="closed"):
        timer.start(1)
    assert not timer.running
    queue.expire(100.0, ANY)
    assert box.got == []


@pytest.mark.parametrize("seconds", [-1, -inf, nan])
def test_a_time_that_makes_no_sense_is_refused(seconds: float) -> None:
    timer = Timer(TimerQueue(lambda: 0.0, lambda: None), Box(), "x")
    with pytest.raises(UsageError):
        timer.start(seconds)
    assert not timer.running


class Alarm(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.rang: list[tuple[object, float]] = []
        self.bell = self.timer("bell")

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, float):
            self.bell.start(message)
        elif message == "snooze":
            self.bell.cancel()
        else:
            self.rang.append((message, trio.current_time()))


async def test_an_actor_is_told_when_its_timer_expires(autojump_clock: MockClock) -> None:
    async with system():
        ref = Alarm.start()
        ref.tell(45.0)
        await trio.sleep(44)
        ref.tell(45.0)
        await trio.sleep(100)
        ref.tell(5.0)
        ref.tell("snooze")
        await trio.sleep(100)
        assert await ref.proxy().rang == [("bell", 89.0)]


async def test_a_timer_of_zero_seconds_comes_after_the_mail_that_is_there(autojump_clock: MockClock) -> None:
    async with system():
        ref = Alarm.start()
        ref.tell(0.0)
        ref.tell("mail")
        await trio.sleep(1)
        assert [what for what, _ in await ref.proxy().rang] == ["mail", "bell"]


async def test_a_timer_of_an_actor_that_has_ended_expires_quietly(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        ref = Alarm.start()
        await ref.ask(3.0)
        await ref.stop()
        await trio.sleep(10)
        assert not ref.is_alive()
    assert caplog.records == []


async def test_a_sooner_timer_wakes_a_scheduler_that_sleeps_until_a_later_one(
    autojump_clock: MockClock,
) -> None:
    async with system():
        early, late = Alarm.start(), Alarm.start()
        await late.ask(1000.0)
        await trio.sleep(1)
        await early.ask(1.0)
        await trio.sleep(5)
        assert await early.proxy().rang == [("bell", 2.0)]


# -- the same moment ----------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0]), st.sampled_from([0.0, 1.0, 2.0])
        ),
        max_size=30,
    )
)
def test_timers_due_at_the_same_moment_expire_in_the_order_of_their_last_start(
    steps: list[tuple[int, float, float]],
) -> None:
    now, box = 0.0, Box()
    queue = TimerQueue(lambda: now, lambda: None)
    timers = [Timer(queue, box, number) for number in range(4)]
    model: dict[int, float] = {}  # which are running, and until when, in the order of their last start
    expected: list[object] = []
    for number, seconds, passing in steps:
        timers[number].start(seconds)
        model.pop(number, None)
        model[number] = now + seconds
        now += passing
        queue.expire(now, 1000)
        for due in sorted(each for each in set(model.values()) if each <= now):
            expected += [number for number, deadline in model.items() if deadline == due]
        model = {number: deadline for number, deadline in model.items() if deadline > now}
    assert box.got == expected


def test_a_timer_may_be_given_the_moment_itself() -> None:
    now, box = 100.1, Box()
    queue = TimerQueue(lambda: now, lambda: None)
    late, early, past = (Timer(queue, box, name) for name in ("late", "early", "past"))
    late.start_at(100.4)
    early.start_at(100.2 + 0.1)
    past.start_at(7)
    assert (late.deadline, past.deadline) == (100.4, now)
    queue.expire(100.4, 10)
    assert box.got == ["past", "early", "late"]
    late.close()
    with pytest.raises(UsageError, match="closed"):
        late.start_at(200)


def test_a_timer_that_was_closed_keeps_nobody_while_its_entry_waits() -> None:
    queue = TimerQueue(lambda: 0.0, lambda: None)
    box = Box()
    timer = Timer(queue, box, "late")
    timer.start(60)
    timer.close()
    gone = weakref.ref(box)
    del box
    assert gone() is None
    assert len(queue) == 1
    queue.expire(100, ANY)
    assert len(queue) == 0
