"""The tasks on Cometary, for whichever kind of actor a program brings."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import trio

from benchmarks.actors.crowds.task import Census, Report, Size, Stopwatch, Tally, asked_for, publish
from cometary.actors import Actor, ActorRef, system
from cometary.supervision import ChildSpec, DynamicSupervisor, start_child, supervise, which_children

CRASH = -1


class CrashError(Exception):
    """What an actor is told to fail with."""


class Counting(Actor):
    """An actor that counts its start and its messages; how it is run is for a subclass to say."""

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__()
        self._count = count

    def on_start(self) -> None:
        """Counts its own start."""
        self._count()

    def handle(self, message: int) -> int:
        """Counts a message, and gives it back as the answer."""
        if message == CRASH:
            raise CrashError
        self._count()
        return message


Member = type[Counting]


async def fan_out(member: Member, size: Size) -> Report:
    """One tells all; see `benchmarks.actors.crowds.task`."""
    done = trio.Semaphore(0)
    tally = Tally(done.release)
    members = await _started(member, size.actors, tally, done)
    watch = Stopwatch()
    for number in range(size.times):
        tally.expect(size.actors)
        for each in members:
            each.tell(number)
        await done.acquire()
    return watch.lap(size.actors * size.times)


async def ask(member: Member, size: Size) -> Report:
    """One asks one."""
    done = trio.Semaphore(0)
    asked, *_ = await _started(member, size.actors, Tally(done.release), done)
    watch = Stopwatch()
    for number in range(size.times):
        await asked.ask(number)
    return watch.lap(size.times)


async def population(member: Member, size: Size) -> Report:
    """All are started and stopped."""
    done = trio.Semaphore(0)
    census = Census(size.actors)
    members = await _started(member, size.actors, Tally(done.release), done)
    census.started()
    for gone in [each.stop() for each in members]:
        await gone
    return census.stopped()


async def restart(member: Member, size: Size) -> Report:
    """One crashes and lives again: the message behind the one it fails at waits in its mailbox."""
    logging.disable()  # a line for each crash is the terminal's cost
    done = trio.Semaphore(0)
    tally = Tally(done.release)
    options = {"intensity": size.times, "restart": "permanent"}
    async with supervise([ChildSpec("crowd", DynamicSupervisor, kwargs=options)]) as root:
        crowd = [child.ref for child in await which_children(root) if child.ref is not None]
        tally.expect(size.actors)
        members = [await start_child(crowd[0], member, tally.count) for _ in range(size.actors)]
        await done.acquire()
        watch = Stopwatch()
        for number in range(size.times):
            tally.expect(2)  # its start and its message
            chosen = members[number % size.actors]
            chosen.tell(CRASH)
            chosen.tell(number)
            await done.acquire()
        return watch.lap(size.times)


def run(member: Member) -> None:
    """Does what the command line says with actors of this class."""
    task, size = asked_for(TASKS)
    publish(trio.run(_in_system, task, member, size))


Task = Callable[[Member, Size], Awaitable[Report]]
TASKS: Mapping[str, Task] = {"fan_out": fan_out, "ask": ask, "population": population, "restart": restart}


async def _in_system(task: Task, member: Member, size: Size) -> Report:
    async with system():
        return await task(member, size)


async def _started(
    member: Member, actors: int, tally: Tally, done: trio.Semaphore
) -> list[ActorRef[Counting]]:
    tally.expect(actors)
    start: Callable[..., ActorRef[Counting]] = (
        member.start
    )  # of a class in a variable, mypy knows no constructor
    members = [start(tally.count) for _ in range(actors)]
    await done.acquire()
    return members
