"""The copy of what is kept of a path: what is routed, what is replayed, and what is told to be missing."""

from __future__ import annotations

from math import inf

from cometary.actors import Future
from cometary.cluster.path_logs import LogEntry, LogShelf, PathLog
from cometary.dispatch.history import History
from cometary.nodes.followed_path import MARGIN, MOST_HELD, FollowedPath, Reader, read_by_itself
from cometary.nodes.path_order import Numbered
from cometary.packets.keeping import Keeping
from cometary.packets.packet import Packet
from cometary.packets.position import Position

SHELF = LogShelf("p", Keeping(5))
E = "x.1"


def decoded(payload: bytes) -> Packet:
    return Packet("p", int(payload))


def followed(since: float = 0.0) -> FollowedPath:
    return FollowedPath("p", SHELF, since, decoded)


def log(number: int, lost: int, *ages: float, lost_age: float = inf) -> PathLog:
    """Return what is kept: the last entry has the last number."""
    first = number - len(ages) + 1
    entries = [LogEntry(first + place, age, b"%d" % (first + place)) for place, age in enumerate(ages)]
    return PathLog(E, number, lost, lost_age, tuple(entries))


def read(path: FollowedPath, behind: Position | None = None, limit: int = 10) -> Future[History]:
    answer: Future[History] = Future()
    path.read(Reader(behind, limit, answer), 100.0)
    return answer


def messages(packets: list[Packet]) -> list[object]:
    return [packet.message for packet in packets]


def shown(answer: Future[History]) -> tuple[list[object], str, bool]:
    packets, at, complete = answer.get(timeout=0)
    return messages([*packets]), str(at), complete


def update(number: int, before: int) -> Numbered:
    return Numbered(E, number, before, Packet("p", number))


def routed(path: FollowedPath, packets: list[Packet]) -> list[object]:
    for packet in packets:
        path.record(packet, 100.0)
    return messages(packets)


def test_whoever_connects_is_replayed_what_is_older_and_gets_what_has_come_since() -> None:
    path = followed(since=99.0)
    waiting = read(path)
    assert path.take(update(8, 7)) == []
    assert not waiting.done()
    loaded = path.read_from_engine(log(7, 3, 9.0, 2.0, 0.5, 0.1), 100.0)
    assert shown(waiting) == ([4, 5], f"{E}-5", True)
    assert routed(path, loaded.packets) == [6, 7, 8]
    assert not loaded.gap
    assert shown(read(path)) == ([4, 5, 6, 7, 8], f"{E}-8", True)


def test_what_is_read_is_what_was_routed_here_and_no_more() -> None:
    path = followed()
    path.read_from_engine(log(5, 3, 200.0, 150.0), 100.0)
    coming = path.take(update(6, 5))
    assert shown(read(path, Position(E, 4))) == ([5], f"{E}-5", True)
    routed(path, coming)
    assert shown(read(path, Position(E, 4))) == ([5, 6], f"{E}-6", True)
    assert shown(read(path, Position(E, 4), 1)) == ([5], f"{E}-5", True)
    assert shown(read(path, None, 1)) == ([6], f"{E}-6", True)


def test_a_position_that_was_lost_or_of_another_epoch_is_a_gap() -> None:
    path = followed()
    path.read_from_engine(log(5, 3, 200.0, 150.0), 100.0)
    for position in (Position(E, 2), Position("y.1", 4)):
        assert shown(read(path, position)) == ([], f"{E}-5", False)
    assert shown(read(path, Position(E, 3))) == ([4, 5], f"{E}-5", True)


def test_whoever_is_ahead_of_what_was_routed_here_waits_until_that_is_read_and_routed() -> None:
    path = followed()
    path.read_from_engine(log(5, 3, 200.0, 150.0), 100.0)
    ahead, further, made_up = [read(path, Position(E, number)) for number in (6, 7, 9)]
    assert path.lacks
    assert not ahead.done()
    loaded = path.read_from_engine(log(7, 3, 200.0, 150.0, 0.2, 0.1), 100.0)
    assert shown(made_up) == ([], f"{E}-5", False)
    assert [ahead.done(), further.done()] == [False, False]
    path.record(loaded.packets[0], 100.0)
    assert shown(ahead) == ([], f"{E}-6", True)
    path.record(loaded.packets[1], 100.0)
    assert shown(further) == ([], f"{E}-7", True)
    assert not path.lacks


def test_whoever_is_ahead_of_what_the_engine_has_lost_is_answered_at_once() -> None:
    path = followed()
    path.read_from_engine(log(5, 3, 200.0, 150.0), 100.0)
    lacks, has, made_up = [read(path, Position(E, number)) for number in (6, 7, 9)]
    assert path.read_from_engine(log(7, 7), 100.0) == ([], True)
    assert shown(lacks) == ([], f"{E}-7", False)
    assert shown(has) == ([], f"{E}-7", True)
    assert shown(made_up) == ([], f"{E}-7", False)


def test_what_the_engine_has_lost_is_missing_in_the_copy_too() -> None:
    path = followed()
    path.read_from_engine(log(5, 3, 200.0, 150.0), 100.0)
    path.take(update(9, 8))
    loaded = path.read_from_engine(log(9, 7, 0.2, 0.1), 100.0)
    assert shown(read(path, Position(E, 5)))[2] is False
    assert routed(path, loaded.packets) == [8, 9]
    assert shown(read(path, Position(E, 5)))[2] is False
    assert shown(read(path, Position(E, 7))) == ([8, 9], f"{E}-9", True)
    assert shown(read(path))[0] == [8, 9]


def test_whoever_is_ahead_of_a_path_that_nobody_hears_is_told_of_a_gap() -> None:
    reader = Reader(Position(E, 9), 10, Future())
    read_by_itself(followed(since=100.0), log(5, 3, 2.0, 1.0), reader, 100.0)
    assert shown(reader.answer) == ([], f"{E}-5", False)


def test_no_more_is_kept_than_there_is_room_for() -> None:
    path = followed()
    path.read_from_engine(log(5, 0, *[200.0] * 5), 100.0)
    for number in range(6, 9):
        routed(path, path.take(update(number, number - 1)))
    assert shown(read(path))[0] == [4, 5, 6, 7, 8]
    assert shown(read(path, Position(E, 2)))[2] is False


def test_what_has_not_come_is_read_and_it_is_told_if_it_is_not_kept_any_more() -> None:
    for lost, gap in ((5, False), (6, True)):
        path = followed()
        path.read_from_engine(log(5, 0, *[200.0] * 5), 100.0)
        assert path.take(update(8, 7)) == []
        assert path.lacks
        loaded = path.read_from_engine(log(8, lost, *[0.1] * (8 - lost)), 100.0)
        assert routed(path, loaded.packets) == [*range(lost + 1, 9)]
        assert (loaded.gap, path.lacks) == (gap, False)


def test_it_is_told_if_something_was_lost_between_connecting_and_loading() -> None:
    for age, gap in ((0.4, True), (0.6, False)):
        path = followed(since=99.5 + MARGIN)
        assert path.read_from_engine(log(9, 7, 0.3, 0.1, lost_age=age), 100.0).gap is gap


def test_beyond_a_bound_nothing_is_held_since_the_engine_has_it() -> None:
    path = followed()
    path.read_from_engine(log(1, 0, 200.0), 100.0)
    for number in range(3, MOST_HELD + 10):
        assert path.take(update(number, number - 1)) == []
    loaded = path.read_from_engine(log(MOST_HELD + 9, MOST_HELD + 4, *[0.1] * 5), 100.0)
    assert loaded.gap
    assert messages(loaded.packets)[-6:] == [MOST_HELD + 2, *range(MOST_HELD + 5, MOST_HELD + 10)]
    assert not path.lacks


def test_after_an_engine_that_has_lost_everything_the_copy_begins_anew() -> None:
    path = followed()
    path.read_from_engine(log(5, 0, *[200.0] * 5), 100.0)
    coming = path.take(Numbered("y.1", 1, 0, Packet("p", "new")))
    assert routed(path, coming) == ["new"]
    assert shown(read(path)) == (["new"], "y.1-1", True)
    assert shown(read(path, Position(E, 5)))[2] is False


def test_what_comes_late_of_an_engine_that_has_lost_everything_empties_no_copy() -> None:
    path = followed()
    path.read_from_engine(log(5, 0, *[200.0] * 5), 100.0)
    coming = path.take(Numbered("y.1", 1, 0, Packet("p", "new")))
    coming += path.take(update(6, 5))
    coming += path.take(Numbered("y.1", 2, 1, Packet("p", "newer")))
    assert routed(path, coming) == ["new", 6, "newer"]
    assert shown(read(path)) == (["new", "newer"], "y.1-2", True)
    assert shown(read(path, Position("y.1", 1))) == (["newer"], "y.1-2", True)
