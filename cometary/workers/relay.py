"""What the process above the workers passes on between them.

1.  A connection goes to the worker that it is for. If that is not there it goes to another, to each in its turn. That
    has been told so before, as all are: so it tells the client that a session of that worker is gone. A worker that has
    just been started has no session until it says that it is about to listen, and waits until that is known here.
2.  A packet goes to all workers but the one that it came from, and those that may not have sessions yet: what such a
    one is told first is that it may. Each gets the packets of each in their order.
3.  A worker that takes nothing, for `LOOKS` times `PAUSE` seconds, of more than its link has room for is killed: it
    hangs. What others publish meanwhile is kept, up to `STORED` times that room; then they wait, and so does what they
    have for others.
4.  A call is answered by the worker that it was made at; if that ends before, it is told that it is to be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import MailboxFullError
from cometary.workers.link import close_descriptor
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

PAUSE: Final = 5.0
LOOKS: Final = 4
STORED: Final = 4

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
        self._turns = count()

    @property
    def ready(self) -> list[int]:
        """The workers that take clients."""
        return sorted(self._ready)

    def joined(self, worker: int, link: Link) -> None:
        """A worker was started."""
        self._links[worker] = link

    def left(self, worker: int) -> None:
        """It has ended."""
        if self._links.pop(worker, None) is None:
            return  # its link has ended before its process
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
                await self._publish(worker, message)
            case Handed():
                self._hand_over(message, descriptor)
            case Answered():
                _, answered = self._calls.pop(message.number, (0, _nobody))
                answered(message)
            case Begins():
                self._begun.add(worker)
                self._tell_who_has_begun()
                self._links[worker].put(encode(message))
            case Ready():
                self._ready.add(worker)
            case _:
                raise AssertionError(f"a worker sends no {message}")

    async def _publish(self, publisher: int, message: Published) -> None:
        payload = encode(message)
        for worker in self._begun - {publisher}:
            link = self._links[worker] if worker in self._begun else None  # it may have ended meanwhile
            if link is not None:
                await link.room(STORED)
                link.put(payload)  # in vain if it has ended

    async def watch(self, worker: int, link: Link) -> None:
        """Have it said that a worker hangs (rule 3), as long as it is there."""
        looks, sent = 0, 0
        while looks < LOOKS:
            await trio.sleep(PAUSE)
            stuck = worker in self._ready and link.full and link.sent == sent
            looks, sent = looks + 1 if stuck else 0, link.sent
        if self._links.get(worker) is link:
            self._hangs(worker)

    def _tell_who_has_begun(self) -> None:
        told = encode(Begun(tuple(sorted(self._begun))))
        for link in self._links.values():
            link.put(told)  # whatever waits: it is little

    def _hand_over(self, message: Handed, descriptor: int) -> None:
        if descriptor < 0:
            return  # it was lost on its way; its client asks again
        worker = message.worker
        if worker not in self._begun:
            worker = self._next_in_turn()
        link = self._links.get(worker)
        try:
            if link is None:
                close_descriptor(descriptor)
            else:
                link.send(message, descriptor)
        except MailboxFullError:
            close_descriptor(descriptor)

    def _next_in_turn(self) -> int:
        """Return whose turn it is; 0 if no worker takes clients."""
        ready = self.ready
        return ready[next(self._turns) % len(ready)] if ready else 0

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
