"""No actor starves the others, and actors do not starve the other Trio tasks."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, system
from tests.orders import first_come_first_served


class Flood(Actor):
    """Never has an empty mailbox."""

    handled = 0

    def on_receive(self, message: Any) -> Any:
        self.handled += 1
        self.actor_ref.tell(message)


class AsyncFlood(Flood):
    async def on_receive(self, message: Any) -> Any:
        super().on_receive(message)


class Player(Actor):
    """Plays ball with another."""

    other: ActorRef[Player]

    def on_receive(self, message: Any) -> None:
        if isinstance(message, ActorRef):
            self.other = message
        else:
            self.other.tell(message)


class Quiet(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


FLOODS = pytest.mark.parametrize("kind", [Flood, AsyncFlood], ids=["def", "async def"])


@FLOODS
async def test_a_flooding_actor_does_not_starve_others(kind: type[Flood]) -> None:
    async with system(stop_timeout=0):
        flood, quiet = kind.start(), Quiet.start()
        for _ in range(1000):
            flood.tell("more")
        assert await quiet.ask("x") == "x"
        flood.kill()


async def test_a_turn_ends_after_the_quota() -> None:
    async with system() as actors:
        flood = await Flood.start_async()
        for _ in range(1000):
            flood.tell("more")
        await Quiet.start_async()
        flood_actor: Any = flood.actor_inbox.actor
        assert flood_actor.handled <= 2 * actors.scheduler.batch
        flood.kill()


@FLOODS
async def test_a_flooding_actor_does_not_starve_other_trio_tasks(kind: type[Flood]) -> None:
    async with system(stop_timeout=0):
        flood = kind.start()
        flood.tell("more")
        for _ in range(100):
            await trio.lowlevel.checkpoint()
        flood_actor: Any = flood.actor_inbox.actor
        assert 0 < flood_actor.handled <= 100 * 400  # a few hundred between two checkpoints
        flood.kill()


@FLOODS
async def test_a_flooding_actor_does_not_starve_sockets(kind: type[Flood]) -> None:
    async def echo(stream: trio.SocketStream) -> None:
        async for data in stream:
            await stream.send_all(data)

    async with system(stop_timeout=0) as actors, trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, echo, 0, host="127.0.0.1"))
        flood = await kind.start_async()
        flood_actor: Any = flood.actor_inbox.actor
        for _ in range(1000):
            flood.tell("more")
        async with await trio.open_tcp_stream(*listeners[0].socket.getsockname()) as stream:
            before = flood_actor.handled
            for _ in range(50):
                await stream.send_all(b"x")
                assert await stream.receive_some(10) == b"x"
        # Two or three batches for each echo; more where the kernel takes its time.
        assert flood_actor.handled - before <= 50 * 20 * actors.scheduler.batch
        flood.kill()
        nursery.cancel_scope.cancel()


async def test_a_smaller_quota_makes_the_round_shorter() -> None:
    first_come_first_served()
    waits: dict[int, int] = {}
    for quota in (1, 10, 100):
        async with system(stop_timeout=0) as actors:
            actors.scheduler.quota = quota
            actors.scheduler.batch = 10_000
            floods = [await Flood.start_async() for _ in range(10)]
            quiet = await Quiet.start_async()
            for ref in floods:
                for _ in range(200):
                    ref.tell("more")
            quiet.tell("x")  # at the end of the run queue: all others have one turn first
            scheduler = actors.scheduler
            handled: list[Any] = [ref.actor_inbox.actor for ref in floods]
            while len(quiet.actor_inbox):
                left = scheduler.ready.popleft()
                left.run(scheduler.quota)
            waits[quota] = sum(actor.handled for actor in handled)
            for ref in floods:
                ref.kill()
    assert waits == {1: 10, 10: 100, 100: 1000}


async def test_a_storm_between_two_actors_lets_other_trio_tasks_run() -> None:
    async with system(stop_timeout=0):
        one, two = Player.start(), Player.start()
        one.tell(two)
        two.tell(one)
        for ball in range(10):
            one.tell(ball)
        with trio.fail_after(30):
            for _ in range(100):
                await trio.lowlevel.checkpoint()
        one.kill()
        two.kill()


async def test_a_crowd_of_due_timers_lets_other_trio_tasks_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Sleeper(Actor):
        def on_start(self) -> None:
            self.timer("wake").start(60)

        def on_receive(self, message: Any) -> None:
            awake.append(message)

    awake: list[object] = []
    async with system() as actors:
        for _ in range(5000):
            Sleeper.start()
        await wait_all_tasks_blocked()
        await trio.sleep(60)
        most = 0
        while len(awake) < 5000:
            before = len(awake)
            await trio.lowlevel.checkpoint()
            most = max(most, len(awake) - before)
        assert most <= 2 * actors.scheduler.batch


async def test_an_idle_scheduler_sleeps() -> None:
    async with system() as actors:
        ref = Quiet.start()
        await ref.ask("x")
        await wait_all_tasks_blocked()
        assert actors.scheduler.asleep is not None
