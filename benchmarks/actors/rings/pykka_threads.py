"""The ring on Pykka: a thread an actor."""

from __future__ import annotations

from collections.abc import Callable
from threading import Semaphore

from pykka import ActorRef, ThreadingActor

from benchmarks.actors.rings.gauge import Gauge, Ring


class Node(ThreadingActor):
    """Passes a token on until it has no hops to go."""

    def __init__(self, arrived: Callable[[], None]) -> None:
        super().__init__()
        self._arrived = arrived

    def on_receive(self, message: int | ActorRef[Node]) -> None:
        """Takes a token's hops to go, or, first of all, the next actor of the ring."""
        if not isinstance(message, int):
            self._next = message
            self._arrived()
        elif message:
            self._next.tell(message - 1)
        else:
            self._arrived()


def main(ring: Ring) -> None:
    """Builds the ring, sends the tokens round and takes it down."""
    home = Semaphore(0)
    gauge = Gauge(ring)
    nodes = [Node.start(home.release) for _ in range(ring.actors)]
    gauge.started()
    for node, following in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        node.tell(following)
    for _ in nodes:
        home.acquire()
    gauge.injected()
    for node in nodes[:: ring.actors // ring.tokens]:
        node.tell(ring.hops)
    for _ in range(ring.tokens):
        home.acquire()
    gauge.returned()
    for node in nodes:
        node.stop()
    gauge.stopped()


if __name__ == "__main__":
    main(Ring.asked_for())
