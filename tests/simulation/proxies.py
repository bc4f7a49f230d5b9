"""The kinds of hostile proxies."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.simulation.proxy import Client, Proxy
from tests.simulation.sockets import Address
from tests.simulation.upstream import Upstream, ignore_data
from tests.simulation.world import World


class Delaying(Proxy):
    """Takes seconds, now and then many."""

    name = "delaying"

    def delay(self) -> float:
        seconds = self.chance.expovariate(1 / 2)
        return seconds * 5 if self.chance.random() < 1 / 20 else seconds


class Buffering(Proxy):
    """Cuts requests into pieces, and keeps what the server sends until nothing more of it comes."""

    name = "buffering"

    def __init__(self, world: World, address: Address, chance: Random, client: Client) -> None:
        self._kept = bytearray()
        super().__init__(world, address, chance, client)

    def pieces(self, data: bytes) -> list[bytes]:
        size = self.chance.randrange(1, len(data) + 1)
        size = max(size, len(data) // 20)
        return [data[start : start + size] for start in range(0, len(data), size)]

    def backward(self, data: bytes) -> None:
        self._kept += data
        length = len(self._kept)
        self.world.agenda.after(self.chance.uniform(0.05, 1), self._give_out, length)

    def _give_out(self, length: int) -> None:
        if len(self._kept) == length:  # else more has come since
            data = bytes(self._kept)
            self._kept.clear()
            self._later(up=False, call=self.deliver, data=data)

    def server_closed(self) -> None:
        self._give_out(len(self._kept))
        super().server_closed()


class HalfClosing(Proxy):
    """Tells the server now and then that nothing more will come while the page waits for an answer, or the reverse."""

    name = "half-closing"

    def forward(self, data: bytes) -> None:
        super().forward(data)
        if self.world.calm or self.chance.random() > 1 / 10:
            return
        self.world.count("half-closed")
        if self.chance.random() < 1 / 2:
            self.upstream.shut()
        else:
            self._tell_broken(b"")
            self.world.agenda.after(self.chance.expovariate(1 / 20), self._cut_server)


class Repeating(Proxy):
    """Sends requests again, on connections of their own: at once, later, or very much later.

    Only if nothing has come yet of the answer may the page get that to the repetition instead of the
    first one; all others are thrown away. A proxy that gave the answer to one request as that to
    another would be broken, and nobody could live with it.
    """

    name = "repeating"

    def __init__(self, world: World, address: Address, chance: Random, client: Client) -> None:
        self._unanswered: bytes | None = None
        super().__init__(world, address, chance, client)

    def forward(self, data: bytes) -> None:
        self._unanswered = data
        super().forward(data)

    def backward(self, data: bytes) -> None:
        self._unanswered = None
        super().backward(data)

    def send(self, request: bytes) -> None:
        super().send(request)
        if not self.world.calm and self.chance.random() < 1 / 3:
            self.world.count("repeated")
            seconds = self.chance.choice((0.0, self.chance.random(), self.chance.expovariate(1 / 20)))
            self.world.agenda.after(seconds, self._repeat, request)

    def _repeat(self, request: bytes) -> None:
        if self._unanswered is not request or not self.upstream.open or self.chance.random() < 1 / 2:
            again = Upstream(self.world, self.address, self.chance, ignore_data)
        else:
            # The first connection is given up for the second, as when a proxy believes that it is dead.
            self.upstream.abandon()
            again = self.upstream = Upstream(self.world, self.address, self.chance, self._from_server)
        again.send(request)
        self.world.agenda.after(self.chance.expovariate(1 / 30), self._forget, again)

    def _forget(self, again: Upstream) -> None:
        if again is not self.upstream:
            again.close(reset=self.chance.random() < 1 / 2)


KINDS: Final[tuple[type[Proxy], ...]] = (Proxy, Proxy, Delaying, Buffering, HalfClosing, Repeating)
"""How often there is which."""

FOR_SOCKETS: Final[tuple[type[Proxy], ...]] = (Proxy, Delaying, Buffering)
"""Those that may carry anything."""
