"""The demand of many consumers, beside a plain dictionary of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cometary.behaviours.demands import Demands

REFS: list[Any] = ["a", "b", "c", "d"]
REF = st.sampled_from(REFS)
STEP = st.one_of(
    st.tuples(st.just("begin"), REF, st.just(0)),
    st.tuples(st.just("end"), REF, st.just(0)),
    st.tuples(st.just("ask"), REF, st.integers(1, 4)),
    st.tuples(st.just("serve"), st.just("a"), st.integers(1, 6)),
)


@given(st.lists(STEP, max_size=60))
def test_whoever_has_asked_for_most_is_served_and_of_these_whoever_came_first(
    steps: list[tuple[str, Any, int]],
) -> None:
    demands, model = Demands(), dict[Any, int]()
    for what, ref, number in steps:
        if what == "begin":
            demands.begin(ref, 1)
            model.pop(ref, None)
            model[ref] = 0
        elif what == "end":
            demands.end(ref)
            model.pop(ref, None)
        elif what == "ask" and ref in model:
            demands.ask(ref, number)
            model[ref] += number
        elif what == "serve" and any(model.values()):
            first = max(model, key=model.__getitem__)
            served = min(model[first], number)
            demand, got = demands.serve(number)
            assert (demand.ref, got) == (first, served)
            model[first] -= served
        assert demands.total == sum(model.values())
        assert all((each in demands) is (each in model) for each in REFS)


def test_no_more_is_remembered_than_twice_what_there_is() -> None:
    demands = Demands()
    for ref in REFS:
        demands.begin(ref, 1)
        for _ in range(100):
            demands.ask(ref, 1)
    kept = vars(demands)["_heap"]
    assert len(kept) <= 2 * len(REFS)
    for ref in REFS:
        demands.end(ref)
    assert vars(demands)["_heap"] == []


def test_whoever_has_asked_for_most_is_first_also_when_what_is_void_has_been_dropped() -> None:
    demands = Demands()
    one, other = REFS[:2]
    demands.begin(one, 1)
    demands.begin(other, 1)
    demands.ask(one, 8)
    demands.ask(one, 3)
    demands.ask(other, 7)
    assert demands.serve(8)[1] == 8
    demands.ask(one, 5)
    demand, served = demands.serve(7)
    assert (demand.ref, served, demands.total) == (one, 7, 8)


def test_the_next_incarnation_of_a_consumer_has_asked_for_nothing() -> None:
    demands = Demands()
    demands.begin(REFS[0], 1)
    demands.ask(REFS[0], 3)
    demands.begin(REFS[0], 2)
    assert demands.total == 0
    demands.ask(REFS[0], 2)
    demand, served = demands.serve(5)
    assert (demand.life, served, demands.total) == (2, 2, 0)
