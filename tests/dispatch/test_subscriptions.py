"""The subscription table: order, no duplicates, and nothing left behind."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cometary.dispatch.subscriptions import Subscriptions
from cometary.errors import PatternError
from cometary.packets.patterns import Pattern


class Somebody:
    """A subscriber that can be watched being freed."""


def test_a_watcher_is_told_of_the_first_subscriber_of_each_pattern_and_of_the_last() -> None:
    table: Subscriptions[str] = Subscriptions()
    told: list[tuple[str, bool]] = []

    def watcher(pattern: str, /, *, wanted: bool) -> None:
        told.append((pattern, wanted))

    table.watch(watcher)
    for somebody in ("a", "b", "a"):
        table.subscribe("news", somebody)
    table.subscribe("jobs/*", "a")
    with pytest.raises(PatternError):
        table.subscribe("a/**/b", "a")
    table.unsubscribe("news", "a")
    table.drop("a")
    assert told == [("news", True), ("jobs/*", True), ("jobs/*", False)]
    table.drop("b")
    table.subscribe("news", "b")
    assert told[3:] == [("news", False), ("news", True)]


def test_subscribers_come_in_order_of_subscription_whatever_their_patterns() -> None:
    table: Subscriptions[str] = Subscriptions()
    for pattern, name in [("chat/**", "a"), ("chat/x", "b"), ("chat/*", "c"), ("**", "d"), ("chat/x", "e")]:
        table.subscribe(pattern, name)
    assert table.subscribers("chat/x") == ("a", "b", "c", "d", "e")
    assert table.subscribers("chat/y") == ("a", "c", "d")
    assert table.subscribers("news") == ("d",)


def test_a_subscriber_that_matches_in_several_ways_gets_one_delivery_at_its_earliest_place() -> None:
    table: Subscriptions[str] = Subscriptions()
    for pattern, name in [("*", "a"), ("news", "b"), ("news", "a"), ("**", "b")]:
        table.subscribe(pattern, name)
    assert table.subscribers("news") == ("a", "b")
    for pattern, name in [("jobs", "a"), ("jobs", "c"), ("jobs/**", "c"), ("jobs/**", "a")]:
        table.subscribe(pattern, name)
    assert table.subscribers("jobs") == ("a", "b", "c")


def test_who_has_asked_before_is_told_of_those_who_have_come_and_gone_since() -> None:
    table: Subscriptions[str] = Subscriptions()
    table.subscribe("news", "a")
    assert table.subscribers("news") == ("a",)
    table.subscribe("news", "b")
    assert table.subscribers("news") == ("a", "b")
    table.unsubscribe("news", "a")
    assert table.subscribers("news") == ("b",)


def test_whether_any_of_some_hears_a_path_goes_by_all_their_patterns() -> None:
    table: Subscriptions[str] = Subscriptions()
    table.subscribe("news", "b")
    assert [table.any_hears("news", who) for who in ((), ("a",), ("a", "b"))] == [False, False, True]
    table.subscribe("chat/*", "a")
    assert [table.any_hears("chat/x", who) for who in ((), ("b",), ("a", "b"))] == [False, False, True]
    assert not table.any_hears("jobs", ("a", "b"))


def test_patterns_are_listed_in_the_order_of_their_subscriptions() -> None:
    table: Subscriptions[str] = Subscriptions()
    for pattern in ("news", "chat/*", "a"):
        table.subscribe(pattern, "a")
    assert table.patterns("a") == ("news", "chat/*", "a")
    assert table.patterns("a", 2) == ("news", "chat/*")


def test_a_subscriber_of_one_pattern_takes_no_dict_of_its_own() -> None:
    """A tenth of what a session takes, where there are many."""
    table: Subscriptions[int] = Subscriptions()
    tracemalloc.start()
    try:
        for subscriber in range(10_000):
            table.subscribe("news", subscriber)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / 10_000 < 64 + 128  # two entries of two dicts, and a number


def test_subscribing_twice_changes_nothing() -> None:
    table: Subscriptions[str] = Subscriptions()
    assert table.subscribe("news", "a")
    assert table.subscribe("news", "b")
    assert not table.subscribe("news", "a")
    assert table.subscribers("news") == ("a", "b")
    assert len(table) == 2


def test_subscribing_again_goes_to_the_end() -> None:
    table: Subscriptions[str] = Subscriptions()
    for name in ("a", "b"):
        table.subscribe("news", name)
    assert table.unsubscribe("news", "a")
    table.subscribe("news", "a")
    assert table.subscribers("news") == ("b", "a")


def test_unsubscribing_from_what_one_never_had_changes_nothing() -> None:
    table: Subscriptions[str] = Subscriptions()
    table.subscribe("news", "a")
    assert not table.unsubscribe("news", "b")
    assert not table.unsubscribe("sport", "a")
    assert not table.unsubscribe("*", "a")
    assert table.subscribers("news") == ("a",)


def test_a_bad_pattern_leaves_the_table_as_it_was() -> None:
    table: Subscriptions[str] = Subscriptions()
    with pytest.raises(PatternError):
        table.subscribe("chat*", "a")
    assert len(table) == 0
    assert table.patterns("a") == ()
    assert not table.unsubscribe("chat*", "a")


def test_a_broadcast_rebuilds_nothing_and_survives_changes_made_on_the_way() -> None:
    table: Subscriptions[int] = Subscriptions()
    for number in range(5000):
        table.subscribe("news", number)
    before = table.subscribers("news")
    assert table.subscribers("news") is before
    for number in before:
        table.drop(number)
    assert len(before) == 5000
    assert table.subscribers("news") == ()


def test_the_same_holds_for_a_path_that_one_pattern_covers() -> None:
    table: Subscriptions[int] = Subscriptions()
    for number in range(10):
        table.subscribe("chat/*", number)
    assert table.subscribers("chat/a") is table.subscribers("chat/b")


@pytest.mark.parametrize("pattern", ["news", "chat/*", "a/*/b/**", "**"])
def test_a_dropped_subscriber_leaves_no_trace(pattern: str) -> None:
    table: Subscriptions[Somebody] = Subscriptions()
    somebody = Somebody()
    gone = weakref.ref(somebody)
    table.subscribe(pattern, somebody)
    assert table.subscribers("a/1/b/2" if "a/" in pattern else pattern) == (somebody,)
    table.drop(somebody)
    del somebody
    gc.collect()
    assert gone() is None
    assert_nothing_left(table)


def test_a_subscriber_that_undoes_its_last_subscription_leaves_no_trace() -> None:
    table: Subscriptions[int] = Subscriptions()
    table.subscribe("news", 1)
    assert table.unsubscribe("news", 1)
    assert_nothing_left(table)


def assert_nothing_left(table: Subscriptions[Somebody] | Subscriptions[int]) -> None:
    """The one look inside: groups, branches and subscribers are all freed."""
    assert len(table) == 0
    assert not table._groups
    assert not table._groups_of
    assert not table._starred


segments = st.sampled_from(["a", "b", "", "*"])
exact_or_starred = st.lists(segments, min_size=1, max_size=3).map("/".join)
patterns = st.one_of(exact_or_starred, exact_or_starred.map(lambda text: f"{text}/**"), st.just("**")).filter(
    bool
)
subscribers = st.integers(min_value=0, max_value=3)


class AgainstANaiveList(RuleBasedStateMachine):
    """The table does what a list of (pattern, subscriber) pairs, searched from its start, does."""

    def __init__(self) -> None:
        super().__init__()
        self.table: Subscriptions[int] = Subscriptions()
        self.pairs: list[tuple[str, int]] = []

    @rule(pattern=patterns, subscriber=subscribers)
    def subscribe(self, pattern: str, subscriber: int) -> None:
        is_new = (pattern, subscriber) not in self.pairs
        assert self.table.subscribe(pattern, subscriber) is is_new
        if is_new:
            self.pairs.append((pattern, subscriber))

    @rule(pattern=patterns, subscriber=subscribers)
    def unsubscribe(self, pattern: str, subscriber: int) -> None:
        was_there = (pattern, subscriber) in self.pairs
        assert self.table.unsubscribe(pattern, subscriber) is was_there
        if was_there:
            self.pairs.remove((pattern, subscriber))

    @rule(data=st.data())
    def unsubscribe_one_that_is_there(self, data: st.DataObject) -> None:
        if self.pairs:
            self.unsubscribe(*data.draw(st.sampled_from(self.pairs)))

    @rule(subscriber=subscribers)
    def drop(self, subscriber: int) -> None:
        self.table.drop(subscriber)
        self.pairs = [pair for pair in self.pairs if pair[1] != subscriber]

    @rule(path=st.lists(segments, min_size=1, max_size=4).map("/".join))
    def look_up(self, path: str) -> None:
        matching = [who for pattern, who in self.pairs if Pattern.compile(pattern).matches(path)]
        assert self.table.subscribers(path) == tuple(dict.fromkeys(matching))

    @invariant()
    def patterns_are_in_order_and_counted(self) -> None:
        for subscriber in range(4):
            mine = tuple(pattern for pattern, who in self.pairs if who == subscriber)
            assert self.table.patterns(subscriber) == mine
        assert len(self.table) == len(self.pairs)

    def teardown(self) -> None:
        for subscriber in range(4):
            self.table.drop(subscriber)
        assert_nothing_left(self.table)


TestAgainstANaiveList = AgainstANaiveList.TestCase
