"""What everything in a simulation shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.agenda import Agenda
from tests.simulation.network import MemoryNetwork


@dataclass(slots=True)
class World:
    """What all proxies share.

    Attributes:
        agenda: says when.
        network: has the sockets.
        port: where the server listens.
        cut_every: seconds after which a connection is cut, on average.
        trace: told of everything that goes to the server, and comes from it.
        calm: whether no proxy makes trouble any more.
        troubles: how often what was done.
    """

    agenda: Agenda
    network: MemoryNetwork
    port: int
    cut_every: float
    trace: Callable[[bytes], object]
    calm: bool = False
    troubles: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, trouble: str) -> None:
        """Take note of one more."""
        self.troubles[trouble] = self.troubles.get(trouble, 0) + 1
