from __future__ import annotations

from typing import Any

from trio.testing import MockClock

from cometary.actors import Actor, system
from cometary.sessions.rounds import MOST_BYTES, MOST_HANDED, MOST_PACKETS, Rounds


class Dispatcher(Actor):
    """What the rounds go by the mailbox of."""

    def on_receive(self, message: Any) -> None:
        """Route it."""


def attached() -> tuple[Rounds, Any]:
    rounds, ref = Rounds(), Dispatcher.start()
    rounds.attach(ref)
    return rounds, ref


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
