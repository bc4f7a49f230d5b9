"""What was published for another node, and what another one has published, while links come and go."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cometary.cluster.local import LocalEngine, SharedState
from cometary.errors import MailboxFullError
from cometary.nodes.engine import NodesEngine
from cometary.nodes.link import Link
from cometary.nodes.messages import Heard, Missed, Told, decode_of_dialer
from cometary.nodes.publications import CONFIRM, MOST, Incoming, Others, Outgoing
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.packet import Packet
from cometary.packets.published import Published, as_packet, as_published
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.flow import Flow


class Wire:
    """In the place of a link: what is put on it has arrived, or is lost with it."""

    def __init__(self) -> None:
        self.put_on: list[bytes] = []
        self.sent: list[Any] = []
        self.full = False
        self.freed: Any = None

    def put(self, payload: bytes) -> None:
        self.put_on.append(payload)

    def send(self, message: object) -> None:
        self.sent.append(message)


def linked(outgoing: Outgoing, heard: int | None) -> Wire:
    wire = Wire()
    outgoing.linked(cast("Link", wire), heard)
    return wire


def published(outgoing: Outgoing, *numbers: int) -> None:
    for number in numbers:
        outgoing.add(number, b"%d" % number)
    outgoing.go_on()


def test_what_was_not_confirmed_is_sent_again_on_the_next_link_in_its_order() -> None:
    outgoing = Outgoing("b", Lock())
    published(outgoing, 1, 2)
    first = linked(outgoing, None)
    published(outgoing, 3, 4)
    assert first.put_on == [b"1", b"2", b"3", b"4"]
    outgoing.heard(Heard(1))
    outgoing.unlinked()
    published(outgoing, 5)
    assert linked(outgoing, None).put_on == [b"2", b"3", b"4", b"5"]


def test_what_the_other_node_has_heard_is_not_sent_again() -> None:
    outgoing = Outgoing("b", Lock())
    linked(outgoing, None)
    published(outgoing, 1, 2, 3)
    outgoing.unlinked()
    assert linked(outgoing, 2).put_on == [b"3"]


def test_no_more_is_sent_than_the_link_has_room_for() -> None:
    outgoing = Outgoing("b", Lock())
    wire = linked(outgoing, None)
    wire.full = True
    published(outgoing, 1)
    assert wire.put_on == []
    wire.full = False
    wire.freed()
    assert wire.put_on == [b"1"]


def test_it_is_full_until_what_is_kept_was_confirmed_or_the_node_has_gone() -> None:
    for end in ("confirmed", "gone"):
        outgoing = Outgoing("b", Lock())
        linked(outgoing, None)
        outgoing.add(1, b"x" * (MOST + 1))
        outgoing.go_on()
        assert outgoing.full
        if end == "confirmed":
            outgoing.heard(Heard(1))
        else:
            outgoing.gone()
        assert not outgoing.full


class Taking:
    """What routes packets, unless it is behind."""

    def __init__(self) -> None:
        self.routed: list[int] = []
        self.behind = False

    def __call__(self, told: Told, _until: float) -> None:
        if self.behind:
            raise MailboxFullError("behind")
        self.routed.append(told.number)


def told(number: int) -> Told:
    return Told(number, Published(b"{}", "p"))


async def test_what_comes_twice_is_routed_once() -> None:
    taking = Taking()
    incoming = Incoming("1", taking)
    for number in (1, 2, 1, 2, 3):
        incoming.take(told(number))
    assert taking.routed == [1, 2, 3]


async def test_what_cannot_be_routed_yet_waits_in_its_order_and_is_not_confirmed() -> None:
    taking, wire = Taking(), Wire()
    incoming = Incoming("1", taking)
    incoming.link = cast("Link", wire)
    taking.behind = True
    for number in (1, 2):
        incoming.take(told(number))
    incoming.confirm()
    assert (taking.routed, wire.sent) == ([], [])
    taking.behind = False
    incoming.take(told(3))
    incoming.go_on()
    incoming.confirm()
    assert (taking.routed, wire.sent) == ([1, 2, 3], [Heard(3)])


async def test_many_are_confirmed_at_once() -> None:
    wire = Wire()
    incoming = Incoming("1", Taking())
    incoming.link = cast("Link", wire)
    for number in range(1, 2 * CONFIRM + 1):
        incoming.take(told(number))
    assert wire.sent == [Heard(CONFIRM), Heard(2 * CONFIRM)]


async def test_what_can_never_be_routed_is_logged_and_holds_nothing_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    routed: list[int] = []

    def route(told: Told, _until: float) -> None:
        if told.number == 2:
            raise AttributeError("'dict' object has no attribute 'group'")
        routed.append(told.number)

    wire, incoming = Wire(), Incoming("1", route)
    incoming.link = cast("Link", wire)
    for number in (1, 2, 3):
        incoming.take(told(number))
    incoming.confirm()
    assert (routed, wire.sent) == ([1, 3], [Heard(3)])
    assert "an update to 'p' from another node could not be routed here" in caplog.text


@dataclass
class Item:
    """A message that is plain data after a journey."""

    group: object


def test_a_packet_that_has_come_has_the_key_it_had_and_asks_no_function_of_the_application() -> None:
    contracts = Contracts()
    contracts.declare("p", make_contract("drop_oldest", key=lambda _path, message: message.group))
    packet = contracts.tracked("p", Item(None))
    assert isinstance(packet, TrackedPacket)
    came = as_packet(as_published(packet), contracts)
    assert isinstance(came, TrackedPacket)
    assert (came.key, came.message) == (None, {"group": None})
    assert came.slot == (contracts.find("p"), None)
    assert came.again().slot == came.slot


async def test_several_arguments_of_an_event_are_several_at_another_node() -> None:
    routed, outgoing = list[Packet](), Outgoing("b", Lock())
    local: Any = SimpleNamespace(
        attach=None, interest=None, history=None, members=None, publish=routed.append
    )
    cluster = LocalEngine(SharedState(), "a")
    engine = NodesEngine(local, Contracts(), Flow(), Others(lambda: [outgoing], list), cluster)
    wire = linked(outgoing, None)
    for message in (("a", "b"), ["a", "b"]):
        engine.publish(Packet("news", message))
    for payload in wire.put_on:
        told = decode_of_dialer(payload)
        assert isinstance(told, Told)
        engine.route(told, 0.0)
    assert [packet.message for packet in routed] == [("a", "b"), ["a", "b"]] * 2


def test_a_node_that_comes_back_after_it_was_taken_for_gone_is_told_that_it_has_missed_something() -> None:
    outgoing = Outgoing("b", Lock())
    linked(outgoing, None)
    published(outgoing, 1, 2)
    outgoing.unlinked()
    outgoing.gone()
    assert linked(outgoing, 1).sent == [Missed()]
    outgoing.unlinked()
    assert linked(outgoing, 2).sent == [], "it has heard all, and only not said so"
    outgoing.skip(3)  # published while it was away
    assert linked(outgoing, 2).sent == [Missed()]
    outgoing.answered()
    outgoing.unlinked()
    assert linked(outgoing, 2).sent == [], "it has been told"


def test_another_process_of_its_name_has_missed_nothing_and_the_same_has_that_had_heard_nothing() -> None:
    for again in (False, True):
        outgoing, wire = Outgoing("b", Lock()), Wire()
        outgoing.skip(3)
        outgoing.linked(cast("Link", wire), None, again=again)
        assert wire.sent == ([Missed()] if again else [])


def test_a_node_that_was_forgotten_and_comes_back_has_missed_what_was_published_before_that() -> None:
    assert linked(Outgoing("b", Lock(), 7), 6).sent == [Missed()]
    assert linked(Outgoing("b", Lock(), 7), 7).sent == []
