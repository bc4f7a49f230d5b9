"""Deadlines expire in the order of their members' coming, and only those that are due."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.net.deadlines import DeadlineQueue, Deadlines, gets_on


def queue_of(duration: float) -> tuple[DeadlineQueue[str], list[float]]:
    calls: list[float] = []

    def on_first(now: float) -> float:
        calls.append(now)
        return now

    return DeadlineQueue(duration, on_first), calls


def test_the_first_member_expires_by_the_time_that_the_look_out_says() -> None:
    queue = DeadlineQueue[str](10, lambda _: 100)
    queue.add("a", now=3)
    queue.add("b", now=101)
    assert queue.expired(109) == []
    assert queue.expired(110) == ["a"]


def test_members_expire_after_the_duration_and_not_before() -> None:
    queue, _ = queue_of(10)
    queue.add("a", now=0)
    queue.add("b", now=1)
    assert queue.expired(9.9) == []
    assert queue.expired(10) == ["a"]
    assert queue.expired(30) == ["b"]
    assert len(queue) == 0


def test_the_first_to_expire_is_the_one_that_came_first() -> None:
    queue, _ = queue_of(10)
    assert queue.first is None
    queue.add("a", now=1)
    queue.add("b", now=2)
    assert queue.first == 11


def test_what_gets_on_may_go_on_for_a_while() -> None:
    may_go_on = partial(gets_on, slowest=500, longest=30)
    assert may_go_on(5_000, 1, 10)
    assert not may_go_on(4_999, 1, 10)
    assert may_go_on(5_000, 2, 10)
    assert not may_go_on(1_000_000, 3, 10)


def test_each_name_and_each_duration_has_a_queue_of_its_own() -> None:
    deadlines = Deadlines[str](lambda now: now)
    body, head = deadlines.named("body", 10), deadlines.named("head", 10)
    assert deadlines.named("body", 10) is body
    assert deadlines.named("body", 5) not in (body, head)
    assert not deadlines
    head.add("a", now=0)
    assert deadlines
    assert [queue.expired(10) for queue in deadlines.queues] == [[], ["a"], []]


def test_a_discarded_member_does_not_expire() -> None:
    queue, _ = queue_of(10)
    queue.add("a", now=0)
    queue.discard("a")
    queue.discard("never in")
    assert queue.expired(100) == []


def test_a_member_added_again_gets_the_whole_duration() -> None:
    queue, _ = queue_of(10)
    queue.add("a", now=0)
    queue.discard("a")
    queue.add("a", now=5)
    assert queue.expired(14) == []
    assert queue.expired(15) == ["a"]


def test_it_calls_out_whenever_it_stops_being_empty() -> None:
    queue, calls = queue_of(10)
    queue.add("a", now=0)
    queue.add("b", now=0)
    assert len(calls) == 1
    queue.expired(10)
    queue.add("a", now=11)
    assert len(calls) == 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["add", "discard", "expire"]), st.integers(0, 5))
    )
)
def test_it_agrees_with_a_table_of_deadlines(steps: list[tuple[str, str, int]]) -> None:
    queue, _ = queue_of(7)
    model: dict[str, int] = {}
    now = 0
    for member, step, later in steps:
        now += later
        if step == "add" and member not in model:
            queue.add(member, now)
            model[member] = now + 7
        elif step == "discard":
            queue.discard(member)
            model.pop(member, None)
        elif step == "expire":
            late = {m for m, deadline in model.items() if deadline <= now}
            assert set(queue.expired(now)) == late
            model = {m: deadline for m, deadline in model.items() if m not in late}
    assert len(queue) == len(model)
