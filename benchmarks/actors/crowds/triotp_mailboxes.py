"""The tasks on triotp: a task and a mailbox an actor, its `gen_server` for asking, its supervisor."""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace

import logbook  # type: ignore[import-not-found]  # in an environment of its own
import trio
import trio.testing
from triotp import gen_server, mailbox, supervisor  # type: ignore[import-not-found]  # the same

from benchmarks.actors.crowds.task import Census, Report, Size, Stopwatch, Tally, asked_for, publish

CRASH = -1
STOP = -2


class CrashError(Exception):
    """What an actor is told to fail with."""


async def member(addresses: list[str], place: int, count: Callable[[], None]) -> None:
    """Counts its start and its messages; its mailbox is entered in its place among the addresses."""
    async with mailbox.open() as mine:
        addresses[place] = mine
        count()
        while (message := await mailbox.receive(mine)) != STOP:
            if message == CRASH:
                raise CrashError
            count()


async def fan_out(size: Size, nursery: trio.Nursery) -> Report:
    """One tells all; see `benchmarks.actors.crowds.task`."""
    done = trio.Semaphore(0)
    tally = Tally(done.release)
    members = await _started(size.actors, tally, done, nursery)
    watch = Stopwatch()
    for number in range(size.times):
        tally.expect(size.actors)
        for each in members:
            await mailbox.send(each, number)
        await done.acquire()
    return watch.lap(size.actors * size.times)


async def ask(size: Size, nursery: trio.Nursery) -> Report:
    """One asks one, a `gen_server`."""
    nursery.start_soon(gen_server.start, SimpleNamespace(init=_init, handle_call=_handle_call), None, "asked")
    await trio.testing.wait_all_tasks_blocked()
    watch = Stopwatch()
    for number in range(size.times):
        await gen_server.call("asked", number)
    return watch.lap(size.times)


async def population(size: Size, _nursery: trio.Nursery) -> Report:
    """All are started and stopped: the block ends when the last task has."""
    done = trio.Semaphore(0)
    census = Census(size.actors)
    async with trio.open_nursery() as nursery:
        members = await _started(size.actors, Tally(done.release), done, nursery)
        census.started()
        for each in members:
            await mailbox.send(each, STOP)
    return census.stopped()


async def restart(size: Size, nursery: trio.Nursery) -> Report:
    """One crashes and lives again, with another mailbox, which is told when it is there."""
    done = trio.Semaphore(0)
    tally = Tally(done.release)
    members = [""] * size.actors
    children = [
        supervisor.child_spec(str(place), member, [members, place, tally.count])
        for place in range(size.actors)
    ]
    tally.expect(size.actors)
    await nursery.start(supervisor.start, children, supervisor.options(max_restarts=size.times))
    await done.acquire()
    watch = Stopwatch()
    for number in range(size.times):
        place = number % size.actors
        for message in (CRASH, number):
            tally.expect(1)  # its start, and then its message
            await mailbox.send(members[place], message)
            await done.acquire()
    return watch.lap(size.times)


Task = Callable[[Size, trio.Nursery], Awaitable[Report]]
TASKS: Mapping[str, Task] = {"fan_out": fan_out, "ask": ask, "population": population, "restart": restart}


async def main(task: Task, size: Size) -> None:
    """Does one task, in a nursery that it may leave its actors in."""
    logbook.NullHandler().push_application()  # a line for each crash is the terminal's cost
    mailbox._init()  # noqa: SLF001 - its public way in, node.run, wants the whole program
    async with trio.open_nursery() as nursery:
        publish(await task(size, nursery))
        sys.stdout.flush()
        nursery.cancel_scope.cancel()


async def _init(_argument: object) -> None:
    return None


async def _handle_call(message: int, _caller: object, state: object) -> tuple[object, object]:
    return gen_server.Reply(payload=message), state


async def _started(actors: int, tally: Tally, done: trio.Semaphore, nursery: trio.Nursery) -> list[str]:
    tally.expect(actors)
    members = [""] * actors
    for place in range(actors):
        nursery.start_soon(member, members, place, tally.count)
    await done.acquire()
    return members


if __name__ == "__main__":
    trio.run(main, *asked_for(TASKS))
