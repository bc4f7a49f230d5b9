"""An update that many hear is offered to some at a time; nothing is out of order by that, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, system
from cometary.actors.scheduled_cell import ScheduledCell
from cometary.actors.scheduler import STALL
from cometary.dispatch.dispatcher import Dispatcher, Table, as_wished
from cometary.dispatch.parking import LONGEST_WAY, MOST_OFFERED, MOST_TURNS, Parking
from cometary.packets.contract import KEEP
from cometary.packets.receipts import Receipt, ReceiptLog
from cometary.packets.tracked import tracked
from cometary.sessions import Packet, SessionKeeper, SessionMachine, SessionSettings
from cometary.sessions.flow import Flow
from cometary.sessions.rounds import GoOn, NextRound
from cometary.supervision import ChildSpec, supervise

MANY = 3 * MOST_OFFERED + 50
PATHS = ("a", "b", "c")


class Hall:
    """A dispatcher, its table and those who hear it, who keep what they get."""

    def __init__(self, most_offered: int = MOST_OFFERED) -> None:
        self.table: Table = Table()
        self.flow = Flow()
        self.parking = Parking(self.table, self.flow, most_offered=most_offered)
        self.receipts = ReceiptLog()
        self.got: list[list[object]] = []
        self.dispatcher: ActorRef[Any]
        self.arguments = (self.table, self.announce, self.receipts, self.parking, self.flow)

    def announce(self, ref: ActorRef[Any]) -> None:
        self.dispatcher = ref

    async def open(self) -> None:
        Dispatcher.start(*self.arguments)
        await wait_all_tasks_blocked()

    def listen(self, *patterns: str, then: Callable[[], object] = lambda: None) -> ActorRef[Any]:
        got: list[object] = []

        class Listener(Actor):
            def on_receive(self, message: Any) -> None:
                got.append(message.message if isinstance(message, Packet) else message)
                then()

        ref = Listener.start()
        for pattern in patterns:
            self.table.subscribe(pattern, ref)
        self.got.append(got)
        return ref

    async def open_to_many(self, then: Callable[[], object] = lambda: None) -> None:
        """Have many hear `a`; all of them have started."""
        for _ in range(MANY):
            self.listen("a", then=then)
        await self.open()


async def test_who_hears_no_broadcast_waits_for_one_batch_of_those_who_do(mock_clock: MockClock) -> None:
    async with system() as running:
        hall, waited = Hall(), list[int]()
        other = hall.listen()
        cell = other.actor_inbox
        assert isinstance(cell, ScheduledCell)

        def look() -> None:
            if cell not in running.scheduler.ready:
                waited.append(len(running.scheduler.ready))
                other.tell(Packet("to one"))

        await hall.open_to_many(look)
        hall.dispatcher.tell(Packet("a"))
        await wait_all_tasks_blocked()
        assert [len(got) for got in hall.got[1:]] == [1] * MANY
        assert max(waited) <= MOST_OFFERED, "so many at most are before it"


async def test_a_broadcast_is_offered_in_as_few_turns_as_may_be(mock_clock: MockClock) -> None:
    async with system():
        hall, turns = Hall(), list[int]()
        await hall.open_to_many(lambda: turns.append(int(hall.flow.rerouting)))
        hall.dispatcher.tell(Packet("a"))
        await wait_all_tasks_blocked()
        assert [len(got) for got in hall.got] == [1] * MANY
        assert turns == [1] * 3 * MOST_OFFERED + [0] * 50
        assert hall.flow.parked == 0


async def test_updates_in_different_batches_that_not_many_hear_need_no_turns_of_their_own(
    mock_clock: MockClock,
) -> None:
    async with system():
        hall, turns = Hall(MANY), list[int]()
        await hall.open_to_many(lambda: turns.append(int(hall.flow.rerouting)))
        for _ in range(3):
            mock_clock.jump(0.01)
            hall.dispatcher.tell(Packet("a"))
            await wait_all_tasks_blocked()
        assert turns == [0] * 3 * MANY
        for _ in range(2):
            hall.dispatcher.tell(Packet("a"))
        await wait_all_tasks_blocked()
        assert turns[3 * MANY :] == [1] * MANY + [0] * MANY


UPDATES = st.lists(st.sampled_from(PATHS), max_size=12)
LISTENERS = st.lists(st.sets(st.sampled_from((*PATHS, "**"))), min_size=1, max_size=9)


@given(UPDATES, LISTENERS, st.integers(1, 12), st.integers(0, 12))
def test_everybody_gets_what_it_hears_once_and_in_order_however_few_are_offered_it_at_a_time(
    paths: list[str], patterns: list[set[str]], most: int, pause: int
) -> None:
    async def main() -> None:
        async with system():
            hall = Hall(most)
            await hall.open()
            for each in patterns:
                hall.listen(*each)
            for number, path in enumerate(paths):
                if number == pause:
                    await trio.lowlevel.checkpoint()
                hall.dispatcher.tell(Packet(path, number))
            await wait_all_tasks_blocked()
            for got, heard in zip(hall.got, patterns, strict=True):
                assert got == [number for number, path in enumerate(paths) if heard & {path, "**"}]
            assert hall.flow.parked == 0

    trio.run(main)


async def test_what_is_sent_behind_a_broadcast_waits_until_all_have_been_offered_that(
    mock_clock: MockClock,
) -> None:
    async with system():
        hall, lacking = Hall(), list[int]()
        last = hall.listen("b", then=lambda: lacking.append(hall.got.count([])))
        await hall.open_to_many()
        hall.dispatcher.tell(Packet("a"))
        hall.dispatcher.tell(Packet("b"))
        await wait_all_tasks_blocked()
        assert last.is_alive()
        assert lacking == [0]


async def test_a_round_begins_when_all_have_been_offered_what_the_last_one_brought_about(
    mock_clock: MockClock,
) -> None:
    async with system():
        hall, widest = Hall(), list[int]()
        await hall.open_to_many(lambda: widest.append(hall.flow.rounds.widest))
        hall.dispatcher.tell(Packet("a"))
        hall.dispatcher.tell(NextRound())
        await wait_all_tasks_blocked()
        assert widest == [MANY] * 3 * MOST_OFFERED + [MANY // 2] * 50, "a round halves it"


async def test_who_brings_about_a_broadcast_is_held_until_all_have_been_offered_it(
    mock_clock: MockClock,
) -> None:
    async with system():
        hall, holds = Hall(), list[int]()
        speaker = SessionKeeper("sid", "name", SessionMachine(SessionSettings()), 0.0)
        speaker.ref = hall.listen()  # pyright: ignore[reportAttributeAccessIssue]
        await hall.open_to_many(lambda: holds.append(speaker.holds))
        packet = Packet("a")
        packet.cause = speaker
        hall.dispatcher.tell(packet)
        await wait_all_tasks_blocked()
        assert holds == [1] * 3 * MOST_OFFERED + [0] * 50
        assert hall.got[0] == [GoOn(0)]


async def test_who_comes_while_a_broadcast_is_under_way_has_come_after_it(mock_clock: MockClock) -> None:
    async with system():
        hall = Hall()
        late = hall.listen()
        await hall.open_to_many(lambda: hall.table.subscribe("a", late))
        hall.dispatcher.tell(Packet("a", 1))
        await wait_all_tasks_blocked()
        assert hall.got[0] == []
        hall.dispatcher.tell(Packet("a", 2))
        await wait_all_tasks_blocked()
        assert hall.got[0] == [2]
        assert all(got == [1, 2] for got in hall.got[1:])


async def test_a_dispatcher_that_is_killed_amid_a_broadcast_goes_on_with_it(mock_clock: MockClock) -> None:
    async with system():
        hall, killed = Hall(), list[ActorRef[Any]]()

        def kill() -> None:
            if not killed:
                killed.append(hall.dispatcher)
                hall.dispatcher.kill()

        for _ in range(MANY):
            hall.listen("a", then=kill)
        async with supervise([ChildSpec("dispatcher", Dispatcher, hall.arguments)], intensity=3, period=5.0):
            await wait_all_tasks_blocked()
            hall.dispatcher.tell(Packet("a"))
            await wait_all_tasks_blocked()
            assert killed
            assert [len(got) for got in hall.got] == [1] * MANY


async def test_a_receipt_counts_all_who_are_going_to_be_offered_it(mock_clock: MockClock) -> None:
    async with system():
        hall = Hall()
        await hall.open_to_many()
        packet = tracked("a", 1, None, contract=KEEP, receipt="one", ttl=None, key=None)
        hall.dispatcher.tell(as_wished(packet))
        await wait_all_tasks_blocked()
        assert hall.receipts.read().receipts == [Receipt("one", "routed", "a", sessions=MANY)]
        assert all(got == [1] for got in hall.got)


async def test_a_broadcast_gives_way_to_what_sockets_have_but_not_for_ever(mock_clock: MockClock) -> None:
    async with system() as running:
        hall, looks = Hall(), list[int]()
        await hall.open_to_many()

        def pressed() -> bool:
            looks.append(running.scheduler.statistics().batches)
            return True

        hall.flow.pressed = pressed
        hall.dispatcher.tell(Packet("a"))
        await wait_all_tasks_blocked()
        assert [len(got) for got in hall.got] == [1] * MANY
        assert len(looks) == 3 * MOST_TURNS, "before each part but the first"
        assert len(set(looks)) == len(looks), "a turn of the loop each"


async def test_a_broadcast_gives_way_for_no_longer_where_turns_take_long(mock_clock: MockClock) -> None:
    async with system() as running:
        hall, looks = Hall(), list[float]()
        running.scheduler.catch_up = lambda: (
            lambda: False
        )  # as if there were ever more to read: late timers wait
        await hall.open_to_many()

        def pressed() -> bool:
            looks.append(trio.current_time())
            mock_clock.jump(2 * STALL)
            return True

        hall.flow.pressed = pressed
        hall.dispatcher.tell(Packet("a"))
        for _ in range(100):
            await trio.lowlevel.checkpoint()
        assert [len(got) for got in hall.got] == [1] * MANY
        assert len(looks) == 3 * 2, "each part waits until what it has given way for is as much as it may be"
        assert looks[-1] < 3 * (LONGEST_WAY + 2 * STALL)
