"""What is kept above the workers and in each: the same, within the same bounds, also in one that begins later."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from cometary.actors import Future
from cometary.dispatch.engine import LocalEngine
from cometary.dispatch.members import Member
from cometary.errors import MailboxFullError
from cometary.packets.contract import Contract
from cometary.packets.contract_table import Contracts
from cometary.packets.keeping import Keeping
from cometary.packets.packet import Packet
from cometary.packets.patterns import Pattern
from cometary.packets.position import Position
from cometary.packets.published import as_published, encoded
from cometary.sessions.flow import Flow
from cometary.workers import engine as engines
from cometary.workers.common import Common
from cometary.workers.engine import SharedEngine
from cometary.workers.histories import CopiedHistories
from cometary.workers.members import SharedMembers
from cometary.workers.messages import Came, Copy, Lifetime, Message, Numbered, Numbering, Went, decode

KEEPING = Keeping(packets=3, seconds=10.0, bytes=10_000)
CONTRACTS = Contracts([(Pattern.compile("kept/*"), Contract(history=KEEPING))])


class House:
    """The process above, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.common = Common(CONTRACTS, "e", lambda: self.now)
        self.told: list[Numbered] = []

    def publish(self, path: str, message: object) -> None:
        packet = Packet(path, message)
        told = encoded(as_published(packet))
        number = self.common.number(Numbering(0, path, packet.size, told))
        self.told.append(Numbered(number, 1, 0, told))

    def begins(self) -> CopiedHistories:
        """Return what a worker keeps that begins now."""
        lifetime, *copies = self.copy()
        assert isinstance(lifetime, Lifetime)
        histories = CopiedHistories(CONTRACTS, lifetime, lambda: self.now)
        for copy in copies:
            assert isinstance(copy, Copy)
            histories.restore(copy)
        return histories

    def copy(self) -> list[Message]:
        return [decode(each) for each in self.common.copy()]


def kept(histories: CopiedHistories, path: str, behind: int | None = None) -> Any:
    read = histories.read(path, None if behind is None else Position("e", behind), 9)
    return [packet.message for packet in read.packets] if read.complete else None


def test_a_worker_that_begins_keeps_what_is_kept_and_knows_what_is_not() -> None:
    house = House()
    for number in range(1, 6):
        house.publish("kept/1", number)
    house.publish("kept/2", "other")
    histories = house.begins()
    assert kept(histories, "kept/1") == [3, 4, 5]
    assert kept(histories, "kept/1", behind=2) == [3, 4, 5]
    assert kept(histories, "kept/1", behind=1) is None
    assert kept(histories, "kept/*", behind=4) == [5, "other"]
    assert histories.read("kept/1", None, 0).at == Position("e", 6)
    house.now = 11.0
    assert kept(histories, "kept/1", behind=2) is None


def test_several_arguments_of_an_event_are_several_in_a_copy() -> None:
    house = House()
    house.publish("kept/1", ("a", "b"))
    house.publish("kept/1", ["a", "b"])
    assert kept(house.begins(), "kept/1") == [("a", "b"), ["a", "b"]]


def test_what_is_old_where_it_is_copied_is_as_old_in_the_copy() -> None:
    house = House()
    house.publish("kept/1", 1)
    house.now = 6.0
    house.publish("kept/1", 2)
    histories = house.begins()
    house.now = 11.0
    assert kept(histories, "kept/1") == [2]


def test_of_what_is_forgotten_a_worker_that_begins_knows_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    monkeypatch.setattr("cometary.dispatch.shelf.Shelf.__init__.__defaults__", (1, 1 << 20))
    for number in range(1, 4):
        house.publish(f"kept/{number}", number)
    histories = house.begins()
    assert kept(histories, "kept/1", behind=0) is None
    assert kept(histories, "kept/3", behind=2) == [3]
    assert kept(histories, "kept/new", behind=1) is None
    assert kept(histories, "kept/new", behind=2) == []


def test_a_worker_that_begins_is_told_who_is_where_and_of_nobody_who_has_left() -> None:
    house = House()
    house.common.came(Came(1, "room", [("a", None), ("b", b"1")]))
    house.common.came(Came(3, "room", [("c", None)]))
    house.common.went(Went(1, "room", "a"))
    house.common.left(3)
    assert house.copy()[1:] == [Came(1, "room", [("b", b"1")])]
    house.common.went(Went(1, "room", "b"))
    assert house.copy()[1:] == []


def test_a_worker_of_another_configuration_leaves_out_what_it_does_not_keep() -> None:
    house = House()
    house.publish("kept/1", 1)
    lifetime, copy = house.copy()
    assert isinstance(lifetime, Lifetime)
    assert isinstance(copy, Copy)
    histories = CopiedHistories(Contracts([]), lifetime, lambda: 0.0)
    histories.restore(copy)
    assert kept(histories, "kept/1") is None


def test_members_of_all_workers_are_counted_and_changes_told_of() -> None:
    link: Any = Mock()
    members, changed = SharedMembers(1, link), list[str]()
    members.came(Came(2, "room", [("early", None)]))
    members.changed = changed.append
    assert members.join("room", Member("own", {"a": 1}))
    members.take_changes("room")
    members.came(Came(2, "room", [("a", b"1"), ("b", None)]))
    members.came(Came(3, "room", [("c", None)]))
    assert changed == ["room"]
    assert members.count("room") == 5
    changes = members.take_changes("room")
    assert changes is not None
    assert changes.joined == [Member("a", 1), Member("b"), Member("c")]
    members.went(Went(2, "room", "a"))
    assert changed == ["room"] * 2
    assert list(members._others[2]) == [("room", "early"), ("room", "b")], "of who went nothing is kept"
    members.take_changes("room")
    members.ended(2)
    assert changed == ["room"] * 3
    assert [each.name for each in members.present("room", 9).members] == ["own", "c"]
    assert not members.leave("room", "nobody")
    members.take_changes("room")
    assert members.leave("room", "own")
    assert [each.name for each in members.present("room", 9).members] == ["c"]
    told = [decode(each.args[0]) for each in link.put.call_args_list]
    assert told == [Came(1, "room", [("own", b'{"a":1}')]), Went(1, "room", "own")]


def an_engine() -> tuple[SharedEngine, Mock, Mock]:
    link, dispatcher = Mock(full=False), Mock()
    histories = CopiedHistories(CONTRACTS, Lifetime("e", 0, 0), lambda: 0.0)
    members = SharedMembers(1, link)
    local = LocalEngine(histories)
    engine = SharedEngine(local, CONTRACTS, Flow(), link, worker=1, members=members, histories=histories)
    engine.attach(dispatcher)
    return engine, link, dispatcher


async def test_what_is_kept_is_routed_when_it_has_its_number_and_taken_then() -> None:
    engine, link, dispatcher = an_engine()
    packet = CONTRACTS.packet("kept/1", "own")
    taken = engine.publish(packet)
    assert isinstance(taken, Future)
    assert not taken.done()
    dispatcher.tell.assert_not_called()
    asked = decode(link.put.call_args.args[0])
    assert isinstance(asked, Numbering)
    await engine.hear_numbered(Numbered(6, 2, asked.token, asked.published))
    await engine.hear_numbered(Numbered(7, 1, asked.token, asked.published))
    assert taken.done()
    theirs, own = (call.args[0].args[0] for call in dispatcher.tell.call_args_list)
    assert own is packet
    assert (theirs.extra, own.extra) == ({"at": "e-6"}, {"at": "e-7"})


def test_no_more_wait_for_their_numbers_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "MOST_PENDING", 2)
    engine, link, _ = an_engine()
    for _ in range(2):
        engine.publish(CONTRACTS.packet("kept/1"))
    with pytest.raises(MailboxFullError, match="2 updates wait for their numbers"):
        engine.publish(CONTRACTS.packet("kept/1"))
    assert link.put.call_count == 2


def test_a_worker_that_begins_is_told_the_greatest_number_that_any_declaration_has_forgotten() -> None:
    fewer = Keeping(packets=2, seconds=10.0, bytes=10_000)
    contracts = Contracts(
        [
            (Pattern.compile("kept/*"), Contract(history=KEEPING)),
            (Pattern.compile("less/*"), Contract(history=fewer)),
        ]
    )
    common = Common(contracts, "e", lambda: 0.0)
    assert decode(next(common.copy())) == Lifetime("e", 0, 0)
    for path in ("kept/1", "less/1"):
        common.number(Numbering(0, path, 1, encoded(as_published(Packet(path, 1)))))
    for number, shelf in zip((1, 2), common._shelves.values(), strict=True):
        shelf.forgotten = number
    assert decode(next(common.copy())) == Lifetime("e", 2, 2)


def test_a_packet_is_kept_by_its_number_and_one_that_has_none_is_not() -> None:
    histories = CopiedHistories(CONTRACTS, Lifetime("e", 4, 0), lambda: 0.0)
    packet = histories.with_number(CONTRACTS.packet("kept/1", "a"), 5)
    cause: Any = object()
    packet.cause = cause
    assert histories.record(packet) is packet
    assert packet.cause is None, "whoever caused it is not kept as well"
    without, elsewhere = CONTRACTS.packet("kept/1", "b"), histories.with_number(Packet("other", "c"), 6)
    assert (histories.record(without), histories.record(elsewhere)) == (without, elsewhere)
    assert kept(histories, "kept/1") == kept(histories, "kept/1", behind=4) == ["a"]
    assert histories.read("kept/1", None, 0).at == Position("e", 6)
