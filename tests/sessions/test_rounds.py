"""Who may hand over how much in one round, and who comes next."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, system
from cometary.sessions import Packet, SessionKeeper, SessionMachine, SessionSettings
from cometary.sessions.rounds import (
    MOST_BYTES,
    MOST_DELIVERIES,
    MOST_HANDED,
    MOST_PACKETS,
    GoOn,
    NextRound,
    Rounds,
)


class Dispatcher(Actor):
    """What the rounds go by the mailbox of."""

    def __init__(self, rounds: Rounds) -> None:
        super().__init__()
        self._rounds = rounds

    def on_receive(self, message: Any) -> None:
        """Route it, or begin the next round."""
        if isinstance(message, NextRound):
            self._rounds.next_round(self.system.scheduler.now())


class Told(Actor):
    """Keeps what a session's actor is told."""

    def __init__(self, mail: list[object]) -> None:
        super().__init__()
        self._mail = mail

    def on_receive(self, message: Any) -> None:
        """Keep it."""
        self._mail.append(message)


def attached() -> tuple[Rounds, Any]:
    rounds = Rounds()
    ref = Dispatcher.start(rounds)
    rounds.attach(ref)
    return rounds, ref


def waiting(rounds: Rounds, size: int = 0) -> list[object]:
    """Let another session wait in line, with a packet of so many bytes; returns what its actor is told."""
    told: list[object] = []
    keeper = SessionKeeper("sid", "name", SessionMachine(SessionSettings()), 0.0)
    keeper.ref = Told.start(told)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    keeper.queue(Packet("a"), size=size)
    rounds.wait(keeper)
    assert keeper.waits
    return told


async def a_moment_later() -> None:
    """The batch of the scheduler is over, and the next one has another time."""
    await wait_all_tasks_blocked()
    await trio.sleep(0.01)


def taken(rounds: Rounds, most: int = 2 * MOST_PACKETS) -> int:
    """How many packets that bring something about may be handed over in this round."""
    for count in range(most):
        if not rounds.take(0):
            return count
        rounds.count()
    return most


async def test_what_concerns_nobody_else_is_not_held_up_by_the_bound_on_what_does(
    mock_clock: MockClock,
) -> None:
    async with system():
        rounds, _ = attached()
        assert all(rounds.take(100) for _ in range(MOST_HANDED))
        assert not rounds.take(100)  # but the loop has others to serve


async def test_no_further_packet_is_handed_over_once_enough_is_on_its_way_to_others(
    mock_clock: MockClock,
) -> None:
    async with system():
        rounds, _ = attached()
        for _ in range(MOST_PACKETS):
            assert rounds.take(100)
            rounds.count()
        assert not rounds.take(100)


async def test_nor_once_as_much_waits_for_the_dispatcher_whoever_sent_it(mock_clock: MockClock) -> None:
    async with system():
        rounds, ref = attached()
        assert rounds.take(100)
        for _ in range(MOST_PACKETS):
            ref.tell("an update")
        assert not rounds.take(100)


async def test_nor_once_the_packets_of_a_round_have_come_to_so_many_bytes(mock_clock: MockClock) -> None:
    async with system():
        rounds, _ = attached()
        assert rounds.take(MOST_BYTES)
        assert not rounds.take(1)


def test_without_a_dispatcher_there_are_no_rounds() -> None:
    rounds = Rounds()
    assert taken(rounds) == 2 * MOST_PACKETS


@pytest.mark.parametrize("use", ["packets", "handed", "bytes"])
async def test_what_was_used_up_is_there_again_in_the_next_batch_if_nobody_waits(
    autojump_clock: MockClock, use: str
) -> None:
    async with system():
        rounds, _ = attached()
        for _ in range(3):
            if use == "packets":
                assert taken(rounds) == MOST_PACKETS
            elif use == "bytes":
                assert rounds.take(MOST_BYTES - 1)
                assert rounds.take(1)  # the last byte has not been used
                assert not rounds.take(0)
            else:
                assert sum(rounds.take(0) for _ in range(2 * MOST_HANDED)) == MOST_HANDED
            assert not rounds.take(0)
            await a_moment_later()


async def test_but_not_while_the_dispatcher_has_something_to_route(autojump_clock: MockClock) -> None:
    async with system():
        rounds, ref = attached()
        assert taken(rounds) == MOST_PACKETS
        await a_moment_later()
        ref.tell("an update")
        assert not rounds.take(0)
        await a_moment_later()
        assert rounds.take(0)


@pytest.mark.parametrize(
    ("subscribers", "rounds_of"),
    [
        (MOST_DELIVERIES // MOST_PACKETS, [MOST_PACKETS, MOST_PACKETS]),
        (100, [50, MOST_PACKETS]),
        (1000, [5, 10, 20, 40, MOST_PACKETS]),  # it is forgotten round by round how many heard of an update
        (4 * MOST_DELIVERIES, [1, 1, 1, 2, 4, 8, 16, 32, MOST_PACKETS, MOST_PACKETS]),
    ],
)
async def test_the_more_hear_of_each_update_the_smaller_is_a_round_but_never_less_than_a_packet(
    autojump_clock: MockClock, subscribers: int, rounds_of: list[int]
) -> None:
    async with system():
        rounds, _ = attached()
        rounds.widest = subscribers
        seen: list[int] = []
        for _ in rounds_of:
            await a_moment_later()
            seen.append(taken(rounds))
        assert seen == rounds_of


async def test_who_waits_goes_on_in_the_next_round_each_with_the_same_share_and_nobody_before_them(
    autojump_clock: MockClock,
) -> None:
    async with system():
        rounds, _ = attached()
        assert taken(rounds) == MOST_PACKETS
        first, second, third = (waiting(rounds) for _ in range(3))
        assert not rounds.take(0)
        rounds.next_round(trio.current_time())
        assert taken(rounds) == MOST_PACKETS % 3  # what is left over, others may have
        await a_moment_later()
        assert first == second == third == [GoOn(MOST_PACKETS // 3)]


async def test_of_a_long_line_as_many_go_on_as_there_are_packets_and_the_others_next(
    autojump_clock: MockClock,
) -> None:
    async with system():
        rounds, _ = attached()
        line = [waiting(rounds) for _ in range(MOST_PACKETS + 2)]
        rounds.next_round(1.0)
        assert not rounds.take(0)  # while there is a line, nobody goes before it
        await a_moment_later()
        shares = [told for [told] in line]
        assert shares == [GoOn(1)] * MOST_PACKETS + [GoOn(MOST_PACKETS // 2)] * 2
        await a_moment_later()
        assert taken(rounds) == MOST_PACKETS


async def test_of_large_packets_fewer_go_on_in_one_round(autojump_clock: MockClock) -> None:
    async with system():
        rounds, _ = attached()
        line = [waiting(rounds, size) for size in (MOST_BYTES - 1, 1, 0)]
        await a_moment_later()
        assert [told for [told] in line] == [*[GoOn(MOST_PACKETS // 2)] * 2, GoOn(MOST_PACKETS)]


async def test_nobody_has_more_of_a_share_once_the_packets_of_a_round_have_come_to_so_many_bytes(
    mock_clock: MockClock,
) -> None:
    async with system():
        rounds, _ = attached()
        assert rounds.take_of_share(MOST_BYTES - 1)
        assert rounds.take_of_share(1)
        assert not rounds.take_of_share(0)


async def test_who_waits_does_so_for_the_next_dispatcher_if_the_one_that_there_is_ends(
    autojump_clock: MockClock,
) -> None:
    async with system():
        rounds = Rounds()
        told = [waiting(rounds)]  # before the first, as well
        ref = Dispatcher.start(rounds)
        rounds.attach(ref)
        told.append(waiting(rounds))
        ref.stop()
        await ref.stopped()
        rounds.attach(Dispatcher.start(rounds))
        await a_moment_later()
        assert told == [[GoOn(MOST_PACKETS // 2)]] * 2


async def test_no_round_is_begun_for_nobody(autojump_clock: MockClock) -> None:
    async with system():
        rounds, ref = attached()
        await wait_all_tasks_blocked()
        assert rounds._timer is not None
        assert not rounds._timer.running
        waiting(rounds)
        await a_moment_later()
        assert not rounds._timer.running
        assert ref.actor_inbox.empty()
