"""The dispatcher routes each update to whoever is connected to its path, in order and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NoReturn, SupportsIndex, cast

import pytest
import trio.testing

from cometary.actors import Actor, ActorRef, system
from cometary.dispatch.delegate import Delegate
from cometary.dispatch.dispatcher import Dispatcher, Table, as_wished
from cometary.dispatch.parking import MOST_AT_A_TIME
from cometary.packets.contract import KEEP
from cometary.packets.receipts import Receipt, ReceiptLog
from cometary.packets.tracked import TrackedPacket, tracked
from cometary.sessions import Packet
from cometary.sessions.flow import Flow
from cometary.sessions.rounds import NextRound
from cometary.supervision import ChildSpec, supervise


class Listener(Actor):
    """An actor that keeps what it gets."""

    def __init__(self, got: list[Packet]) -> None:
        super().__init__()
        self._got = got

    def on_receive(self, message: Any) -> None:
        self._got.append(message)


class NoPath(str):
    """What looks like a path and crashes whoever reads it."""

    __slots__ = ()

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> NoReturn:
        raise RuntimeError("this is no path")


class Hub:
    """A dispatcher under a supervisor, its table, and listeners."""

    def __init__(self) -> None:
        self.table: Table = Table()
        self.receipts = ReceiptLog()
        self.dispatcher: ActorRef[Any] | None = None
        self.announced = 0

    def announce(self, ref: ActorRef[Any]) -> None:
        self.dispatcher = ref
        self.announced += 1

    def listen(self, *patterns: str) -> list[Packet]:
        got: list[Packet] = []
        ref = Listener.start(got)
        for pattern in patterns:
            self.table.subscribe(pattern, ref)
        return got

    async def update_as_wished(self, packet: TrackedPacket) -> None:
        assert self.dispatcher is not None
        self.dispatcher.tell(as_wished(packet))
        await trio.testing.wait_all_tasks_blocked()

    async def update(self, *packets: Packet) -> None:
        assert self.dispatcher is not None
        for packet in packets:
            self.dispatcher.tell(packet)
        await trio.testing.wait_all_tasks_blocked()


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    children = [ChildSpec("dispatcher", Dispatcher, (hub.table, hub.announce))]
    async with system(), supervise(children, intensity=3, period=5.0):
        yield hub


async def test_an_update_goes_to_those_connected_to_its_path(hub: Hub) -> None:
    news, sport, everything = hub.listen("news"), hub.listen("sport/*"), hub.listen("**")
    first, second, third = Packet("news", 1), Packet("sport/golf", 2), Packet("weather", 3)
    await hub.update(first, second, third)
    assert news == [first]
    assert sport == [second]
    assert everything == [first, second, third]


async def test_everybody_gets_the_very_same_packet(hub: Hub) -> None:
    """So it is encoded once, however many there are."""
    listeners = [hub.listen("news") for _ in range(5)]
    packet = Packet("news", 1)
    await hub.update(packet)
    assert all(got[0] is packet for got in listeners)


async def test_whoever_matches_twice_gets_it_once(hub: Hub) -> None:
    got = hub.listen("news", "*", "**")
    await hub.update(Packet("news", 1))
    assert len(got) == 1


async def test_updates_keep_their_order(hub: Hub) -> None:
    got = hub.listen("**")
    packets = [Packet(f"path/{number % 3}", number) for number in range(500)]
    await hub.update(*packets)
    assert got == packets


async def test_updates_beyond_those_of_one_turn_are_routed_in_the_next_ones(hub: Hub) -> None:
    got = hub.listen("a")
    packets = [Packet("a", number) for number in range(3 * MOST_AT_A_TIME + 1)]
    await hub.update(*packets)
    assert got == packets


async def test_a_listener_that_has_died_is_nobodys_problem(hub: Hub) -> None:
    got = hub.listen("news")
    dead = Listener.start([])
    hub.table.subscribe("news", dead)
    dead.kill()
    packet = Packet("news", 1)
    await hub.update(packet)
    assert got == [packet]


async def test_a_crash_loses_that_one_update_only(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    got = hub.listen("news", "**")
    before, after = Packet("news", 1), Packet("news", 2)
    crash = Packet(NoPath("news"))  # a defect somewhere else
    await hub.update(before, crash, after)
    assert got == [before, after]
    assert hub.announced == 2
    assert "Dispatcher" in caplog.text


async def test_a_dispatcher_takes_updates_from_another_one(hub: Hub) -> None:
    table: Table = Table()
    got: list[Packet] = []
    table.subscribe("news", Listener.start(got))
    second = Dispatcher.start(table, Hub().announce)
    hub.table.subscribe("**", second)
    packet = Packet("news", 1)
    await hub.update(packet, Packet("sport", 2))
    assert got == [packet]


def wishing(path: str) -> TrackedPacket:
    """A packet whose sender wants to hear of it."""
    return tracked(path, 1, None, contract=KEEP, receipt="one", ttl=None, key=None)


async def test_an_update_that_wants_receipts_goes_to_everybody_and_is_as_wished() -> None:
    hub = Hub()
    async with system():
        Dispatcher.start(hub.table, hub.announce, hub.receipts)
        await trio.testing.wait_all_tasks_blocked()
        listeners = [hub.listen("news"), hub.listen("*")]
        packet = wishing("news")
        await hub.update_as_wished(packet)
        assert listeners == [[packet], [packet]]
        assert hub.receipts.read().receipts == [Receipt("one", "routed", "news", sessions=2)]


async def test_where_nobody_keeps_receipts_such_an_update_goes_to_everybody_as_well(hub: Hub) -> None:
    got, packet = hub.listen("news"), wishing("news")
    await hub.update_as_wished(packet)
    assert got == [packet]


FOR_OTHERS = TrackedPacket("news", exclude="the id of a session")


@pytest.mark.parametrize("update", [Packet("news"), as_wished(wishing("news")), as_wished(FOR_OTHERS)])
async def test_rounds_go_by_how_many_hear_of_an_update_whatever_else_is_wished_of_it(update: object) -> None:
    hub, flow = Hub(), Flow()
    async with system():
        ref = Dispatcher.start(hub.table, hub.announce, flow=flow)
        for _ in range(5):
            hub.listen("news")
        ref.tell(update)
        await trio.testing.wait_all_tasks_blocked()
        assert flow.rounds.widest == 5
        flow.rounds.widest = 7  # another one has been heard of by more
        ref.tell(update)
        await trio.testing.wait_all_tasks_blocked()
        assert flow.rounds.widest == 7


async def test_a_round_begins_in_its_turn_among_the_updates() -> None:
    hub, flow = Hub(), Flow()
    async with system():
        ref = Dispatcher.start(hub.table, hub.announce, flow=flow)
        await trio.testing.wait_all_tasks_blocked()
        flow.rounds.widest = 8
        got = hub.listen("news")
        for message in (Packet("news", 1), NextRound(), Packet("news", 2)):
            ref.tell(message)
        await trio.testing.wait_all_tasks_blocked()
    assert flow.rounds.widest == 4, "each round halves it"
    assert [packet.message for packet in got] == [1, 2]


class Thestral:
    """Keeps what it is told of."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def update(self, sender: Any, path: str, message: Any) -> None:
        self.told.append((sender, path, message))


class Listening:
    """As much of a hub as a delegate asks."""

    def __init__(self) -> None:
        self.table: Table = Table()

    def listen(self, ref: ActorRef[Any], pattern: str) -> None:
        self.table.subscribe(pattern, ref)


async def test_a_delegate_is_told_every_update_of_whom_it_is_and_what() -> None:
    thestral, listening = Thestral(), Listening()
    async with system():
        ref = Delegate.start(thestral, cast("Any", listening))
        await trio.testing.wait_all_tasks_blocked()
        [subscriber] = listening.table.subscribers("news/1")
        subscriber.tell(Packet("news/1", "a message", "a sender"))
        ref.tell("no update")
        await trio.testing.wait_all_tasks_blocked()
    assert thestral.told == [("a sender", "news/1", "a message")]
