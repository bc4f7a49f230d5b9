"""What waits and what is kept has a bound, and the oldest makes room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import UsageError
from cometary.xmpp.outbox import ADDRESS, Outbox
from cometary.xmpp.pubsub.kept_items import AROUND, KeptItems
from cometary.xmpp.pubsub.values import Item
from cometary.xmpp.xml import make

steps = st.lists(st.one_of(st.binary(min_size=1, max_size=9), st.sampled_from(["begin", "done", "failed"])))


@given(steps)
def test_the_outbox_keeps_its_bounds_and_its_order(steps: list[bytes | str]) -> None:
    outbox, added, written = Outbox(4, 20), 0, b""
    everything = b""
    begun = b""
    for step in steps:
        if isinstance(step, bytes):
            added += 1
            everything += step
            outbox.add(step)
        elif step == "begin" and not begun:
            begun = outbox.begin(6)
        elif step == "done":
            written, begun = written + begun, b""
            outbox.done()
        else:
            begun = b""
            outbox.failed()
        assert len(outbox) <= 4
        assert outbox.size <= 20 or begun
    assert len(outbox) + outbox.dropped <= added
    if not outbox.dropped:
        assert everything.startswith(written)


def test_what_is_being_written_is_not_dropped() -> None:
    outbox = Outbox(2, 100)
    for stanza in (b"a", b"b"):
        outbox.add(stanza)
    assert outbox.begin(1) == b"a"
    assert [outbox.add(stanza) for stanza in (b"c", b"d")] == [1, 1]
    outbox.done()
    assert outbox.begin(100) == b"d"
    with pytest.raises(UsageError):
        Outbox(1, 0)


def test_what_is_too_large_by_itself_is_dropped_alone() -> None:
    outbox = Outbox(9, 100)
    outbox.add(b"a")
    assert outbox.add(b"b" * 101) == 1
    assert outbox.add_for_each(b"<m/>", 2, ["c"] * 100) == 100
    assert (outbox.begin(1000), outbox.dropped) == (b"a", 101)


def test_answers_go_first_and_make_no_room_for_anything_else() -> None:
    outbox = Outbox(2, 100)
    for number in range(2):
        outbox.add(b"iq%d" % number, first=True)
    assert [outbox.add(b"told%d" % number) for number in range(3)] == [0, 0, 1]
    assert outbox.begin(1000) == b"iq0iq1told1told2"
    outbox.done()
    assert (len(outbox), bool(outbox), outbox.size) == (0, False, 0)


def test_what_is_for_many_is_written_out_in_portions() -> None:
    outbox = Outbox(2, 300)
    outbox.add_for_each(b"<m/>", 2, ["a", "b'", "c"])
    outbox.add(b"iq", first=True)
    assert (len(outbox), outbox.size) == (4, 4 + 3 * ADDRESS + 2)
    assert outbox.begin(20) == b"iq<m to='a'/><m to=\"b'\"/>"
    outbox.done()
    assert (len(outbox), outbox.size) == (1, 4 + ADDRESS)
    assert outbox.begin(20) == b"<m to='c'/>"
    assert outbox.failed() == 0
    assert outbox.begin(20) == b"<m to='c'/>"
    outbox.done()
    assert (len(outbox), outbox.size) == (0, 0)


def test_what_breaks_the_stream_twice_is_dropped() -> None:
    outbox = Outbox(9, 100)
    for stanza in (b"a", b"poison", b"b"):
        outbox.add(stanza)
    outbox.add(b"iq", first=True)
    outbox.begin(1000)
    assert outbox.failed() == 0  # it may have been any of them, so each is written by itself
    for stanza in (b"iq", b"a"):
        assert outbox.begin(1000) == stanza
        outbox.done()
    assert outbox.begin(1000) == b"poison"
    assert outbox.failed() == 1
    assert outbox.begin(1000) == b"b"
    outbox.done()
    assert (outbox.dropped, outbox.size, len(outbox)) == (1, 0, 0)


def test_what_is_for_many_is_dropped_for_all_of_them() -> None:
    outbox = Outbox(9, 10_000)
    outbox.add_for_each(b"<m/>", 2, list("abcdef"))
    for dropped in (0, 6):
        outbox.begin(1)
        assert outbox.failed() == dropped
    assert (outbox.dropped, len(outbox), outbox.size) == (6, 0, 0)


def item(number: int) -> Item:
    return Item(str(number), make("x", "e", text="." * 100))


def test_items_have_a_bound_for_each_node_and_for_all() -> None:
    kept = KeptItems(2, 3 * (AROUND + 200))
    for number in range(3):
        kept.add("a", item(number))
    assert [each.id for each in kept.latest("a")] == ["1", "2"]
    assert [each.id for each in kept.latest("a", 1)] == ["2"]
    for node in ("b", "c", "d"):
        kept.add(node, item(9))
    assert kept.nodes == ["b", "c", "d"]
    kept.add("b", item(9))
    assert [each.id for each in kept.latest("b")] == ["9"]
    kept.clear("b")
    assert (kept.nodes, kept.get("b", "9")) == (["c", "d"], None)
    none = KeptItems(0, 1)
    none.add("a", item(1))
    assert none.nodes == []
