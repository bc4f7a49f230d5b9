"""The ring on triotp: a task and a mailbox an actor."""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable

import trio
from triotp import mailbox  # type: ignore[import-not-found]  # in an environment of its own

from benchmarks.actors.rings.gauge import Gauge, Ring

STOP = -1


async def member(
    arrived: Callable[[], None], *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Passes a token on until it has no hops to go; its first message is the next mailbox."""
    async with mailbox.open() as mine:
        task_status.started(mine)
        following = await mailbox.receive(mine)
        arrived()
        while (hops := await mailbox.receive(mine)) != STOP:
            if hops:
                await mailbox.send(following, hops - 1)
            else:
                arrived()


async def main(ring: Ring) -> None:
    """Builds the ring, sends the tokens round and takes it down."""
    home = trio.Semaphore(0)
    gauge = Gauge(ring)
    mailbox._init()  # noqa: SLF001 - its public way in, node.run, wants the whole program
    async with trio.open_nursery() as nursery:
        members = [await nursery.start(member, home.release) for _ in range(ring.actors)]
        gauge.started()
        for mine, following in zip(members, [*members[1:], members[0]], strict=True):
            await mailbox.send(mine, following)
        for _ in members:
            await home.acquire()
        gauge.injected()
        for mine in members[:: ring.actors // ring.tokens]:
            await mailbox.send(mine, ring.hops)
        for _ in range(ring.tokens):
            await home.acquire()
        gauge.returned()
        for mine in members:
            await mailbox.send(mine, STOP)
    gauge.stopped()


if __name__ == "__main__":
    trio.run(main, Ring.asked_for())
