from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.cluster.client_position import LONGEST, ClientPosition, read_client_position
from cometary.cluster.deliveries import Deliveries
from cometary.cluster.resumption import Resumption
from cometary.errors import UsageError
from cometary.packets.position import Position

places = st.builds(Position, st.text("abc", min_size=1, max_size=4), st.integers(0, 2**40))
positions = st.builds(
    ClientPosition,
    st.integers(0, 2**40),
    st.dictionaries(st.text("xyz/", max_size=5), places, max_size=4).map(
        lambda logs: tuple(sorted(logs.items()))
    ),
)


@given(positions)
def test_a_position_is_read_as_it_was_written(position: ClientPosition) -> None:
    assert read_client_position(position.text()) == position


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "%",
        "é",
        "AAAA",
        "kf-Q",
        "A" * 300,
        ClientPosition(-1).text(),
        "!!!!" + ClientPosition(1).text(),
    ],
)
def test_what_no_answer_came_with_is_no_position(text: object) -> None:
    with pytest.raises(UsageError, match="that an answer gave"):
        read_client_position(text)


@pytest.mark.parametrize("log", ["", "x", "xy", "xyz"])
def test_a_client_may_be_at_the_beginning(log: str) -> None:
    for position in (ClientPosition(0), ClientPosition(0, ((log, Position("e", 0)),))):
        assert read_client_position(position.text()) == position


def test_a_position_is_just_as_long_as_may_be() -> None:
    texts = [ClientPosition(1, (("x" * size, Position("e", 1)),)).text() for size in range(300)]
    longest = next(text for text in texts if len(text) == LONGEST)
    assert read_client_position(longest).text() == longest
    with pytest.raises(UsageError):
        read_client_position(next(text for text in texts if len(text) > LONGEST))


@given(st.text(max_size=20))
def test_any_text_is_a_position_or_refused(text: str) -> None:
    try:
        position = read_client_position(text)
    except UsageError:
        return
    assert read_client_position(position.text()) == position


def test_where_a_client_is_follows_from_the_packets_that_it_has() -> None:
    sent = Deliveries(5, ClientPosition(2)).with_own(1).with_logged("news", Position("e", 7)).with_own(1)
    assert sent.position_at(5) == ClientPosition(2)
    assert sent.position_at(6) == ClientPosition(3)
    assert sent.position_at(7) == ClientPosition(3, (("news", Position("e", 7)),))
    assert sent.position_at(8) == ClientPosition(4, (("news", Position("e", 7)),))


def test_what_is_acknowledged_is_let_go_of_and_nothing_that_was_never_numbered() -> None:
    sent = Deliveries().with_own(2)
    assert sent.acknowledge(0) == sent
    assert sent.acknowledge(1) == Deliveries(1, ClientPosition(1), (None,))
    assert sent.acknowledge(2) == Deliveries(2, ClientPosition(2))
    assert sent.acknowledge(3) is None
    later = Deliveries(5, ClientPosition(2)).with_own(2)
    assert later.acknowledge(6) == Deliveries(6, ClientPosition(3), (None,))


def test_a_client_says_the_highest_id_that_was_answered_and_never_less() -> None:
    assert Resumption(1).answered(4).answered(3).done == 4


def test_a_client_lets_go_of_packets_of_an_older_generation_than_it_has_seen() -> None:
    later = Resumption(1).got(2, 0, 0, None)
    assert later.generation == 2
    assert not later.counts(1)
    assert later.counts(2)


def test_a_client_stays_where_it_is_when_an_older_answer_comes_late() -> None:
    there = Resumption(1).got(1, 2, 0, "behind two")
    assert there.got(1, 1, 2, "behind one").at == "behind two"
    assert there.got(1, 0, 2, None).at == "behind two"


@given(st.lists(st.sampled_from(["own", "logged", "passing"]), max_size=12), st.data())
def test_a_client_that_is_told_of_its_place_where_that_moves_knows_it_whatever_comes_again(
    kinds: list[str], data: st.DataObject
) -> None:
    sent = all_sent = deliveries_of(kinds)
    says, ack = Resumption(1), 0
    while ack < len(kinds):
        acknowledged = sent.acknowledge(data.draw(st.integers(0, ack)))
        assert acknowledged is not None
        sent = acknowledged
        first = data.draw(st.integers(sent.acknowledged + 1, ack + 1))
        last = data.draw(st.integers(first, len(kinds)))
        place = sent.moved_by(first, last - first + 1)
        says = says.got(1, last, ack, None if place is None else place.text())
        ack = max(ack, last)
        known = ClientPosition() if says.at is None else read_client_position(says.at)
        assert known == all_sent.position_at(ack)


def deliveries_of(kinds: list[str]) -> Deliveries:
    deliveries = Deliveries()
    for number, kind in enumerate(kinds, 1):
        if kind == "own":
            deliveries = deliveries.with_own(1)
        elif kind == "passing":
            deliveries = deliveries.with_passing()
        else:
            deliveries = deliveries.with_logged("news", Position("e", number))
    return deliveries
