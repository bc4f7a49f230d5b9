"""What is kept of paths, against the simplest thing that could be right: a list of all that was ever published."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cometary.dispatch import history, shelf
from cometary.dispatch.history import Histories, History
from cometary.dispatch.shelf import Shelf
from cometary.errors import UsageError
from cometary.packets.contract import Contract, make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.encodings import CBOR
from cometary.packets.keeping import Keeping
from cometary.packets.packet import Packet
from cometary.packets.patterns import Pattern
from cometary.packets.position import NOTHING, Position, Replay, place_of, read_position, read_replay
from cometary.packets.tracked import TrackedPacket
from cometary.transport.codecs import cbor, json

PATHS = ["a", "b/1", "b/2"]
WISHES = [*PATHS, "b/*", "**", "*", "c/*"]
KEEPING = Keeping(packets=4, seconds=10.0, bytes=150)


class Room:
    """Histories of which all paths are on one shelf."""

    def __init__(self, keeping: Keeping = KEEPING, **bounds: int) -> None:
        contract = Contract(history=keeping)
        self.now = 0.0
        self.histories = Histories(Contracts([(Pattern.compile("**"), contract)]), "e", lambda: self.now)
        self.shelf = Shelf[Packet](keeping, self.histories._numbers, **bounds)
        self.histories._shelves[contract] = self.shelf

    def publish(self, path: str, *published: object) -> Position:
        """Returns the position of the last one."""
        return [place_of(self.histories.record(Packet(path, message))) for message in published or [None]][-1]

    def read(self, path: str, behind: Position | int | None = None, limit: int = 9) -> History:
        position = Position("e", behind) if isinstance(behind, int) else behind
        return self.histories.read(path, position, limit)

    def latest(self, path: str) -> list[Any]:
        return messages(self.read(path))

    def knows(self, path: str, behind: Position | int) -> bool:
        return self.read(path, behind).complete


def messages(read: History) -> list[Any]:
    return [packet.message for packet in read.packets]


class RoomAgainstAList(RuleBasedStateMachine):
    """The model knows all packets and their times, in the order of their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room()
        self.published: list[tuple[float, Packet]] = []

    def of(self, wish: str, behind: int = 0) -> list[Packet]:
        pattern = Pattern.compile(wish)
        return [packet for _, packet in self.published[behind:] if pattern.matches(packet.path)]

    def kept(self, path: str) -> list[Packet]:
        """What has to be there: the longest end of the list that is within all three bounds."""
        kept: list[Packet] = []
        size = 0
        mine = [each for each in self.published if each[1].path == path]
        for time, packet in reversed(mine[-KEEPING.packets :]):
            size += packet.size
            if self.room.now - time > KEEPING.seconds or size > KEEPING.bytes:
                break
            kept.insert(0, packet)
        return kept

    def kept_of(self, wish: str) -> list[Packet]:
        kept = [packet for path in PATHS if Pattern.compile(wish).matches(path) for packet in self.kept(path)]
        return sorted(kept, key=lambda packet: place_of(packet).offset)

    @rule(path=st.sampled_from(PATHS), length=st.integers(0, 120))
    def publish(self, path: str, length: int) -> None:
        packet = self.room.histories.record(Packet(path, "x" * length))
        self.published.append((self.room.now, packet))
        assert place_of(packet) == Position("e", len(self.published))

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.room.now += seconds

    @rule(wish=st.sampled_from(WISHES), limit=st.integers(0, 6))
    def read_latest(self, wish: str, limit: int) -> None:
        kept = self.kept_of(wish)
        expected = kept[max(len(kept) - limit, 0) :]
        assert self.room.read(wish, None, limit) == History(
            expected, Position("e", len(self.published)), complete=True
        )

    @rule(wish=st.sampled_from(WISHES), offset=st.integers(0, 20), limit=st.integers(1, 6))
    def read_behind(self, wish: str, offset: int, limit: int) -> None:
        history = self.room.read(wish, offset, limit)
        missed = self.of(wish, offset)
        end = Position("e", len(self.published))
        if offset <= len(self.published) and all(packet in self.kept_of(wish) for packet in missed):
            at = place_of(missed[limit - 1]) if len(missed) > limit else end
            assert history == History(missed[:limit], at, complete=True)
        else:
            assert history == History((), end, complete=False)

    @rule(wish=st.sampled_from(WISHES))
    def read_of_another_epoch(self, wish: str) -> None:
        assert not self.room.read(wish, Position("another", 0)).complete

    @invariant()
    def it_counts_bytes_as_they_are(self) -> None:
        most = sum(packet.size for path in PATHS for packet in self.of(path)[-KEEPING.packets :])
        assert 0 <= self.room.shelf.bytes <= most


TestRoom = RoomAgainstAList.TestCase


def test_the_latest_of_many_paths_are_the_latest_of_all() -> None:
    room = Room(Keeping(500))
    for number in range(3_000):
        room.publish(f"a/{number % 20}", number)
    assert messages(room.read("a/*", limit=300)) == [*range(2_700, 3_000)]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_a_full_shelf_is_bounded_and_never_gives_a_part_for_all(steps: list[tuple[int, bool]]) -> None:
    room = Room(Keeping(9), most_paths=3, most_bytes=200)
    published: list[tuple[str, int]] = []
    for number, (path, publishes) in enumerate(steps):
        if publishes:
            published.append((f"{path % 2}/{path}", number))
            assert room.publish(*published[-1]) == Position("e", len(published))
        for wish in ("0/0", "1/1", "1/*", "**"):
            for offset in range(len(published)):
                history = room.read(wish, offset, 99)
                missed = [
                    message for path, message in published[offset:] if Pattern.compile(wish).matches(path)
                ]
                assert messages(history) == (missed if history.complete else [])
        assert len(room.shelf) <= 3
        assert room.shelf.bytes <= 200


def test_the_path_goes_that_was_published_to_least_recently() -> None:
    room = Room(most_paths=2)
    at = {path: room.publish(path) for path in ("a", "b")}
    room.publish("a")
    assert room.knows("**", 0)
    room.publish("c")
    assert room.knows("a", at["a"])
    assert not room.knows("b", Position("e", 1))
    assert room.knows("b", at["b"]), "it is known that there was nothing behind"
    assert not room.knows("**", 1)
    assert messages(room.read("**", 2)) == [None, None]


def test_what_is_too_old_leaves_the_memory_when_anything_is_published() -> None:
    room = Room()
    for path in ("a", "b"):
        room.publish(path, "x" * 50)
    room.now = 11.0
    room.publish("c")
    assert room.shelf.bytes == Room().histories.record(Packet("c")).size
    assert room.read("a", 1) == History([], Position("e", 3), complete=True)
    assert not room.knows("a", 0)


def test_who_looks_at_many_paths_pushes_out_none_that_is_published_to() -> None:
    room = Room(most_paths=3)
    room.publish("a", 1)
    for number in range(100):
        assert room.read(f"looked at {number}").complete
    assert len(room.shelf) == 1


@pytest.mark.parametrize("wish", ["a", "*"])
def test_who_looks_before_anything_is_published_misses_nothing(wish: str) -> None:
    room = Room()
    begin = room.read(wish, None, 0).at
    room.publish("a", 1)
    assert messages(room.read(wish, begin)) == [1]


def test_of_more_paths_than_anybody_can_wait_for_it_is_not_said_what_a_pattern_covers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (history, shelf):
        monkeypatch.setattr(module, "MOST_SEEN", 5)
    room = Room(Keeping(9))
    for number in range(9):
        room.publish(f"a/{number}", number)
    assert messages(room.read("a/*", 4)) == [4, 5, 6, 7, 8]
    assert not room.knows("a/*", 3)
    assert messages(room.read("a/*", None, 2)) == [7, 8]
    room.publish("b", *range(6))
    assert not room.knows("*", 9)
    assert room.knows("b", 9)
    assert len(list(room.shelf.about(Pattern.compile("a/*"), 0, room.now))) <= 1 + 5 + 1


SIZE = Room().histories.record(Packet("a", 0)).size
"""Bytes of a packet with its position, as long as all numbers have one digit."""


def test_of_one_path_as_much_is_kept_as_its_contract_says_to_the_last_byte_and_second() -> None:
    room = Room(Keeping(packets=9, seconds=10.0, bytes=2 * SIZE))
    room.publish("a", 1, 2, 3, 4)
    assert room.latest("a") == [3, 4]
    room.now = 1.0
    room.publish("a", 5)
    room.now = 10.0
    assert room.latest("a") == [4, 5]
    room.now = 10.1
    assert room.latest("a") == [5]
    assert room.shelf.bytes == SIZE


def test_where_all_is_full_the_path_loses_its_packets_that_was_published_to_least_recently() -> None:
    room = Room(Keeping(9), most_bytes=3 * SIZE)
    for path, message in (("a", 1), ("b", 1), ("a", 2)):
        room.publish(path, message)
    assert [room.latest(path) for path in "ab"] == [[1, 2], [1]]
    room.publish("c", 1)
    assert [room.latest(path) for path in "abc"] == [[1, 2], [], [1]]
    assert room.shelf.bytes == 3 * SIZE
    assert (room.knows("b", 1), room.knows("b", 2)) == (False, True)
    room.publish("c", 2, 3)
    assert [room.latest(path) for path in "abc"] == [[], [], [1, 2, 3]]
    room.publish("b", 2)
    assert [room.latest(path) for path in "abc"] == [[], [2], []]
    assert (room.knows("b", 1), room.knows("b", 2)) == (False, True)
    room.publish("d", 1)
    assert room.shelf.bytes == 2 * SIZE


def test_what_is_too_old_leaves_the_memory_of_however_many_paths() -> None:
    room = Room()
    for path in "abcde":
        room.publish(path, 1)
    room.now = 11.0
    room.publish("z", 1, 2, 3, 4)
    assert room.shelf.bytes == 4 * SIZE


def test_those_are_forgotten_first_of_which_nothing_is_kept_and_then_the_oldest() -> None:
    room = Room(Keeping(9, bytes=SIZE), most_paths=2)
    room.publish("a", "too long to be kept by far, at " + "x" * 99)
    room.publish("b", 1)
    room.publish("a", "too long to be kept by far, at " + "x" * 99)
    room.publish("c", 1)
    assert (room.latest("b"), room.latest("c")) == ([], [1])
    room.publish("d", 1)
    assert (room.latest("c"), room.latest("d")) == ([1], [1])


def test_a_path_that_has_lost_its_packets_or_is_forgotten_counts_no_byte() -> None:
    room = Room(Keeping(9, bytes=2 * SIZE), most_bytes=2 * SIZE, most_paths=2)
    room.publish("a", 1)
    room.publish("b", 1, 2)
    assert (room.latest("a"), room.shelf.bytes) == ([], 2 * SIZE)
    room.publish("a", 2, 3)
    assert (room.latest("a"), room.shelf.bytes) == ([2, 3], 2 * SIZE)
    room = Room(most_paths=2)
    for path in "abc":
        room.publish(path, 1)
    assert room.shelf.bytes == 2 * SIZE


def test_a_receipt_is_not_kept_and_the_packet_is_the_same_in_all_else() -> None:
    room = Room()
    routed = room.histories.record(TrackedPacket("a", 1, receipt="r"))
    assert isinstance(routed, TrackedPacket)
    assert routed.receipt == "r"
    [kept] = room.read("a").packets
    assert isinstance(kept, TrackedPacket)
    assert kept.receipt is None
    assert (kept.json, kept.extra) == (routed.json, {"at": "e-1"})


def test_a_history_can_be_shown_as_plain_data() -> None:
    room = Room()
    room.publish("a", 1)
    packets = [{"path": "a", "message": 1, "at": "e-1"}]
    assert room.read("a").shown() == {"packets": packets, "at": "e-1", "complete": True}
    shown = History([Packet("a", 1)], None, complete=False).shown()
    assert shown == {"packets": [{"path": "a", "message": 1}], "at": None, "complete": False}


def test_what_is_kept_keeps_nobody_who_brought_it_about() -> None:
    packet: Any = Packet("a")
    packet.cause = "a session"
    kept = Room().histories.record(packet)
    assert kept.cause is None


# -- what travels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Packet, TrackedPacket])
def test_a_position_travels_beside_path_and_message_in_every_encoding(kind: type[Packet]) -> None:
    packet = kind("a", {"b": 1})
    before = packet.json
    kept = Room().histories.record(packet)
    assert kept is packet
    assert before == b'{"path":"a","message":{"b":1}}'
    assert json.decode(kept.json) == {"path": "a", "message": {"b": 1}, "at": "e-1"}
    assert cbor.decode(CBOR.encode(kept)) == json.decode(kept.json)


@pytest.mark.parametrize("kind", [Packet, TrackedPacket])
def test_one_that_is_published_twice_has_two_positions(kind: type[Packet]) -> None:
    packet, histories = kind("a", 1, "sender"), Room().histories
    first, second = histories.record(packet), histories.record(packet)
    assert (first.extra, second.extra) == ({"at": "e-1"}, {"at": "e-2"})
    assert type(second) is kind
    assert (second.path, second.message, second.sender) == ("a", 1, "sender")


@given(st.text(max_size=80) | st.integers() | st.none())
def test_what_is_no_position_is_refused(text: object) -> None:
    try:
        position = read_position(text)
    except UsageError:
        return
    assert str(position) == text or position.offset >= 0


@pytest.mark.parametrize(("epoch", "offset"), [("a", 0), ("a-b", 17), ("-", 10**17)])
def test_a_position_can_be_read_as_it_was_told(epoch: str, offset: int) -> None:
    assert read_position(str(Position(epoch, offset))) == Position(epoch, offset)


@pytest.mark.parametrize(
    ("last", "since"), [(-1, None), (True, None), ("3", None), (0, ["a"]), (0, {"a": "x"}), (0, {"": "e-1"})]
)
def test_a_wrong_wish_for_a_replay_is_refused(last: object, since: object) -> None:
    with pytest.raises(UsageError):
        read_replay(last, since)


def test_who_wishes_for_nothing_gets_nothing() -> None:
    assert read_replay() is NOTHING
    assert read_replay(0, {}) == Replay(0, {})


# -- which paths have one -------------------------------------------------------------------------


def test_each_path_is_kept_as_the_first_contract_says_that_covers_it() -> None:
    declared = [
        (Pattern.compile("chat/*"), make_contract(history=2)),
        (Pattern.compile("**"), make_contract("conflate", history=1)),
    ]
    histories = Histories(Contracts(declared), "e", lambda: 0.0)
    for path in ("chat/a", "other"):
        assert histories.keeps(path)
        for number in range(3):
            histories.record(Packet(path, number))
    assert messages(histories.read("chat/a", None, 9)) == [1, 2]
    assert messages(histories.read("other", None, 9)) == [2]
    assert messages(histories.read("**", Position("e", 5), 9)) == [2]
    assert not histories.read("**", Position("e", 4), 9).complete
    assert messages(histories.read("**", None, 9)) == [1, 2, 2]
    assert messages(histories.read("chat/**", Position("e", 1), 9)) == [1, 2]


def test_a_path_without_a_history_has_none() -> None:
    histories = Histories(Contracts(), "e", lambda: 0.0)
    packet = Packet("a")
    assert histories.record(packet) is packet
    assert packet.extra is None
    assert histories.read("a", None, 9) == History((), None, complete=False)


@pytest.mark.parametrize(
    "terms",
    [
        {"history": 0},
        {"history": True},
        {"history": 1.5},
        {"history_ttl": 3},
        {"history_bytes": 3},
        {"history": 1, "history_ttl": 0},
        {"history": 1, "history_bytes": 0},
    ],
)
def test_wrong_terms_are_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_contract(**terms)


def test_a_history_alone_makes_no_packet_a_tracked_one() -> None:
    contracts = Contracts([(Pattern.compile("a"), make_contract(history=1))])
    assert type(contracts.packet("a")) is Packet
