"""What waits unsent may go, by contract or in time; what was sent never does, and all is accounted for once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cometary.errors import ProtocolError
from cometary.packets.contract import KEEP, Contract, make_contract
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import Packet
from cometary.sessions.outbox import Outbox
from cometary.sessions.tracking import Outcome, Tracking, forget

LATEST = make_contract("conflate")
TWO_OLDEST = make_contract("drop_newest", limit=2)
TWO_NEWEST = make_contract("drop_oldest", limit=2)
TWO_AT_MOST = make_contract("close", limit=2)
BYTES = TrackedPacket("a", 1).size


class Noted:
    """An outbox whose receipts a test can look at."""

    def __init__(self, max_packets: int = 1000, max_bytes: int = 1 << 20) -> None:
        self.receipts: list[tuple[str, str]] = []
        self.outbox = Outbox(max_packets, max_bytes)

    def __len__(self) -> int:
        return len(self.outbox)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.outbox, name)

    @property
    def tracking(self) -> Tracking:
        """The part that accounts for tracked packets."""
        assert self.outbox.tracking is not None
        return self.outbox.tracking

    def admit(self, packet: TrackedPacket, now: float) -> bool:
        return self.outbox.admit(packet, now, self._note)

    def close(self) -> list[Packet]:
        return self.outbox.close(self._note)

    def _note(self, packet: TrackedPacket, outcome: Outcome) -> None:
        assert packet.receipt is not None
        self.receipts.append((packet.receipt, outcome))

    def put(self, name: str, contract: Contract = KEEP, path: str = "a", ttl: float | None = None) -> bool:
        packet = TrackedPacket(path, 1, contract=contract, receipt=name, ttl=ttl)
        return self.admit(packet, now=100)

    @property
    def names(self) -> list[str | None]:
        return [packet.receipt for packet in self.packets if isinstance(packet, TrackedPacket)]


def test_the_first_tracked_packet_may_come_behind_others() -> None:
    outbox = Noted()
    packets = [Packet("a", number) for number in range(3)]
    for packet in packets:
        outbox.append(packet)
    outbox.batch(2 * packets[0].size)
    outbox.acknowledge(1)
    outbox.put("old", LATEST)
    outbox.put("new", LATEST)
    assert outbox.names == ["new"]
    assert (outbox.acknowledged, outbox.sent) == (1, 2)
    first, sent = outbox.batch(1000)
    assert (first, sent[:2], len(sent)) == (2, packets[1:], 3)
    outbox.acknowledge(4)
    assert outbox.receipts == [("old", "dropped"), ("new", "delivered")]


def test_an_acknowledged_packet_is_delivered_and_said_once() -> None:
    outbox = Noted()
    outbox.put("one")
    outbox.put("two")
    outbox.batch(1000)
    outbox.acknowledge(1)
    outbox.acknowledge(1)
    assert outbox.receipts == [("one", "delivered")]
    outbox.acknowledge(2)
    assert outbox.receipts == [("one", "delivered"), ("two", "delivered")]


def test_a_wrong_acknowledgement_gives_no_receipt() -> None:
    outbox = Noted()
    outbox.put("one")
    with pytest.raises(ProtocolError):
        outbox.acknowledge(1)
    assert outbox.receipts == []
    assert outbox.names == ["one"]


def test_of_packets_with_one_key_only_the_latest_waits_and_it_comes_last() -> None:
    outbox = Noted()
    for name, path in [("old", "a"), ("other", "b"), ("new", "a")]:
        outbox.put(name, LATEST, path)
    assert outbox.names == ["other", "new"]
    assert outbox.receipts == [("old", "dropped")]


def test_a_key_belongs_to_its_contract() -> None:
    other = make_contract("conflate")
    outbox = Noted()
    outbox.put("one", LATEST)
    outbox.put("two", other)
    outbox.put("kept", KEEP)
    assert outbox.names == ["one", "two", "kept"]


def test_a_key_may_be_another_than_the_path() -> None:
    by_kind = make_contract("conflate", key=lambda path, _: path.split("/")[0])
    outbox = Noted()
    outbox.put("one", by_kind, "jobs/1")
    outbox.put("two", by_kind, "jobs/2")
    outbox.put("three", by_kind, "news/1")
    assert outbox.names == ["two", "three"]


def test_what_was_sent_is_not_conflated() -> None:
    outbox = Noted()
    outbox.put("sent", LATEST)
    outbox.batch(1000)
    outbox.put("new", LATEST)
    assert outbox.names == ["sent", "new"]
    outbox.put("newer", LATEST)
    assert outbox.names == ["sent", "newer"]
    first, packets = outbox.batch(1000)
    assert (first, len(packets)) == (1, 2)


def test_the_newest_is_dropped() -> None:
    outbox = Noted()
    for name in ("one", "two", "three"):
        assert outbox.put(name, TWO_OLDEST)
    assert outbox.names == ["one", "two"]
    assert outbox.receipts == [("three", "dropped")]
    assert outbox.tracking.dropped == 1
    outbox.batch(1000)
    assert outbox.put("four", TWO_OLDEST)
    assert outbox.names == ["one", "two", "four"]


def test_the_oldest_are_dropped() -> None:
    outbox = Noted()
    for name in ("one", "two", "three", "four"):
        assert outbox.put(name, TWO_NEWEST)
    assert outbox.names == ["three", "four"]
    assert outbox.receipts == [("one", "dropped"), ("two", "dropped")]
    assert outbox.tracking.dropped == 2


def test_a_limit_may_end_the_session() -> None:
    outbox = Noted()
    assert outbox.put("one", TWO_AT_MOST)
    assert outbox.put("two", TWO_AT_MOST)
    assert outbox.put("elsewhere", TWO_AT_MOST, "b")
    assert not outbox.put("three", TWO_AT_MOST)
    assert outbox.receipts == []


@pytest.mark.parametrize("contract", [KEEP, LATEST, TWO_AT_MOST])
def test_what_promises_to_lose_nothing_ends_the_session_when_all_is_full(contract: Contract) -> None:
    outbox = Noted(max_packets=2)
    outbox.put("one", path="b")
    outbox.put("two", path="b")
    assert not outbox.put("three", contract)


def test_the_latest_replaces_its_forerunner_where_all_is_full() -> None:
    outbox = Noted(max_packets=2)
    outbox.put("one")
    outbox.put("two", LATEST)
    assert outbox.put("three", LATEST)
    assert outbox.names == ["one", "three"]


@pytest.mark.parametrize("contract", [TWO_OLDEST, TWO_NEWEST])
def test_what_may_be_dropped_never_ends_a_session(contract: Contract) -> None:
    outbox = Noted(max_packets=2)
    outbox.put("one", path="b")
    outbox.put("two", path="b")
    assert outbox.put("three", contract)
    assert outbox.names == ["one", "two"]
    assert outbox.receipts == [("three", "dropped")]


def test_the_oldest_make_room_when_all_is_full() -> None:
    outbox = Noted(max_bytes=3 * BYTES)
    many = make_contract("drop_oldest", limit=50)
    for name in ("one", "two", "three", "four"):
        assert outbox.put(name, many)
    assert outbox.names == ["two", "three", "four"]


def test_none_is_dropped_where_that_would_not_be_enough() -> None:
    outbox = Noted(max_bytes=3 * BYTES)
    outbox.put("one", TWO_NEWEST)
    outbox.put("two", TWO_NEWEST)
    huge = TrackedPacket("a", "x" * 4 * BYTES, contract=TWO_NEWEST, receipt="huge")
    assert outbox.admit(huge, 100)
    assert outbox.names == ["one", "two"]
    assert outbox.receipts == [("huge", "dropped")]


@pytest.mark.parametrize(("sent", "other"), [(0, "b"), (BYTES, "a")], ids=["of another path", "sent"])
def test_the_oldest_make_room_to_the_last_byte_and_what_may_not_go_makes_none(sent: int, other: str) -> None:
    plain = TrackedPacket("a", "").size
    for more, names in ((0, ["stays", "new"]), (1, ["stays", "old"])):
        outbox = Noted(max_bytes=3 * BYTES)
        outbox.put("stays", TWO_NEWEST, other)
        outbox.put("old", TWO_NEWEST)
        if sent:
            outbox.batch(sent)
        text = "x" * (2 * BYTES - plain + more)
        assert outbox.admit(TrackedPacket("a", text, contract=TWO_NEWEST, receipt="new"), 100)
        assert outbox.names == names


def test_packets_expire_when_their_time_has_come() -> None:
    outbox = Noted()
    outbox.put("never")
    outbox.put("soon", ttl=5)
    outbox.put("later", ttl=10)
    assert outbox.next_due() == 105
    assert outbox.next_due() is None
    outbox.expire(104.9)
    assert outbox.names == ["never", "soon", "later"]
    outbox.expire(105)
    assert outbox.names == ["never", "later"]
    assert outbox.next_due() == 110
    outbox.expire(110)
    assert outbox.next_due() is None
    assert outbox.receipts == [("soon", "expired"), ("later", "expired")]
    assert (outbox.tracking.expired, outbox.tracking.dropped) == (2, 0)


def test_an_earlier_end_is_asked_for_again() -> None:
    outbox = Noted()
    outbox.put("later", ttl=10)
    assert outbox.next_due() == 110
    outbox.put("sooner", ttl=5)
    assert outbox.next_due() == 105


def test_what_was_sent_does_not_expire() -> None:
    outbox = Noted()
    outbox.put("sent", ttl=5)
    outbox.batch(1000)
    outbox.expire(1000)
    assert outbox.names == ["sent"]
    assert outbox.next_due() is None


def test_what_is_left_at_the_end_is_undelivered_and_the_outbox_lets_go_of_the_session() -> None:
    outbox = Noted()
    outbox.put("sent")
    outbox.batch(1000)
    outbox.put("waiting")
    assert len(outbox.close()) == 2
    assert outbox.receipts == [("sent", "undelivered"), ("waiting", "undelivered")]
    outbox.close()
    assert len(outbox.receipts) == 2


def test_what_is_kept_at_the_end_has_no_time_of_its_own() -> None:
    outbox = Noted()
    outbox.put("soon", ttl=5)
    outbox.keep(TrackedPacket("a", 1, contract=KEEP, receipt="kept", ttl=1))
    outbox.expire(105)
    assert outbox.names == ["kept"]
    outbox.close()
    assert outbox.receipts == [("soon", "expired"), ("kept", "undelivered")]


def test_what_only_came_after_the_end_has_its_receipt() -> None:
    outbox = Noted()
    outbox.append(Packet("a", 1))
    outbox.keep(TrackedPacket("a", 1, contract=KEEP, receipt="late"))
    assert len(outbox.close()) == 2
    assert outbox.receipts == [("late", "undelivered")]


def test_at_the_end_there_is_room_for_as_much_again() -> None:
    outbox = Noted(max_packets=2)
    assert [outbox.add_undelivered(Packet("a", number)) for number in range(5)] == [True] * 4 + [False]


@pytest.mark.parametrize(
    "contract",
    [KEEP, LATEST, TWO_OLDEST, TWO_NEWEST, TWO_AT_MOST, make_contract("drop_oldest", limit=1000)],
    ids=lambda contract: f"{contract.when_full}-{contract.limit}",
)
def test_memory_is_bounded_under_every_contract(contract: Contract) -> None:
    """A client that never fetches: thousands of packets come, and the session ends or stays small."""
    outbox = Noted(max_packets=100, max_bytes=5_000)
    most_packets = most_bytes = 0
    for number in range(5_000):
        packet = TrackedPacket(f"a/{number % 7}", "x" * (number % 90), contract=contract)
        if not outbox.admit(packet, number):
            break
        outbox.expire(number)
        most_packets = max(most_packets, len(outbox))
        most_bytes = max(most_bytes, outbox.size)
        assert len(outbox.tracking._deadlines) == len(outbox.tracking._slots) == len(outbox)
    assert most_packets <= 100
    assert most_bytes <= 5_000
    if contract.when_full == "conflate":
        assert most_packets == 7
    elif contract.limit == 2:
        assert most_packets <= 14


# -- beside a model ------------------------------------------------------------------------------------

CONTRACTS = [KEEP, LATEST, TWO_OLDEST, TWO_NEWEST, TWO_AT_MOST]


@dataclass
class Row:
    """What a naive outbox knows of one packet."""

    name: str
    packet: Packet
    contract: Contract | None
    path: str
    until: float
    number: int | None = None
    """Its number, once it was sent."""


class AgainstNaiveModel(RuleBasedStateMachine):
    """A list of rows, searched from end to end for every question."""

    MAX_PACKETS = 6
    MAX_BYTES = 220

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Noted(self.MAX_PACKETS, self.MAX_BYTES)
        self.rows: list[Row] = []
        self.outcomes: list[tuple[str, str]] = []
        self.names = 0
        self.acknowledged = 0
        self.now = 100.0
        self.sent_numbers: dict[int, Packet] = {}

    def _fits(self, packet: Packet) -> bool:
        size = sum(row.packet.size for row in self.rows) + packet.size
        return len(self.rows) < self.MAX_PACKETS and size <= self.MAX_BYTES

    def _beside(self, contract: Contract, path: str) -> list[Row]:
        return [
            row for row in self.rows if row.number is None and row.contract is contract and row.path == path
        ]

    def _leave(self, row: Row, outcome: str) -> None:
        self.rows.remove(row)
        if isinstance(row.packet, TrackedPacket):
            self.outcomes.append((row.name, outcome))

    @rule(length=st.integers(0, 60))
    def append_plain(self, length: int) -> None:
        packet = Packet("plain", "x" * length)
        fits = self._fits(packet)
        assert self.outbox.append(packet) is fits
        if fits:
            self.rows.append(Row("", packet, None, "plain", inf))

    @rule(
        contract=st.sampled_from(CONTRACTS),
        path=st.sampled_from("ab"),
        length=st.integers(0, 60),
        ttl=st.sampled_from([None, 1.0, 5.0, inf]),
    )
    def admit(self, contract: Contract, path: str, length: int, ttl: float | None) -> None:
        self.names += 1
        name = str(self.names)
        packet = TrackedPacket(path, "x" * length, contract=contract, receipt=name, ttl=ttl)
        took = self.outbox.admit(packet, self.now)
        beside = self._beside(contract, path)
        row = Row(name, packet, contract, path, self.now + packet.ttl)
        if contract is LATEST:
            for older in beside:
                self._leave(older, "dropped")
        elif contract is TWO_AT_MOST and len(beside) == 2:
            assert not took
            return
        elif contract is TWO_OLDEST and (len(beside) == 2 or not self._fits(packet)):
            assert took
            self.outcomes.append((name, "dropped"))
            return
        elif contract is TWO_NEWEST:
            mine = sum(other.packet.size for other in beside)
            total = sum(other.packet.size for other in self.rows)
            possible = self._fits(packet) or (beside and total - mine + packet.size <= self.MAX_BYTES)
            if not possible:
                assert took
                self.outcomes.append((name, "dropped"))
                return
            while len(beside) == 2 or not self._fits(packet):
                self._leave(beside.pop(0), "dropped")
        fits = self._fits(packet)
        assert took is fits
        if fits:
            self.rows.append(row)

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.outbox.expire(self.now)
        for row in [row for row in self.rows if row.number is None and row.until <= self.now]:
            self._leave(row, "expired")

    @rule(max_bytes=st.integers(0, 250))
    def send(self, max_bytes: int) -> None:
        batch: list[Row] = []
        for row in self.rows:
            if batch and sum(other.packet.size for other in batch) + row.packet.size > max_bytes:
                break
            batch.append(row)
        first, packets = self.outbox.batch(max_bytes)
        assert first == self.acknowledged + 1
        assert packets == [row.packet for row in batch]
        for number, row in enumerate(batch, first):
            row.number = number
            # What the client was once told under a number, it is told ever after.
            assert self.sent_numbers.setdefault(number, row.packet) is row.packet

    @precondition(lambda self: any(row.number for row in self.rows))
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        numbers = [row.number for row in self.rows if row.number is not None]
        ack = data.draw(st.sampled_from(numbers))
        self.outbox.acknowledge(ack)
        self.acknowledged = ack
        for row in [row for row in self.rows if row.number is not None and row.number <= ack]:
            self._leave(row, "delivered")

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.outbox.undelivered() == [row.packet for row in self.rows]
        assert self.outbox.size == sum(row.packet.size for row in self.rows)
        assert self.outbox.unsent is any(row.number is None for row in self.rows)
        assert len(self.outbox) <= self.MAX_PACKETS
        assert self.outbox.size <= self.MAX_BYTES

    @invariant()
    def every_receipt_is_given_once(self) -> None:
        assert self.outbox.receipts == self.outcomes
        assert len({name for name, _ in self.outcomes}) == len(self.outcomes)

    @invariant()
    def numbers_have_no_gap(self) -> None:
        numbers = [row.number for row in self.rows if row.number is not None]
        assert numbers == list(range(self.acknowledged + 1, self.acknowledged + 1 + len(numbers)))

    @invariant()
    def what_waits_is_counted(self) -> None:
        waiting = Counter(
            (row.contract, row.path)
            for row in self.rows
            if row.number is None and row.contract not in (KEEP, None)
        )
        tracking = self.outbox.outbox.tracking
        counted = {} if tracking is None else tracking._waiting
        assert {slot: each.packets for slot, each in counted.items()} == waiting

    @invariant()
    def whatever_expires_is_asked_for_in_time(self) -> None:
        due = self.outbox.next_due()
        ends = [row.until for row in self.rows if row.number is None]
        assert due is None or due <= min(ends, default=inf)
        tracking = self.outbox.outbox.tracking
        assert tracking is None or min(ends, default=inf) >= tracking._due


TestAgainstNaiveModel = AgainstNaiveModel.TestCase


def test_what_is_kept_room_or_not_goes_as_all_others_do() -> None:
    outbox = Outbox(1, 1000)
    for number in range(3):
        outbox.keep(Packet("a", number))
    assert [packet.message for packet in outbox.batch(1000)[1]] == [0, 1, 2]
    outbox.expire(1.0)
    outbox.acknowledge(2)
    assert outbox.admit(TrackedPacket("a", 3, ttl=1.0), 0.0, forget) is False, "there is no room"
    outbox.acknowledge(3)
    assert outbox.admit(TrackedPacket("a", 3, ttl=1.0), 0.0, forget)
    outbox.expire(1.0)
    assert outbox.tracking is not None
    assert (len(outbox), outbox.size, outbox.tracking.expired) == (0, 0, 1)
