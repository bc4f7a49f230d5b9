"""The ring on bare Trio: a task and a memory channel an actor."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio
import trio.testing

from benchmarks.actors.rings.gauge import Gauge, Ring


async def node(
    inbox: trio.MemoryReceiveChannel[int], following: trio.MemorySendChannel[int], arrived: Callable[[], None]
) -> None:
    """Passes a token on until it has no hops to go."""
    async for hops in inbox:
        if hops:
            following.send_nowait(hops - 1)
        else:
            arrived()


async def main(ring: Ring) -> None:
    """Builds the ring, sends the tokens round and takes it down."""
    home = trio.Semaphore(0)
    gauge = Gauge(ring)
    channels = [trio.open_memory_channel[int](math.inf) for _ in range(ring.actors)]
    async with trio.open_nursery() as nursery:
        for number, (_, inbox) in enumerate(channels):
            nursery.start_soon(node, inbox, channels[(number + 1) % ring.actors][0], home.release)
        await trio.testing.wait_all_tasks_blocked()
        gauge.started()
        gauge.injected()
        for send, _ in channels[:: ring.actors // ring.tokens]:
            send.send_nowait(ring.hops)
        for _ in range(ring.tokens):
            await home.acquire()
        gauge.returned()
        for send, _ in channels:
            send.close()
    gauge.stopped()


if __name__ == "__main__":
    trio.run(main, Ring.asked_for())
