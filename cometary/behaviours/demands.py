"""Who has asked a producer for how many events, and who is next.

Whatever happens costs the same for few consumers and for many, but for a logarithm: what has been asked for in all is a
running sum, and the consumer that has asked for most is at the top of a heap. Each change puts one more entry into the
heap; older ones of that consumer are void, and dropped where they come to the top, or when they are the larger part.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from cometary.actors import ActorRef

Entry = tuple[int, int, int, "Demand"]
"""Minus the demand, the number of the consumer, that of the change."""


class Demand:
    """What a producer knows of a consumer.

    Args:
        ref: the consumer.
        life: its incarnation.
        number: consumers that have asked for as many are served in this order.
    """

    __slots__ = ("latest", "life", "number", "ref", "wanted")

    def __init__(self, ref: ActorRef[Any], life: int, number: int) -> None:
        self.ref = ref
        self.life = life
        self.number = number
        self.wanted = 0
        self.latest = 0
        """The number of the latest change, whose entry is the one that counts; 0 if there is none."""


class Demands:
    """The demand of all consumers; `total` is their sum."""

    def __init__(self) -> None:
        self.total = 0
        self._demands: dict[ActorRef[Any], Demand] = {}
        self._heap: list[Entry] = []
        self._numbers = count(1)

    def __contains__(self, ref: object) -> bool:
        return ref in self._demands

    def begin(self, ref: ActorRef[Any], life: int) -> None:
        """Take note of a consumer, or of its next incarnation; it has asked for nothing yet."""
        self.end(ref)
        self._demands[ref] = Demand(ref, life, next(self._numbers))

    def end(self, ref: ActorRef[Any]) -> None:
        """Forget a consumer and what it has asked for. Harmless if it is not known."""
        demand = self._demands.pop(ref, None)
        if demand is not None:
            self._change(demand, 0)

    def ask(self, ref: ActorRef[Any], number: int) -> None:
        """Take note that a consumer wants so many more."""
        demand = self._demands[ref]
        self._change(demand, demand.wanted + number)

    def serve(self, most: int) -> tuple[Demand, int]:
        """Return the consumer that has asked for most, and how many of `most` events it gets; `total` is not 0."""
        while True:
            _, _, change, demand = self._heap[0]
            if change == demand.latest:
                served = min(demand.wanted, most)
                self._change(demand, demand.wanted - served)
                return demand, served
            heappop(self._heap)

    def _change(self, demand: Demand, wanted: int) -> None:
        self.total += wanted - demand.wanted
        demand.wanted = wanted
        demand.latest = next(self._numbers) if wanted else 0
        if wanted:
            heappush(self._heap, (-wanted, demand.number, demand.latest, demand))
        if len(self._heap) > 2 * len(self._demands):
            self._heap = [entry for entry in self._heap if entry[2] == entry[3].latest]
            heapify(self._heap)
