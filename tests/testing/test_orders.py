"""A seed decides in which order actors and tasks run, and the same seed decides the same."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import Actor, ActorRef, system
from cometary.errors import UsageError
from cometary.testing import Probe, run_in_order, seeded_order
from tests.testing.races import AsyncCarrier, Carrier, carry_and_look, order_of_tasks

T = TypeVar("T")
KINDS = pytest.mark.parametrize("kind", [Carrier, AsyncCarrier], ids=["def", "async def"])


async def arrivals(kind: Any, senders: int = 5, messages: int = 3) -> list[tuple[int, int]]:
    """Have actors pass on messages to a probe, and return them in the order in which they arrive."""
    async with system():
        probe = Probe.start()
        carriers = [kind.start(probe) for _ in range(senders)]
        for number in range(messages):
            for sender, carrier in enumerate(carriers):
                carrier.tell((sender, number))
        return [await probe.expect(tuple) for _ in range(senders * messages)]


def in_order(seed: int, main: Callable[[], Awaitable[T]]) -> T:
    return run_in_order(seed, partial(trio.run, main, clock=MockClock(autojump_threshold=0)))


def test_without_a_seed_turns_are_taken_in_the_order_of_the_mail() -> None:
    firsts = [sender for sender, _ in trio.run(arrivals, Carrier)[::3]]
    assert firsts == sorted(firsts)


@KINDS
def test_the_same_seed_gives_the_same_order_and_others_give_others(kind: Any) -> None:
    orders = [str(in_order(seed, partial(arrivals, kind))) for seed in range(20)]
    assert orders == [str(in_order(seed, partial(arrivals, kind))) for seed in range(20)]
    assert len(set(orders)) > 15


@KINDS
def test_what_one_sender_sends_stays_in_order(kind: Any) -> None:
    for seed in range(50):
        arrived = in_order(seed, partial(arrivals, kind))
        assert [number for sender, number in arrived if sender == 0] == [0, 1, 2]


@pytest.mark.parametrize(("kind", "detour"), [(Carrier, 3), (AsyncCarrier, 1)], ids=["def", "async def"])
def test_a_race_that_the_usual_order_hides_comes_to_light_and_can_be_replayed(kind: Any, detour: int) -> None:
    async def race() -> object:
        async with system():
            probe = Probe.start()
            carry_and_look(probe, kind, detour)
            return await probe.expect(lambda _: True)

    outcomes = [in_order(seed, race) for seed in range(100)]
    assert 0 < outcomes.count(None) < 60
    assert [in_order(seed, race) for seed in range(100)] == outcomes


def test_the_race_is_hidden_without_a_seed() -> None:
    async def race() -> None:
        async with system():
            probe = Probe.start()
            carry_and_look(probe, detour=3)
            await probe.expect("a book")

    for _ in range(20):
        trio.run(race)


def test_the_order_of_tasks_follows_the_seed() -> None:
    orders = [run_in_order(seed, lambda: trio.run(order_of_tasks, "abcd", 5)) for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    assert len({trio.run(order_of_tasks, "abcd", 5) for _ in range(5)}) > 1, "and is drawn anew without one"


def test_other_draws_go_on_where_they_were() -> None:
    before = random.getstate()
    within = [run_in_order(3, random.random) for _ in range(2)]
    assert within[0] == within[1]
    assert random.getstate() == before


def test_the_length_of_turns_follows_the_seed() -> None:
    async def main() -> tuple[int, int]:
        async with system() as actors:
            return actors.scheduler.quota, actors.scheduler.batch

    def lengths(seed: int) -> tuple[int, int]:
        with seeded_order(seed):
            return trio.run(main)

    assert lengths(7) == lengths(7)
    assert len({lengths(seed) for seed in range(50)}) > 6
    assert trio.run(main) == (100, 200), "afterwards it is as before"


def test_nobody_is_forgotten_however_the_draws_fall() -> None:
    class Counter(Actor):
        def __init__(self, others: list[ActorRef[Any]], probe: Probe) -> None:
            super().__init__()
            self.others = others
            self.probe = probe

        def on_receive(self, message: int) -> None:
            if message:
                self.others[message % len(self.others)].tell(message - 1)
            else:
                self.probe.tell("done")

    async def main() -> None:
        async with system():
            probe = Probe.start()
            others: list[ActorRef[Any]] = []
            others += [Counter.start(others, probe) for _ in range(7)]
            for other in others:
                other.tell(30)
            for _ in others:
                await probe.expect("done")
            await probe.expect_nothing()

    for seed in range(20):
        in_order(seed, main)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_what_is_no_seed_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match=f"{seed} is no seed"):
        run_in_order(seed, lambda: None)


def test_an_error_comes_out_as_it_is_with_a_note_that_tells_the_seed() -> None:
    error = ValueError("it is wrong")

    def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="it is wrong") as caught:
        run_in_order(5, fail)
    assert caught.value is error
    assert "--actor-seed=5" in error.__notes__[0]
