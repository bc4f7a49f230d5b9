"""What one of very many costs: `python -m benchmarks.scaling`.

Each trial makes `n` of something, for one actor, one future or one system, and takes all away again, in the order
that is hardest for a list. What is told is microseconds
of processor time for each. Where that grows with `n`, something is searched or shifted in a loop.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
import trio.testing

from cometary.actors import Actor, ActorRef, Bounded, Future, groups, register, sys, system, unregister
from cometary.actors.timers import Timer
from cometary.behaviours import Consumer, Producer
from cometary.fsm import State, StateMachine, Timeout, on, stay
from cometary.fsm.events import TimedOut
from cometary.supervision import ChildSpec, Supervisor, subscribe, unsubscribe, which_children
from cometary.supervision.restart_policy import RestartLog

SIZES = (1_000, 10_000, 100_000)


class Idle(Actor):
    """Does nothing."""

    def on_receive(self, message: Any) -> None:
        """Do nothing."""


class Watching(Actor):
    """Monitors, or links itself to, one other actor."""

    trap_exits = True

    def on_receive(self, message: Any) -> None:
        """Take the other by the way that the message names."""
        match message:
            case ("monitor", ref):
                self.monitor(ref)
            case ("link", ref):
                self.link(ref)
            case _:
                pass


@asynccontextmanager
async def crowd(n: int, how: str) -> AsyncGenerator[tuple[list[ActorRef[Any]], ActorRef[Any]]]:
    """Run `n` actors that all monitor, or are linked to, one."""
    async with system(stop_timeout=600):
        hub = Idle.start()
        everyone = [Watching.start() for _ in range(n)]
        for each in everyone:
            each.tell((how, hub))
        await trio.testing.wait_all_tasks_blocked()
        yield everyone, hub


async def monitors_go(n: int) -> float:
    """Stop `n` actors that monitor one, the youngest first."""
    async with crowd(n, "monitor") as (everyone, _):
        return await _timed(lambda: _stop(reversed(everyone)))


async def monitored_goes(n: int) -> float:
    """Stop one actor that `n` monitor."""
    async with crowd(n, "monitor") as (_, hub):
        return await _timed(lambda: _stop([hub]))


async def links_go(n: int) -> float:
    """Stop `n` actors that are linked to one."""
    async with crowd(n, "link") as (everyone, _):
        return await _timed(lambda: _stop(reversed(everyone)))


async def linked_goes(n: int) -> float:
    """Stop one actor that `n` are linked to."""
    async with crowd(n, "link") as (_, hub):
        return await _timed(lambda: _stop([hub]))


async def waiters_give_up(n: int) -> float:
    """Cancel `n` tasks that wait for one future."""
    future: Future[None] = Future()
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            nursery.start_soon(_wait, future)
        await trio.testing.wait_all_tasks_blocked()
        began = time.process_time()
        nursery.cancel_scope.cancel()
    return time.process_time() - began


async def names_of_one(n: int) -> float:
    """Free `n` names of one actor, the youngest first."""
    async with system():
        ref = Idle.start()
        for number in range(n):
            register(number, ref)
        return _timed_each(unregister, reversed(range(n)))


async def groups_of_one(n: int) -> float:
    """Let one actor leave `n` groups."""
    async with system():
        ref = Idle.start()
        for number in range(n):
            groups().join(number, ref)
        return _timed_each(lambda number: groups().leave(number, ref), reversed(range(n)))


async def members_of_one(n: int) -> float:
    """Stop `n` members of one group."""
    async with system(stop_timeout=600):
        everyone = [Idle.start() for _ in range(n)]
        groups().join("all", *everyone)
        return await _timed(lambda: _stop(reversed(everyone)))


class Asking(Consumer):
    """Asks a producer that has nothing."""

    def __init__(self, producer: ActorRef[Producer]) -> None:
        super().__init__()
        self.producer = producer

    def on_start(self) -> None:
        """Ask."""
        self.subscribe(self.producer, max_demand=2)


async def consumers(n: int) -> float:
    """Let `n` consumers ask one producer."""
    async with system(stop_timeout=600):
        producer = Producer.start()

        async def ask() -> None:
            for _ in range(n):
                Asking.start(producer)
            await trio.testing.wait_all_tasks_blocked()

        return await _timed(ask)


async def timers(n: int) -> float:
    """Start, move and cancel `n` timers of one actor."""
    async with system() as actors:
        cell = Idle.start().actor_inbox

        def run() -> None:
            all_of_them = [Timer(actors.scheduler.timers, cell, None) for _ in range(n)]
            for seconds in (3000, 2000, 1000):
                for timer in reversed(all_of_them):
                    timer.start(seconds)
            for timer in all_of_them:
                timer.close()

        return _timed_now(run)


class Many(StateMachine):
    """A machine with any number of timers."""

    RUNNING = State(initial=True)

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.max_chain = 10 * n  # type: ignore[misc]

    @on(RUNNING, int)
    def begin(self, event: int) -> Any:
        """Have many time-outs due at once, of different names."""
        return stay(*[Timeout(name, 0) for name in range(event)])

    @on(RUNNING, TimedOut)
    def ran_out(self, _: TimedOut) -> Any:
        """Take one."""
        return stay()


async def due_at_once(n: int) -> float:
    """Let `n` time-outs of one machine be due at once."""
    machine = type("Machine", (Many,), {"max_chain": 10 * n})(n)
    machine.start()
    return _timed_now(lambda: machine.step(n))


async def observers(n: int) -> float:
    """Take `n` observers off one supervisor, the youngest first."""
    async with system():
        ref = await Supervisor.start_async()
        everyone = [partial(print, number) for number in range(n)]
        for each in everyone:
            subscribe(ref, each)
        return _timed_each(partial(unsubscribe, ref), reversed(everyone))


async def children_restart(n: int) -> float:
    """Kill `n` children of one supervisor, all at once, each of which is restarted."""
    async with system(stop_timeout=600):
        children = [ChildSpec(str(number), Idle) for number in range(n)]
        supervisor = await Supervisor.start_async(children, intensity=n)
        refs = [child.ref for child in await which_children(supervisor)]
        return await _timed(lambda: _kill(refs))


async def significant_end(n: int) -> float:
    """Stop `n` significant children of one supervisor, the oldest first."""
    async with system(stop_timeout=600):
        children = [
            ChildSpec(str(number), Idle, restart="transient", significant=True) for number in range(n)
        ]
        supervisor = await Supervisor.start_async(children, auto_shutdown="all_significant")
        refs = [child.ref for child in await which_children(supervisor)]
        return await _timed(lambda: _stop(refs))


async def suspended(n: int) -> float:
    """Suspend `n` actors that have mail, all at the same time."""
    async with system(stop_timeout=600):
        refs = [Idle.start() for _ in range(n)]
        await trio.testing.wait_all_tasks_blocked()
        for ref in refs:
            sys.suspend(ref, timeout=600)
        for ref in refs:
            ref.tell(None)
        return await _timed(trio.testing.wait_all_tasks_blocked)


async def restarts(n: int) -> float:
    """Note `n` restarts, each a little after the one before, where `n / 2` are put up with."""
    log = RestartLog(n, n / 2)
    return _timed_each(log.allows, map(float, range(n)))


async def dropped(n: int) -> float:
    """Drop `n` messages behind `n` that may not be dropped."""
    async with system():
        cell = Idle.with_mailbox(Bounded(1, "drop_oldest")).start().actor_inbox
        for number in range(n):
            cell.put_if_open(number)
        return _timed_each(cell.put, range(n))


async def _wait(future: Future[None]) -> None:
    await future


async def _stop(refs: Any) -> None:
    answers = [ref.stop(block=False) for ref in refs]
    for each in answers:
        await each
    await trio.testing.wait_all_tasks_blocked()


async def _kill(refs: Any) -> None:
    for ref in refs:
        ref.kill()
    await trio.testing.wait_all_tasks_blocked()


async def _timed(run: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await run()
    return time.process_time() - began


def _timed_each(call: Callable[[Any], object], arguments: Iterable[Any]) -> float:
    began = time.process_time()
    for each in arguments:
        call(each)
    return time.process_time() - began


def _timed_now(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


TRIALS = (
    monitors_go,
    monitored_goes,
    links_go,
    linked_goes,
    waiters_give_up,
    names_of_one,
    groups_of_one,
    members_of_one,
    consumers,
    timers,
    due_at_once,
    observers,
    children_restart,
    significant_end,
    suspended,
    restarts,
    dropped,
)


def main() -> None:
    """Run the trials that are named, or all, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("trials", nargs="*", help="which (default: all)")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest number (default: 100,000)")
    options = parser.parse_args()
    sizes = [size for size in SIZES if size <= options.most]
    print(f"{'µs for each of':>20}", *(f"{size:>10,}" for size in sizes))
    for trial in TRIALS:
        if not options.trials or trial.__name__ in options.trials:
            costs = [trio.run(trial, size) / size * 1e6 for size in sizes]
            print(f"{trial.__name__:>20}", *(f"{cost:>10.2f}" for cost in costs), flush=True)


if __name__ == "__main__":
    main()
