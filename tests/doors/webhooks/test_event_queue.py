"""The queue of webhook events: order, repetition, giving up and bounds, in virtual time."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cometary.doors.webhooks.event_queue import MESSAGE, Event, EventQueue
from cometary.doors.webhooks.numbers import SequenceNumbers


def make_queue(**options: int) -> EventQueue:
    """A queue that waits 1, 2, 4 … seconds, and 10 seconds in all."""
    settings = {"patience": 10, "concurrency": 2, "max_events": 100, "max_bytes": 1000, **options}
    return EventQueue(
        lambda attempts: 2.0 ** (attempts - 1),
        patience=settings["patience"],
        concurrency=settings["concurrency"],
        max_events=settings["max_events"],
        max_bytes=settings["max_bytes"],
    )


def event(name: str, session: str | None = "a", size: int = 1) -> Event:
    return Event(name, "signon", session, b"x" * size)


def message(name: str, size: int) -> Event:
    return Event(name, MESSAGE, "a", b"x" * size)


def taken(queue: EventQueue, now: float = 0.0) -> list[str]:
    return [event.id for event in queue.take(now)]


def test_the_next_event_of_a_session_waits_for_the_one_before() -> None:
    queue = make_queue()
    first, second = event("1"), event("2")
    queue.add(first)
    queue.add(second)
    assert queue.take(0) == [first]
    assert queue.take(0) == []
    queue.delivered(first)
    assert queue.take(0) == [second]
    queue.delivered(second)
    assert len(queue) == 0
    assert queue.take(0) == []


def test_sessions_do_not_wait_for_one_another() -> None:
    queue = make_queue()
    for name, session in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("none", None)):
        queue.add(event(name, session))
    assert taken(queue) == ["a1", "b1"]  # and as many under way as there may be


def test_sessions_take_turns() -> None:
    queue = make_queue(concurrency=1)
    for name, session in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        queue.add(event(name, session))
    order: list[str] = []
    while len(queue):
        (one,) = queue.take(0)
        order.append(one.id)
        queue.delivered(one)
    assert order == ["a1", "b1", "a2"]


def test_what_fails_is_tried_again_after_pauses_and_then_given_up() -> None:
    queue = make_queue()
    queue.add(event("1"))
    queue.add(event("2"))
    now, times = 5.0, [5.0]
    (one,) = queue.take(now)
    while not queue.failed(one, now):
        again = queue.next_time()
        assert again is not None
        assert queue.take(again - 0.1) == []
        assert queue.take(again) == [one]
        now = again
        times.append(now)
    assert times == [5.0, 6.0, 8.0, 12.0]  # the next time would be 20.0, which is later than 15.0
    assert queue.counts.given_up == 1
    assert taken(queue, now) == ["2"]


def test_what_was_under_way_when_the_sender_crashed_is_sent_again_first() -> None:
    queue = make_queue(concurrency=3)
    for session in "abcd":
        queue.add(event(session, session))
    assert taken(queue) == ["a", "b", "c"]
    queue.put_back()
    assert taken(queue) == ["a", "b", "c"]


def test_what_comes_when_the_queue_is_full_is_dropped() -> None:
    queue = make_queue(max_events=2, max_bytes=10)
    assert queue.add(event("1", size=4))
    assert not queue.add(event("too large", size=7))
    assert queue.add(event("2", size=6))
    assert not queue.add(event("3", "b", size=0))
    assert (len(queue), queue.counts.dropped) == (2, 2)
    queue.delivered(queue.take(0)[0])
    assert queue.add(event("4", size=4))


def test_messages_of_clients_have_half_of_the_room() -> None:
    queue = make_queue(max_events=4, max_bytes=40)
    assert queue.add(message("1", size=4))
    assert not queue.add(message("too large", size=17))
    assert queue.add(message("2", size=4))
    assert not queue.add(message("3", size=0))
    assert [queue.add(event(name)) for name in "456"] == [True, True, False]
    assert queue.counts.dropped == 3


def test_one_event_always_has_room() -> None:
    queue = make_queue(max_bytes=10)
    assert queue.add(event("1", size=1000))
    assert not queue.add(event("2", size=0))


# -- any history ----------------------------------------------------------------------------------


class AnyHistory(RuleBasedStateMachine):
    """A receiver that answers, fails, and answers without the sender's hearing of it; a sender that crashes."""

    SESSIONS = ("a", "b", None)

    def __init__(self) -> None:
        super().__init__()
        self.queue = make_queue(concurrency=2, max_events=8)
        self.now = 0.0
        self.names = count(1)
        self.accepted: dict[str | None, list[str]] = {session: [] for session in self.SESSIONS}
        self.arrived: dict[str | None, list[str]] = {session: [] for session in self.SESSIONS}
        self.settled: dict[str | None, list[str]] = {session: [] for session in self.SESSIONS}
        self.given_up: set[str] = set()
        self.under_way: list[Event] = []
        self.troubles = 0

    @rule(session=st.sampled_from(SESSIONS))
    def happens(self, session: str | None) -> None:
        one = event(str(next(self.names)), session)
        if self.queue.add(one):
            self.accepted[session].append(one.id)
        else:
            assert len(self.queue) == 8

    @rule()
    def send(self) -> None:
        self.under_way += self.queue.take(self.now)

    @rule(seconds=st.floats(0, 4))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0), arrives=st.booleans(), heard=st.booleans())
    def answer(self, which: int, arrives: bool, heard: bool) -> None:
        one = self.under_way.pop(which % len(self.under_way))
        if arrives:
            self.arrived[one.session].append(one.id)
        if arrives and heard:
            self.queue.delivered(one)
            self.settled[one.session].append(one.id)
            return
        self.troubles += 1
        if self.queue.failed(one, self.now):
            self.given_up.add(one.id)
            self.settled[one.session].append(one.id)

    @rule(arrived=st.booleans())
    def crash(self, arrived: bool) -> None:
        for one in self.under_way:
            self.troubles += 1
            if arrived:
                self.arrived[one.session].append(one.id)
        self.under_way.clear()
        self.queue.put_back()

    @invariant()
    def nothing_piles_up(self) -> None:
        assert len(self.queue) <= 8
        assert len(self.under_way) <= 2
        assert len({one.session for one in self.under_way}) == len(self.under_way)

    @invariant()
    def events_settle_in_order(self) -> None:
        for session in self.SESSIONS:
            settled = self.settled[session]
            assert settled == self.accepted[session][: len(settled)]

    def teardown(self) -> None:
        for one in self.under_way:  # from here on the receiver is well
            self.arrived[one.session].append(one.id)
            self.queue.delivered(one)
        self.under_way.clear()
        while len(self.queue):
            for one in self.queue.take(self.now):
                self.arrived[one.session].append(one.id)
                self.queue.delivered(one)
            self.now = max(self.now, self.queue.next_time() or 0.0)
        for session in self.SESSIONS:
            arrived, accepted = self.arrived[session], self.accepted[session]
            first_time = list(dict.fromkeys(arrived))  # as a receiver keeps them that drops doubles
            assert first_time == [name for name in accepted if name in arrived]
            assert not set(accepted) - set(arrived) - self.given_up
            if not self.troubles:
                assert arrived == accepted


TestAnyHistory = AnyHistory.TestCase


# -- numbers ----------------------------------------------------------------------------------------


def test_each_session_counts_from_one() -> None:
    numbers = SequenceNumbers()
    numbers.begin("a")
    numbers.begin("b")
    assert [numbers.next(session) for session in ("a", "a", "b", None, "a", None)] == [1, 2, 1, 1, 3, 2]


@pytest.mark.parametrize(("later", "number"), [(9, 2), (10, 1)])
def test_a_session_that_has_ended_counts_on_for_a_while(later: int, number: int) -> None:
    numbers = SequenceNumbers(remembered=10)
    numbers.begin("a")
    numbers.next("a")
    numbers.end("a")
    for other in range(later):
        numbers.begin(str(other))
        numbers.end(str(other))
    assert numbers.next("a") == number


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["begin", "next", "end"]))))
def test_what_is_remembered_is_bounded(calls: list[tuple[str, str]]) -> None:
    numbers = SequenceNumbers(remembered=3)
    living: set[str] = set()
    for session, call in calls:
        if call == "begin":
            numbers.begin(session)
            living.add(session)
        elif call == "next":
            numbers.next(session)
        else:
            numbers.end(session)
            living.discard(session)
        assert len(numbers._living) <= len(living) + 1
        assert len(numbers._ended) <= 3
