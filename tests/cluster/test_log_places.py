"""Where a session is in the logs of its paths: what its client says, what is recorded, where the next owner begins."""

from __future__ import annotations

import pytest

from cometary.cluster.client_position import LONGEST, ClientPosition, read_client_position
from cometary.cluster.deliveries import Deliveries
from cometary.cluster.log_places import OTHERS, LogPlaces
from cometary.packets.packet import Packet, marked
from cometary.packets.position import Position

E = "3f1.1"


def kept(path: str, number: int, epoch: str = E) -> Packet:
    return marked(Packet(path, number), "at", f"{epoch}-{number}")


def at(number: int, epoch: str = E) -> Position:
    return Position(epoch, number)


def recorded(places: LogPlaces) -> LogPlaces:
    """Return what the next owner has of them."""
    assert places.note_recorded(places.written())
    return LogPlaces(2, places.written())


def said(places: LogPlaces, *packets: Packet) -> dict[str, Position]:
    """Return what a client says that has had these."""
    sent = Deliveries()
    for packet in packets:
        mark = places.mark_of(packet)
        sent = sent.with_passing() if mark is None else sent.with_logged(*mark)
    return dict(read_client_position(places.text(sent.position_at(len(packets)))).logs)


def test_the_next_owner_begins_where_the_client_is_or_where_it_was_connected() -> None:
    places = LogPlaces(1)
    assert places.written() is None
    places.put("news", at(4))
    places.put("quiet", at(9))
    after = recorded(places)
    says = said(places, kept("news", 5), Packet("live"), kept("news", 7), kept("other", 8))
    assert (after.begin("news", says), after.begin("quiet", says)) == (at(7), at(9))
    assert after.begin("other", says) is None


def test_the_next_owner_of_a_mirrored_session_begins_behind_what_is_recorded() -> None:
    places = LogPlaces(1)
    places.put("news", at(4))
    places.reach("news", at(6))
    places.reach("news", at(5))
    assert recorded(places).begin("news", {}) == at(6)
    number = places.number_of("news")
    places.reach("news", at(1, "3f1.2"))
    assert places.number_of("news") != number, "the log has begun anew"
    assert recorded(places).begin("news", {}) == at(1, "3f1.2")


def test_what_is_not_recorded_yet_means_nothing_to_the_next_owner() -> None:
    places = LogPlaces(1)
    places.put("news", at(4))
    written = places.written()
    places.put("more", at(4))
    says = said(places, kept("more", 5))
    after = LogPlaces(2, written)
    after.put("more", at(9))
    assert after.begin("more", says) is None
    assert after.number_of("more") not in says


def test_a_path_whose_place_was_not_recorded_gets_none_until_its_client_was_told() -> None:
    places = LogPlaces(1)
    places.put("news", at(4))
    after = LogPlaces(2, places.written(), ["news", "more"])
    assert [after.lacks(path) for path in ("news", "more", "new")] == [False, False, True]
    assert after.begin("more", {}) is None, "so it is told of a gap"
    after.drop("more")
    assert after.lacks("more")


def test_a_path_that_was_left_is_not_read_and_one_that_is_connected_again_begins_there() -> None:
    places = LogPlaces(1)
    places.put("news", at(4))
    says = said(places, kept("news", 5))
    places.drop("news")
    assert not places.has("news")
    assert places.written() == b"{}" or places.written() is None
    places.put("news", at(8))
    assert recorded(places).begin("news", says) == at(8)


def test_the_client_does_not_say_what_the_record_has() -> None:
    places = LogPlaces(1)
    for path in ("a", "b"):
        places.put(path, at(0))
    sent = Deliveries()
    for number, path in enumerate("abab", 1):
        mark = places.mark_of(kept(path, number))
        assert mark is not None
        sent = sent.with_logged(*mark)
    acknowledged = sent.acknowledge(3)
    assert acknowledged is not None
    places.advance(acknowledged.position)
    after = recorded(places)
    rest = places.without_recorded(acknowledged.position)
    assert rest == ClientPosition()
    later = acknowledged._replace(position=rest).position_at(4)
    says = dict(read_client_position(places.text(later)).logs)
    assert len(says) == 1
    assert (after.begin("a", says), after.begin("b", says)) == (at(3), at(4))


def test_what_has_no_room_is_said_to_be_left_out_and_nobody_begins_there() -> None:
    places = LogPlaces(1)
    paths = [f"a/path/{number}" for number in range(60)]
    for path in paths:
        places.put(path, at(1_000_000))
    after = recorded(places)
    sent = Deliveries()
    for path in paths:
        mark = places.mark_of(kept(path, 2_000_000))
        assert mark is not None
        sent = sent.with_logged(*mark)
    text = places.text(sent.position_at(len(paths)))
    assert len(text) <= LONGEST
    logs = read_client_position(text).logs
    assert OTHERS in logs
    begins = [after.begin(path, dict(logs)) for path in paths]
    assert begins.count(at(2_000_000)) == len(logs) - 1 > 10
    assert begins.count(None) == len(paths) - len(logs) + 1


def test_a_log_of_another_epoch_is_another_one() -> None:
    places = LogPlaces(1)
    places.put("news", at(4))
    before = places.written()
    says = said(places, kept("news", 1_000_005, "3f1.2"))
    assert LogPlaces(2, before).begin("news", says) == at(4), "which the log no longer knows"
    assert recorded(places).begin("news", says) == at(1_000_005, "3f1.2")


def test_what_was_read_is_not_delivered_again_and_nothing_behind_it_is_lost() -> None:
    first = LogPlaces(1)
    first.put("news", at(4))
    places = recorded(first)
    assert places.begin("news", {}) == at(4)
    assert not places.awaits("news", at(5))
    assert places.end("news", at(7))
    assert not places.awaits("news", at(7))
    assert places.awaits("news", at(2, "other.1"))
    assert places.awaits("news", at(8))
    assert places.awaits("other", at(1))
    assert not places.end("news", at(9)), "it was read before"


@pytest.mark.parametrize("left", [False, True])
def test_a_log_that_cannot_be_read_holds_nothing_up(left: bool) -> None:
    first = LogPlaces(1)
    first.put("news", at(4))
    places = recorded(first)
    places.begin("news", {})
    if left:
        places.drop("news")
    assert places.end("news", None) is not left
    assert places.awaits("news", at(5))
