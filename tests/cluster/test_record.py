from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cometary.cluster.change import NOTHING, Change, Verdict, updated
from cometary.cluster.record import Record, adopted, committed, opened, restored, stands

texts = st.binary(max_size=2)
fields = st.dictionaries(st.sampled_from(["data", "paths", "terms"]), texts).map(
    lambda names: updated((), names.items())
)


@st.composite
def changes(draw: st.DrawFn, record: Record) -> Change:
    """Draw a change that an owner of `record` may make."""
    accepted = tuple(draw(st.lists(texts, max_size=2)))
    out = tuple(draw(st.lists(texts, max_size=2)))
    return Change(
        rid=draw(st.none() | st.integers(record.rid + 1, record.rid + 3)),
        accepted=accepted,
        settled=draw(st.integers(0, len(record.inbox) + len(accepted))),
        out=out,
        acknowledged=draw(st.integers(0, len(record.out) + len(out))),
        fields=draw(fields),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], list[Change]]:
    """Draw what a record is, one change after another."""
    records, made = [opened("a", 1, b"signon")], list[Change]()
    for _ in range(draw(st.integers(1, 5))):
        made.append(draw(changes(records[-1])))
        records.append(records[-1].with_change(made[-1]))
    return records, made


@settings(max_examples=25)
@given(histories(), st.data())
def test_a_change_that_comes_again_at_any_later_time_is_done_once(
    history: tuple[list[Record], list[Change]], data: st.DataObject
) -> None:
    records, made = history
    version = data.draw(st.integers(0, len(made) - 1))
    now = records[data.draw(st.integers(version + 1, len(made)))]
    assert committed(now, 1, version, made[version]) == (Verdict.OK, now)


@settings(max_examples=25)
@given(histories())
def test_changes_that_were_gathered_do_what_they_do_one_after_another(
    history: tuple[list[Record], list[Change]],
) -> None:
    records, made = history
    gathered = NOTHING
    for change in made:
        gathered = gathered.and_then(change)
    assert records[0].with_change(gathered)._replace(version=0) == records[-1]._replace(version=0)


@settings(max_examples=25)
@given(histories(), st.data())
def test_whoever_was_owner_before_can_change_nothing(
    history: tuple[list[Record], list[Change]], data: st.DataObject
) -> None:
    records, made = history
    at = data.draw(st.integers(0, len(made) - 1))
    now = adopted(records[at], "b", 1)
    assert now == records[at]._replace(generation=2, owner="b")
    assert committed(now, 1, at, made[at]) == (Verdict.FENCED, now)
    assert restored(now, records[-1]) == (Verdict.FENCED, now)


@settings(max_examples=25)
@given(histories(), st.data())
def test_what_the_engine_has_lost_is_put_back_and_nothing_else(
    history: tuple[list[Record], list[Change]], data: st.DataObject
) -> None:
    records, made = history
    left = data.draw(st.none() | st.sampled_from(records[:-1]))
    assert committed(left, 1, len(made), NOTHING)[0] is Verdict.BEHIND
    assert restored(left, records[-1]) == (Verdict.OK, records[-1])
    assert restored(records[-1], records[0]) == (Verdict.OK, records[-1])


def test_a_generation_that_the_engine_has_lost_is_put_back_first() -> None:
    record = opened("a", 1, b"signon")
    assert committed(record, 2, 0, NOTHING) == (Verdict.BEHIND, record)


def test_a_session_is_adopted_once_by_those_who_saw_the_same_generation() -> None:
    record = opened("a", 1, b"signon")
    now = adopted(record, "b", 1)
    assert now is not None
    assert adopted(now, "c", 1) is None


def test_an_ended_session_is_a_tombstone_when_its_sign_off_is_settled() -> None:
    record = opened("a", 1, b"signon").with_change(Change(settled=1, out=(b"news",)))
    ending = record.with_change(Change(accepted=(b"signoff",), begun=True, end="timeout"))
    assert not ending.gone
    assert ending.begun
    settle = Change(settled=1)
    over = ending.with_change(settle)
    assert over.gone
    assert (over.out, over.inbox, over.begun, over.ended) == ((), (), False, "timeout")
    assert committed(over, 1, ending.version, settle) == (Verdict.OK, over)
    assert committed(over, 1, over.version, settle) == (Verdict.ENDED, over)
    assert adopted(over, "b", 1) is None
    assert restored(over, ending) == (Verdict.ENDED, over)


def test_the_mark_of_a_call_stays_until_the_call_is_settled() -> None:
    record = opened("a", 1, b"signon").with_change(Change(accepted=(b"packet",)))
    assert record.begun
    assert not record.with_change(Change(settled=1)).begun
    assert record.with_change(Change(settled=1, begun=True)).begun
    assert not record.with_change(Change(settled=2, begun=True)).begun


def test_a_change_counts_on_from_what_the_record_has() -> None:
    record = opened("a", 4, b"signon", (("data", b"x"),)).with_change(Change(out=(b"1", b"2", b"3")))
    later = record.with_change(Change(rid=6, acknowledged=2)).with_change(Change(rid=5, acknowledged=1))
    assert (later.rid, later.base, later.out, later.version) == (6, 3, (), 3)
    assert later.with_change(Change(out=(b"4",))).out == (b"4",)
    assert later.fields == (("data", b"x"),)
    over = later.with_change(Change(settled=1, out=(b"4",), end="timeout"))
    assert (over.gone, over.out, over.fields) == (True, (), ())


@pytest.mark.parametrize("verdict", Verdict)
def test_while_the_engine_may_lack_something_only_what_is_wrong_anyway_is_told_at_once(
    verdict: Verdict,
) -> None:
    assert stands(verdict, lacking=False)
    assert stands(verdict, lacking=True) is (verdict in {Verdict.FENCED, Verdict.BEHIND})


def test_a_call_that_has_begun_has_begun_whatever_else_is_gathered() -> None:
    begins = Change(begun=True)
    assert begins.and_then(NOTHING).begun
    assert NOTHING.and_then(begins).begun


def test_what_a_later_change_does_not_say_stays_as_it_was() -> None:
    ends = Change(end="timeout")
    assert ends.and_then(NOTHING).end == NOTHING.and_then(ends).end == "timeout"
    fields = (("data", b"1"), ("terms", b"2"))
    assert updated(fields, ()) == fields
    assert updated(fields, [("paths", b"3"), ("data", b"4")]) == (
        ("data", b"4"),
        ("paths", b"3"),
        ("terms", b"2"),
    )


def test_a_new_record_has_nothing_but_what_it_is_given() -> None:
    assert Record(1, 0, "a", 1) == Record(1, 0, "a", 1, base=0, out=(), inbox=(), begun=False, fields=())
