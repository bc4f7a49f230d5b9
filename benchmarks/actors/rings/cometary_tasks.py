"""The ring on Cometary with a Trio task an actor, which an `async def on_receive` gets."""

from __future__ import annotations

from collections.abc import Callable

import trio

from benchmarks.actors.rings.gauge import Gauge, Ring
from cometary.actors import Actor, ActorRef, system


class Node(Actor):
    """Passes a token on until it has no hops to go."""

    def __init__(self, arrived: Callable[[], None]) -> None:
        super().__init__()
        self._arrived = arrived

    async def on_receive(self, message: int | ActorRef[Node]) -> None:
        """Takes a token's hops to go, or, first of all, the next actor of the ring."""
        if not isinstance(message, int):
            self._next = message
            self._arrived()
        elif message:
            self._next.tell(message - 1)
        else:
            self._arrived()


async def main(ring: Ring) -> None:
    """Builds the ring, sends the tokens round and takes it down."""
    home = trio.Semaphore(0)
    async with system():
        gauge = Gauge(ring)
        nodes = [await Node.start_async(home.release) for _ in range(ring.actors)]
        gauge.started()
        for node, following in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
            node.tell(following)
        for _ in nodes:
            await home.acquire()
        gauge.injected()
        for node in nodes[:: ring.actors // ring.tokens]:
            node.tell(ring.hops)
        for _ in range(ring.tokens):
            await home.acquire()
        gauge.returned()
        for node in nodes:
            await node.stop()
        gauge.stopped()


if __name__ == "__main__":
    trio.run(main, Ring.asked_for())
