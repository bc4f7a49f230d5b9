"""Updates wait for those who are behind, in order, and nothing else waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary import App
from cometary.actors import Actor, system
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.engine import LocalEngine
from cometary.dispatch.hub import Hub
from cometary.dispatch.parking import MOST_AT_A_TIME, Parking
from cometary.dispatch.subscriptions import Subscriptions
from cometary.errors import MailboxFullError
from cometary.packets.contract import make_contract
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import Packet, SessionKeeper, SessionMachine, SessionManager, SessionSettings
from cometary.sessions.flow import MOST_PENDING, Flow

SLOW: Any = "slow"
QUICK: Any = "quick"


class Yard:
    """A table with two listeners, and what has been routed."""

    def __init__(self, **limits: int) -> None:
        self.table: Subscriptions[Any] = Subscriptions()
        self.table.subscribe("room/*", SLOW)
        self.table.subscribe("room/*", QUICK)
        self.table.subscribe("other", QUICK)
        self.flow = Flow()
        self.parking = Parking(self.table, self.flow, **limits)
        self.routed: list[tuple[str, object]] = []

    def send(self, path: str, message: object = None, **more: Any) -> None:
        packet = TrackedPacket(path, message, **more) if more else Packet(path, message)
        if not self.parking.takes(packet, self.route):
            self.route(packet)

    def route(self, packet: Packet) -> None:
        self.routed.append((packet.path, packet.message))

    def catch_up(self) -> None:
        self.flow.catch_up(SLOW)
        self.parking.route_some()


def test_without_anybody_behind_nothing_waits() -> None:
    yard = Yard()
    yard.send("room/1", 1)
    assert yard.routed == [("room/1", 1)]
    assert yard.flow.parked == 0


def test_what_one_hears_who_is_behind_waits_and_nothing_else() -> None:
    yard = Yard()
    yard.flow.fall_behind(SLOW)
    for path in ("room/1", "other", "room/2", "nobody"):
        yard.send(path)
    assert [path for path, _ in yard.routed] == ["other", "nobody"]
    assert yard.flow.parked == 2
    yard.catch_up()
    assert [path for path, _ in yard.routed[2:]] == ["room/1", "room/2"]
    assert yard.flow.parked == 0


def test_what_comes_behind_a_parked_update_on_its_path_stays_behind_it() -> None:
    yard = Yard()
    yard.flow.fall_behind(SLOW)
    yard.send("room/1", 1)
    yard.flow.catch_up(SLOW)
    yard.send("room/1", 2)
    assert yard.routed == []
    yard.parking.route_some()
    assert yard.routed == [("room/1", 1), ("room/1", 2)]


def test_what_may_be_dropped_does_not_wait() -> None:
    yard = Yard()
    yard.flow.fall_behind(SLOW)
    for policy in ("drop_oldest", "drop_newest", "close"):
        yard.send("room/1", policy, contract=make_contract(policy))
    assert [message for _, message in yard.routed] == ["drop_oldest", "drop_newest", "close"]
    for policy in ("keep", "conflate"):
        yard.send("room/2", policy, contract=make_contract(policy))
    assert yard.flow.parked == 2


@pytest.mark.parametrize(
    ("limits", "size", "at_once"),
    [
        ({}, 1, MOST_AT_A_TIME),
        ({}, 55_000, 10),
        ({"max_packets": 10}, 1, 5),
        ({"max_packets": 1}, 1, 1),
        ({"max_bytes": 10_000}, 1_000, 5),
    ],
)
def test_only_half_a_queue_is_routed_in_one_turn(limits: dict[str, int], size: int, at_once: int) -> None:
    yard = Yard(**limits)
    for number in range(100):
        yard.send(f"room/{number % 3}", [number, "x" * size])
    assert len(yard.routed) == at_once
    turns = 0
    while yard.flow.parked:
        before = len(yard.routed)
        yard.parking.route_some()
        assert 0 < len(yard.routed) - before <= at_once
        turns += 1
    assert turns == 100 // at_once - 1
    assert [message[0] for _, message in yard.routed] == list(range(100))  # type: ignore[index]


@pytest.mark.parametrize(("more", "at_once"), [(0, 3), (1, 4)])
def test_a_turn_is_over_with_the_update_that_has_used_its_bytes_up(more: int, at_once: int) -> None:
    size = Packet("room/1").size
    yard = Yard(max_bytes=2 * (3 * size + more))
    for _ in range(10):
        yard.send("room/1")
    assert len(yard.routed) == at_once


def test_of_what_waited_for_those_who_were_behind_no_more_is_routed_in_one_turn_either() -> None:
    yard = Yard(max_packets=10)
    yard.flow.fall_behind(SLOW)
    for path, count in (("room/1", 4), ("room/2", 7), ("room/3", 1)):
        for number in range(count):
            yard.send(path, number)
    yard.catch_up()
    assert yard.routed == [*(("room/1", number) for number in range(4)), ("room/2", 0)]
    yard.parking.route_some()
    assert yard.routed[5:] == [("room/2", number) for number in range(1, 6)]
    yard.parking.route_some()
    assert yard.routed[10:] == [("room/2", 6), ("room/3", 0)]
    assert yard.flow.parked == 0


async def test_another_turn_is_asked_for_once_and_not_before_one_is_used_up(mock_clock: MockClock) -> None:
    mail: list[object] = []

    class Turns(Actor):
        def on_receive(self, message: Any) -> None:
            mail.append(message)

    yard = Yard(max_packets=10)
    async with system():
        yard.flow.attach(Turns.start())
        yard.parking.route_some()  # the turn that begins with a dispatcher
        for number, asked in enumerate([1, 1, 1, 1, 2, 2]):
            yard.send("room/1", number)
            await wait_all_tasks_blocked()
            assert len(mail) == asked
        yard.parking.route_some()
        for number, asked in enumerate([2, 2, 2, 3, 3]):
            yard.send("room/1", number)
            await wait_all_tasks_blocked()
            assert len(mail) == asked


def test_a_path_on_which_nothing_waits_any_more_is_free() -> None:
    yard = Yard()
    yard.flow.fall_behind(SLOW)
    yard.send("room/1", 1)
    yard.catch_up()
    yard.send("room/1", 2)
    assert yard.routed == [("room/1", 1), ("room/1", 2)]


def test_a_turn_changes_nothing_for_those_who_are_still_behind() -> None:
    yard = Yard()
    yard.flow.fall_behind(SLOW)
    yard.send("room/1")
    yard.parking.route_some()
    assert yard.routed == []
    assert yard.flow.parked == 1


def test_what_stood_in_line_when_somebody_fell_behind_waits_for_them_in_order() -> None:
    yard = Yard(max_packets=4)
    for number in range(6):
        yard.send(("room/1", "other")[number % 2], number)
    yard.flow.fall_behind(SLOW)
    for _ in range(3):
        yard.parking.route_some()
    assert [message for _, message in yard.routed] == [0, 1, 3, 5]
    assert yard.flow.parked == 2
    yard.catch_up()
    assert [message for _, message in yard.routed] == [0, 1, 3, 5, 2, 4]


def test_whoever_brought_it_about_is_held_until_it_has_gone_on() -> None:
    yard, mail = Yard(), list[object]()
    speaker = SessionKeeper("sid", "name", SessionMachine(SessionSettings()), 0.0)
    speaker.ref = SimpleNamespace(actor_inbox=SimpleNamespace(put_if_open=mail.append))  # type: ignore[assignment]
    yard.flow.fall_behind(SLOW)
    for _ in range(2):
        packet = Packet("room/1")
        packet.cause = speaker
        assert yard.parking.takes(packet, yard.route)
    assert speaker.holds == 2
    yard.catch_up()
    assert speaker.holds == 0
    assert len(mail) == 1


def test_updates_beyond_all_bounds_are_refused_where_they_are_sent() -> None:
    sent: list[object] = []
    app = App()
    manager = SessionManager(SessionSettings(), app)
    engine = LocalEngine()
    hub, flow = Hub(manager, Table(), engine=engine, start_soon=lambda: None), manager.flow
    app.attach(hub)
    engine.attach(SimpleNamespace(tell=sent.append))  # type: ignore[arg-type]
    flow.parked = MOST_PENDING - 1
    app.update("a", 1)
    flow.parked += 1
    with pytest.raises(MailboxFullError):
        app.update("a", 2)
    with pytest.raises(MailboxFullError):
        app.update("a", 2, receipt="mine")
    assert len(sent) == 1


def test_what_has_its_number_keeps_the_order_of_the_numbers_whatever_its_path() -> None:
    yard = Yard()
    yard.flow.fall_behind(SLOW)
    for number, path in enumerate(("other", "room/1", "other", "room/2")):
        packet = Packet(path, number)
        packet.mark("at", f"e-{number}")
        if not yard.parking.takes(packet, yard.route):
            yard.route(packet)
    yard.send("other", "without")
    assert [message for _, message in yard.routed] == [0, "without"]
    dropped = TrackedPacket("other", 4, contract=make_contract("drop_oldest"))
    dropped.mark("at", "e-4")
    assert yard.parking.takes(dropped, yard.route)
    yard.catch_up()
    assert [message for _, message in yard.routed[2:]] == [1, 2, 3, 4]
