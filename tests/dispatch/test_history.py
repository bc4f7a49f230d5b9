"""What is kept of paths, against the simplest thing that could be right: a list of all that was ever published."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cometary.dispatch.history import Histories, History, Shelf
from cometary.errors import UsageError
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.encodings import CBOR
from cometary.packets.keeping import Keeping
from cometary.packets.packet import Packet
from cometary.packets.patterns import Pattern
from cometary.packets.position import NOTHING, Position, Replay, read_position, read_replay
from cometary.packets.tracked import TrackedPacket
from cometary.transport.codecs import cbor, json

PATHS = ["a", "b", "c"]
KEEPING = Keeping(packets=4, seconds=10.0, bytes=150)


def new_shelf(keeping: Keeping = KEEPING, **bounds: int) -> Shelf:
    epochs = count()
    return Shelf(keeping, lambda: f"e{next(epochs)}", **bounds)


def messages(history: History) -> list[Any]:
    return [packet.message for packet in history.packets]


class ShelfAgainstAList(RuleBasedStateMachine):
    """The model knows all packets, their times, and which positions were ever told."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = new_shelf()
        self.now = 0.0
        self.published: dict[str, list[tuple[float, Packet]]] = {path: [] for path in PATHS}
        self.epochs: dict[str, str] = {}

    def kept(self, path: str) -> list[Packet]:
        """What has to be there: the longest end of the list that is within all three bounds."""
        kept: list[Packet] = []
        size = 0
        for time, packet in reversed(self.published[path][-KEEPING.packets :]):
            size += packet.size
            if self.now - time > KEEPING.seconds or size > KEEPING.bytes:
                break
            kept.insert(0, packet)
        return kept

    @rule(path=st.sampled_from(PATHS), length=st.integers(0, 120))
    def publish(self, path: str, length: int) -> None:
        packet = self.shelf.record(Packet(path, "x" * length), self.now)
        self.published[path].append((self.now, packet))
        position = read_position((packet.extra or {})["at"])
        assert position == Position(self.epochs.setdefault(path, position.epoch), len(self.published[path]))

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(path=st.sampled_from(PATHS), limit=st.integers(0, 6))
    def read_latest(self, path: str, limit: int) -> None:
        history = self.shelf.read(path, None, limit, self.now)
        kept = self.kept(path)
        assert list(history.packets) == kept[max(len(kept) - limit, 0) :]
        assert history.complete
        assert history.at is not None
        assert history.at == Position(
            self.epochs.setdefault(path, history.at.epoch), len(self.published[path])
        )

    @rule(path=st.sampled_from(PATHS), offset=st.integers(0, 20), limit=st.integers(0, 6))
    def read_behind(self, path: str, offset: int, limit: int) -> None:
        behind = Position(self.epochs.get(path, "other"), offset)
        history = self.shelf.read(path, behind, limit, self.now)
        missed = [packet for _, packet in self.published[path][offset:]]
        known = path in self.epochs and offset <= len(self.published[path])
        if known and missed == self.kept(path)[len(self.kept(path)) - len(missed) :]:
            assert history.complete
            assert list(history.packets) == missed[:limit]
            assert history.at == Position(behind.epoch, offset + len(history.packets))
        else:
            assert not history.complete
            assert not history.packets
            if path in self.epochs:
                assert history.at == Position(self.epochs[path], len(self.published[path]))
            else:
                self.epochs[path] = history.at.epoch if history.at else ""

    @rule(path=st.sampled_from(PATHS))
    def read_of_another_epoch(self, path: str) -> None:
        history = self.shelf.read(path, Position("another", 0), 5, self.now)
        assert not history.complete
        assert not history.packets
        if history.at:
            self.epochs.setdefault(path, history.at.epoch)

    @invariant()
    def it_counts_bytes_as_they_are(self) -> None:
        most = sum(packet.size for path in PATHS for _, packet in self.published[path][-KEEPING.packets :])
        assert 0 <= self.shelf.bytes <= most


TestShelf = ShelfAgainstAList.TestCase


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_a_full_shelf_is_bounded_and_never_gives_a_part_for_all(steps: list[tuple[int, bool]]) -> None:
    shelf = new_shelf(Keeping(9), most_paths=3, most_bytes=200)
    published: dict[tuple[str, str], list[object]] = {}
    for number, (path, publishes) in enumerate(steps):
        text = str(path)
        if publishes:
            at = read_position((shelf.record(Packet(text, number), 0.0).extra or {})["at"])
            packets = published.setdefault((text, at.epoch), [])
            packets.append(number)
            assert at.offset == len(packets)
        for (known, epoch), packets in published.items():
            for offset in range(len(packets)):
                history = shelf.read(known, Position(epoch, offset), 99, 0.0)
                assert messages(history) == (packets[offset:] if history.complete else [])
        assert len(shelf) <= 3
        assert shelf.bytes <= 200


def test_the_path_goes_that_was_published_to_least_recently() -> None:
    shelf = new_shelf(most_paths=2)
    at = {path: shelf.record(Packet(path), 0.0).extra for path in ("a", "b")}
    shelf.record(Packet("a"), 0.0)
    shelf.record(Packet("c"), 0.0)
    assert at["a"] is not None
    assert at["b"] is not None
    assert shelf.read("a", read_position(at["a"]["at"]), 9, 0.0).complete
    assert not shelf.read("b", read_position(at["b"]["at"]), 9, 0.0).complete


def test_what_is_too_old_leaves_the_memory_when_anything_is_published() -> None:
    shelf = new_shelf()
    for path in ("a", "b"):
        shelf.record(Packet(path, "x" * 50), 0.0)
    packet = shelf.record(Packet("c"), 11.0)
    assert shelf.bytes == packet.size
    assert shelf.read("a", Position("e0", 1), 9, 11.0) == History([], Position("e0", 1), complete=True)


def test_who_looks_at_many_paths_pushes_out_none_that_is_published_to() -> None:
    shelf = new_shelf(most_paths=3)
    shelf.record(Packet("a", 1), 0.0)
    for number in range(100):
        assert shelf.read(f"looked at {number}", None, 9, 0.0).complete
    assert messages(shelf.read("a", None, 9, 0.0)) == [1]
    shelf.record(Packet("b", 2), 0.0)
    assert messages(shelf.read("a", None, 9, 0.0)) == [1]


def test_who_looks_before_anything_is_published_misses_nothing() -> None:
    shelf = new_shelf()
    begin = shelf.read("a", None, 0, 0.0).at
    shelf.record(Packet("a", 1), 0.0)
    assert messages(shelf.read("a", begin, 9, 0.0)) == [1]


SIZE = new_shelf().record(Packet("a", 0), 0.0).size
"""Bytes of a packet with its position, as long as all numbers have one digit."""


def publish(shelf: Shelf, path: str, *published: int, now: float = 0.0) -> None:
    for message in published:
        shelf.record(Packet(path, message), now)


def latest(shelf: Shelf, path: str, now: float = 0.0) -> list[Any]:
    return messages(shelf.read(path, None, 9, now))


def test_of_one_path_as_much_is_kept_as_its_contract_says_to_the_last_byte_and_second() -> None:
    shelf = new_shelf(Keeping(packets=9, seconds=10.0, bytes=2 * SIZE))
    publish(shelf, "a", 1, 2, 3, 4)
    assert latest(shelf, "a") == [3, 4]
    publish(shelf, "a", 5, now=1.0)
    assert latest(shelf, "a", 10.0) == [4, 5]
    assert latest(shelf, "a", 10.1) == [5]
    assert shelf.bytes == SIZE


def test_where_all_is_full_the_path_loses_its_packets_that_was_published_to_least_recently() -> None:
    shelf = new_shelf(Keeping(9), most_bytes=3 * SIZE)
    publish(shelf, "a", 1)
    publish(shelf, "b", 1)
    publish(shelf, "a", 2)
    assert [latest(shelf, path) for path in "ab"] == [[1, 2], [1]]
    publish(shelf, "c", 1)
    assert [latest(shelf, path) for path in "abc"] == [[1, 2], [], [1]]
    assert shelf.bytes == 3 * SIZE
    publish(shelf, "c", 2, 3)
    assert [latest(shelf, path) for path in "abc"] == [[], [], [1, 2, 3]]
    publish(shelf, "b", 2)  # begins anew, but not to count
    assert [latest(shelf, path) for path in "abc"] == [[], [2], []]
    assert shelf.read("b", Position("e1", 1), 9, 0.0).complete
    assert shelf.bytes == SIZE
    publish(shelf, "d", 1, 2, 3)
    assert shelf.bytes == 3 * SIZE


def test_what_is_too_old_leaves_the_memory_of_however_many_paths() -> None:
    shelf = new_shelf()
    for path in "abcdefgh":
        publish(shelf, path, 1)
    publish(shelf, "z", 1, 2, 3, 4, now=11.0)
    assert shelf.bytes == 4 * SIZE


def test_those_are_forgotten_first_to_which_nothing_was_ever_published_and_then_the_oldest() -> None:
    shelf = new_shelf(most_paths=4)
    publish(shelf, "a", 1)
    publish(shelf, "b", 1)
    publish(shelf, "c", 1, now=11.0)
    assert shelf.read("looked at", None, 9, 11.0).at == Position("e3", 0)
    publish(shelf, "d", 1, now=11.0)
    assert [shelf.read(path, None, 9, 11.0).at for path in "ab"] == [Position("e0", 1), Position("e1", 1)]
    publish(shelf, "e", 1, now=11.0)
    known = [
        shelf.read(path, Position(f"e{number}", 1), 9, 11.0).complete for number, path in enumerate("abc")
    ]
    assert known == [False, True, True]


def test_a_receipt_is_not_kept_and_the_packet_is_the_same_in_all_else() -> None:
    shelf = new_shelf()
    routed = shelf.record(TrackedPacket("a", 1, receipt="r"), 0.0)
    assert isinstance(routed, TrackedPacket)
    assert routed.receipt == "r"
    [kept] = shelf.read("a", None, 1, 0.0).packets
    assert isinstance(kept, TrackedPacket)
    assert kept.receipt is None
    assert (kept.json, kept.extra) == (routed.json, {"at": "e0-1"})


def test_a_history_can_be_shown_as_plain_data() -> None:
    shelf = new_shelf()
    publish(shelf, "a", 1)
    packets = [{"path": "a", "message": 1, "at": "e0-1"}]
    assert shelf.read("a", None, 1, 0.0).shown() == {"packets": packets, "at": "e0-1", "complete": True}
    shown = History([Packet("a", 1)], None, complete=False).shown()
    assert shown == {"packets": [{"path": "a", "message": 1}], "at": None, "complete": False}


def test_what_is_kept_keeps_nobody_who_brought_it_about() -> None:
    packet: Any = Packet("a")
    packet.cause = "a session"
    kept = new_shelf().record(packet, 0.0)
    assert kept.cause is None


# -- what travels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Packet, TrackedPacket])
def test_a_position_travels_beside_path_and_message_in_every_encoding(kind: type[Packet]) -> None:
    packet = kind("a", {"b": 1})
    before = packet.json
    kept = new_shelf().record(packet, 0.0)
    assert kept is packet
    assert before == b'{"path":"a","message":{"b":1}}'
    assert json.decode(kept.json) == {"path": "a", "message": {"b": 1}, "at": "e0-1"}
    assert cbor.decode(CBOR.encode(kept)) == json.decode(kept.json)


@pytest.mark.parametrize("kind", [Packet, TrackedPacket])
def test_one_that_is_published_twice_has_two_positions(kind: type[Packet]) -> None:
    packet, shelf = kind("a", 1, "sender"), new_shelf()
    first, second = shelf.record(packet, 0.0), shelf.record(packet, 0.0)
    assert (first.extra, second.extra) == ({"at": "e0-1"}, {"at": "e0-2"})
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
    histories = Histories(Contracts(declared), lambda: "e", lambda: 0.0)
    for path in ("chat/a", "other"):
        assert histories.keeps(path)
        for number in range(3):
            histories.record(Packet(path, number))
    assert messages(histories.read("chat/a", None, 9)) == [1, 2]
    assert messages(histories.read("other", None, 9)) == [2]


def test_a_path_without_a_history_has_none() -> None:
    histories = Histories(Contracts(), lambda: "e", lambda: 0.0)
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
