"""The copy of what is kept of a path, rule by rule: what is in it, from when on, and who is answered when."""

from __future__ import annotations

from math import inf

import pytest

from cometary.actors import Future
from cometary.cluster.path_logs import PathLog
from cometary.dispatch.history import History
from cometary.nodes.followed_path import MARGIN, FollowedPath, Reader
from cometary.nodes.path_order import Numbered
from cometary.packets.packet import Packet
from cometary.packets.position import Position
from tests.nodes.test_followed_path import E, followed, log, messages, read, routed, shown, update

NOW = 100.0


def loaded(number: int = 5, lost: int = 3) -> FollowedPath:
    """Return a path of which old entries are kept, as far as was not lost."""
    path = followed()
    path.read_from_engine(log(number, lost, *[200.0] * (number - lost)), NOW)
    return path


def of_another_base(number: int, before: int) -> Numbered:
    return Numbered("y.1", number, before, Packet("p", number))


def test_a_path_is_to_be_loaded_before_anything_is_known_of_it() -> None:
    path = followed()
    assert (path.loading, path.lacks, path.reading, path.stale) == (True, True, False, False)
    assert path.last == -1
    assert not path.misses(E, 7), "all of it is still to be read"


def test_something_is_missing_of_a_path_if_the_engine_has_a_later_number_or_another_base() -> None:
    path = loaded()
    assert path.last == 5
    assert [path.misses(E, 5), path.misses(E, 6), path.misses("y.1", 5)] == [False, True, True]


def test_what_there_is_no_room_for_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cometary.nodes.followed_path.MOST_HELD", 1)
    for path in (followed(), loaded()):
        assert path.take(update(7, 6)) == []
        assert not path.stale
        assert path.take(update(8, 7)) == []
        assert path.stale
        path.read_from_engine(log(8, 5, 0.3, 0.2, 0.1), NOW)
        assert not path.stale


def test_what_may_have_come_since_the_path_was_wanted_is_routed_rather_than_in_the_copy() -> None:
    path = followed(since=NOW - 1.0)
    found = path.read_from_engine(log(7, 5, 1.0 + 1.5 * MARGIN, 1.0 + 0.5 * MARGIN), NOW)
    assert messages(found.packets) == [7]
    assert shown(read(path)) == ([6], f"{E}-6", True)


def test_all_is_routed_of_a_path_of_which_nothing_is_older_than_the_wish_for_it() -> None:
    path = followed(since=NOW - 1.0)
    found = path.read_from_engine(log(7, 5, 0.5, 0.1), NOW)
    assert routed(path, found.packets) == [6, 7]
    assert shown(read(path, Position(E, 5))) == ([6, 7], f"{E}-7", True)


def test_what_was_kept_before_is_as_old_as_the_engine_says() -> None:
    path, answers = loaded(), list[Future[History]]()
    for now in (200.0, 200.1):
        answers.append(Future())
        path.read(Reader(Position(E, 3), 10, answers[-1]), now)
    assert shown(answers[0]) == ([4, 5], f"{E}-5", True)
    assert shown(answers[1]) == ([], f"{E}-5", False)


def test_what_is_replayed_says_where_it_is_kept() -> None:
    packets, _, _ = read(loaded()).get(timeout=0)
    assert [packet.extra for packet in packets] == [{"at": f"{E}-4"}, {"at": f"{E}-5"}]


def test_while_it_is_loaded_nobody_is_answered_and_then_all_but_those_who_have_had_what_is_still_to_be_routed() -> (
    None
):
    path = followed(since=NOW - 1.0)
    latest, ahead, made_up = read(path), read(path, Position(E, 7)), read(path, Position(E, 9))
    late = loaded().take(update(6, 5))  # routed for those who wanted the path before
    path.record(late[0], NOW)
    assert [latest.done(), ahead.done(), made_up.done()] == [False] * 3
    found = path.read_from_engine(log(7, 3, 9.0, 2.0, 0.5, 0.1), NOW)
    assert shown(latest) == ([4, 5], f"{E}-5", True)
    assert shown(made_up) == ([], f"{E}-5", False)
    assert not ahead.done()
    routed(path, found.packets)
    assert shown(ahead) == ([], f"{E}-7", True)
    assert shown(read(path, Position(E, 3))) == ([4, 5, 6, 7], f"{E}-7", True), "and all is kept as before"


def test_one_update_that_was_lost_since_the_path_was_wanted_is_a_gap() -> None:
    path = followed(since=NOW - 0.5)
    assert path.read_from_engine(log(3, 1, 0.3, 0.1, lost_age=0.4), NOW).gap


def test_the_first_update_of_another_base_is_missing_if_it_is_no_longer_kept() -> None:
    for lost, gap in ((0, False), (1, True)):
        path = loaded()
        entries = log(3, lost, *[0.1] * (3 - lost)).entries
        found = path.read_from_engine(PathLog("y.1", 3, lost, inf, entries), NOW)
        assert found.gap is gap
        assert messages(found.packets) == [*range(lost + 1, 4)]


def test_of_another_base_nothing_is_known_before_the_first_that_was_routed_here() -> None:
    path = loaded()
    routed(path, path.take(of_another_base(1, 0)))
    assert shown(read(path, Position("y.1", 0))) == ([1], "y.1-1", True)
    later = loaded()
    entries = log(5, 4, 0.1).entries
    routed(later, later.read_from_engine(PathLog("y.1", 5, 4, inf, entries), NOW).packets)
    assert shown(read(later, Position("y.1", 3))) == ([], "y.1-5", False)
    assert shown(read(later, Position("y.1", 4))) == ([5], "y.1-5", True)


def test_who_has_caused_an_update_is_not_kept_with_it() -> None:
    path = loaded()
    [packet] = path.take(update(6, 5))
    packet.cause = object()
    path.record(packet, NOW)
    assert packet.cause is None
