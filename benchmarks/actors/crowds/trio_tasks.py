"""The tasks on bare Trio: a task and a memory channel an actor. Nothing restarts one that crashes."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import trio

from benchmarks.actors.crowds.task import Census, Report, Size, Stopwatch, Tally, asked_for, publish


class Question(NamedTuple):
    """A message that wants an answer, and where that goes."""

    message: int
    answer: trio.MemorySendChannel[int]


Inbox = trio.MemoryReceiveChannel[int | Question]
Address = trio.MemorySendChannel[int | Question]


async def member(inbox: Inbox, count: Callable[[], None]) -> None:
    """Counts its start and its messages, and gives back those that want an answer."""
    count()
    async for message in inbox:
        count()
        if isinstance(message, Question):
            message.answer.send_nowait(message.message)


async def fan_out(size: Size, nursery: trio.Nursery) -> Report:
    """One tells all; see `benchmarks.actors.crowds.task`."""
    done = trio.Semaphore(0)
    tally = Tally(done.release)
    members = await _started(size.actors, tally, done, nursery)
    watch = Stopwatch()
    for number in range(size.times):
        tally.expect(size.actors)
        for each in members:
            each.send_nowait(number)
        await done.acquire()
    return watch.lap(size.actors * size.times)


async def ask(size: Size, nursery: trio.Nursery) -> Report:
    """One asks one."""
    done = trio.Semaphore(0)
    asked, *_ = await _started(size.actors, Tally(done.release), done, nursery)
    watch = Stopwatch()
    for number in range(size.times):
        answer, reply = trio.open_memory_channel[int](1)
        asked.send_nowait(Question(number, answer))
        await reply.receive()
    return watch.lap(size.times)


async def population(size: Size, _nursery: trio.Nursery) -> Report:
    """All are started and stopped: the block ends when the last task has."""
    done = trio.Semaphore(0)
    census = Census(size.actors)
    async with trio.open_nursery() as nursery:
        members = await _started(size.actors, Tally(done.release), done, nursery)
        census.started()
        for each in members:
            each.close()
    return census.stopped()


Task = Callable[[Size, trio.Nursery], Awaitable[Report]]
TASKS: Mapping[str, Task] = {"fan_out": fan_out, "ask": ask, "population": population}


async def main(task: Task, size: Size) -> None:
    """Does one task, in a nursery that it may leave its actors in."""
    async with trio.open_nursery() as nursery:
        publish(await task(size, nursery))
        nursery.cancel_scope.cancel()


async def _started(actors: int, tally: Tally, done: trio.Semaphore, nursery: trio.Nursery) -> list[Address]:
    tally.expect(actors)
    members: list[Address] = []
    for _ in range(actors):
        address, inbox = trio.open_memory_channel[int | Question](math.inf)
        members.append(address)
        nursery.start_soon(member, inbox, tally.count)
    await done.acquire()
    return members


if __name__ == "__main__":
    trio.run(main, *asked_for(TASKS))
