"""What the process above the workers passes on between them.

1.  A connection goes to the worker that it is for. If that is not there it goes to any other, which has been told so
    before, as all are: so it tells the client that a session of that worker is gone. A worker that has just been
    started has no session until it says that it is about to listen, and waits until that is known here.
2.  A packet goes to all workers but the one that it came from. Each gets the packets of each in their order.
3.  A worker that takes nothing for `PATIENCE` seconds, while others wait for it to, is killed: it hangs.
4.  A call is answered by the worker that it was made at; if that ends before, it is told that it is to be made again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from cometary.workers.messages import (
    Answered,
    Asked,
    Begins,
    Begun,
    Handed,
    Message,
    Published,
    Ready,
    encode,
)

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange
    from cometary.workers.link import Link

PATIENCE: Final = 10.0

GONE: Final = Answered(
    0,
    503,
    b'{"error":"shutting-down","detail":"the worker that was asked has ended"}',
    b"application/json",
    ((b"Retry-After", b"1"),),
)


class Relay:
    """Passes on what workers have for each other.

    Args:
        hangs: told the number of a worker that takes nothing.
    """

    def __init__(self, hangs: Callable[[int], object]) -> None:
        self._hangs = hangs
        self._links: dict[int, Link] = {}
        self._ready: set[int] = set()
        self._calls: dict[int, tuple[int, Callable[[Answered], object]]] = {}
        self._begun: set[int] = set()  # those that may have sessions
        self._numbers = count(1)

    @property
    def ready(self) -> list[int]:
        """The workers that take clients."""
        return sorted(self._ready)

    def joined(self, worker: int, link: Link) -> None:
        """A worker was started."""
        self._links[worker] = link

    def left(self, worker: int) -> None:
        """It has ended."""
        self._links.pop(worker, None)
        self._ready.discard(worker)
        self._begun.discard(worker)
        self._tell_who_has_begun()
        for number, (asked, answered) in list(self._calls.items()):
            if asked == worker:
                del self._calls[number]
                answered(GONE)

    async def take(self, worker: int, message: Message, descriptor: int) -> None:
        """Take what a worker has sent."""
        match message:
            case Published():
                for other, link in list(self._links.items()):
                    if other != worker:
                        await self._publish(other, link, message)
            case Handed():
                self._hand_over(message, descriptor)
            case Answered():
                _, answered = self._calls.pop(message.number, (0, _nobody))
                answered(message)
            case Begins():
                self._begun.add(worker)
                self._tell_who_has_begun()
                self._links[worker].send(message)
            case Ready():
                self._ready.add(worker)
            case _:
                raise AssertionError(f"a worker sends no {message}")

    async def _publish(self, worker: int, link: Link, message: Published) -> None:
        if link.full:
            with trio.move_on_after(PATIENCE) as waited:
                await link.room()
            if waited.cancelled_caught:
                self._hangs(worker)
                return
        if self._links.get(worker) is link:
            link.send(message)

    def _tell_who_has_begun(self) -> None:
        told = encode(Begun(tuple(sorted(self._begun))))
        for link in self._links.values():
            link.put(told)  # whatever waits: it is little

    def _hand_over(self, message: Handed, descriptor: int) -> None:
        worker = message.worker
        if worker not in self._begun:
            worker = next(iter(self._ready), 0)
        link = self._links.get(worker)
        if link is None or link.full:
            os.close(descriptor)
        else:
            link.send(message, descriptor)

    def ask(
        self,
        worker: int,
        exchange: Exchange,
        headers: Mapping[bytes, bytes],
        answered: Callable[[Answered], object],
    ) -> None:
        """Make a call at a worker.

        Args:
            worker: its number.
            exchange: the call, as it came.
            headers: those that it is to have.
            answered: told the answer.
        """
        link = self._links.get(worker)
        if link is None or link.full:
            answered(GONE)
            return
        number = next(self._numbers)
        self._calls[number] = (worker, answered)
        asked = (exchange.method, exchange.path, exchange.query, dict(headers), exchange.body, exchange.peer)
        link.send(Asked(number, *asked))


def _nobody(_: Answered) -> None:
    """Waits for it."""
