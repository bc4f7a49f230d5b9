"""What the process above the workers passes on between them.

1.  A connection goes to the worker that it is for. If that is not there it goes to another, to each in its turn. That
    has been told so before, as all are: so it tells the client that a session of that worker is gone. A worker that has
    just been started has no session until it says that it is about to listen, and waits until that is known here. Where
    its link is crowded, it waits for `CROSSING` seconds; one that is fresh goes to any other that is not.
2.  A packet goes to all workers except the one that it came from, and those that may not have sessions yet: what such a
    one is told first is that it may, behind a copy of what all have in common (`cometary.workers.common`). Each gets
    the packets of each in their order, and those with numbers in the order of these: such a one goes to all or none.
3.  A worker that takes nothing, for `LOOKS` times `PAUSE` seconds, of more than its link has room for is killed: it
    hangs. What others publish meanwhile is kept, up to `STORED` times that room. Beyond that they wait, and so does
    what they have for others: as long as it takes something. If it has taken nothing for `STUCK` seconds, it is killed
    then, and nobody waits for it.
4.  A call is answered by the worker that it was made at; if that ends before, it is told that it is to be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final

import trio
from msgspec.structs import replace

from cometary.errors import MailboxFullError
from cometary.packets.published import Published
from cometary.packets.receipts import Receipt, ReceiptLog
from cometary.workers.link import close_descriptor
from cometary.workers.messages import (
    Answered,
    Asked,
    Begins,
    Begun,
    Came,
    Handed,
    Message,
    Numbered,
    Numbering,
    Ready,
    Received,
    Went,
    encode,
)

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange
    from cometary.workers.common import Common
    from cometary.workers.link import Link

PAUSE: Final = 5.0
LOOKS: Final = 4
STORED: Final = 4
STUCK: Final = 1.0
LAST_CHANCE: Final = 0.1
"""Seconds: it may have been this process that did not get on."""

CROSSING: Final = 5.0
"""Seconds that a connection waits for its worker to take those before it."""

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
        common: what all workers have in common.

    Attributes:
        receipts: those of all workers: what is known of a packet is known still when its worker has ended.
    """

    def __init__(self, hangs: Callable[[int], object], common: Common) -> None:
        self._hangs = hangs
        self._common = common
        self.receipts = ReceiptLog()
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
        self._common.left(worker)
        self._tell_who_has_begun()
        for number, (asked, answered) in list(self._calls.items()):
            if asked == worker:
                del self._calls[number]
                answered(GONE)

    def take_at_once(self, worker: int, message: Message) -> bool:
        """Take what a worker has sent, if it is one of the commonest messages, and nothing has to be waited for."""
        match message:
            case Answered():
                _, answered = self._calls.pop(message.number, (0, _nobody))
                answered(message)
                return True
            case Published() if not any(self._links[each].keeps(STORED) for each in self._begun):
                payload = encode(message)
                for each in self._begun - {worker}:
                    self._links[each].put(payload)
                return True
            case _:
                return False

    async def take(self, worker: int, message: Message, descriptor: int) -> None:
        """Take what a worker has sent."""
        match message:
            case Published():
                await self._publish(worker, message)
            case Numbering():
                await self._number(worker, message)
            case Came():
                self._common.came(message)
                await self._publish(worker, message)
            case Went():
                self._common.went(message)
                await self._publish(worker, message)
            case Handed():
                await self._hand_over_in_time(message, descriptor)
            case Begins():
                self._begin(worker, message)
            case Received():
                self.receipts.add(Receipt(*message.receipt))
            case Ready():
                self._ready.add(worker)
            case _:
                raise AssertionError(f"a worker sends no {message}")

    def _begin(self, worker: int, message: Begins) -> None:
        link = self._links[worker]
        for copied in self._common.copy():  # in one turn: what comes from now on comes behind it
            link.put(copied)
        self._begun.add(worker)
        self._tell_who_has_begun()
        link.put(encode(message))

    async def _publish(self, publisher: int, message: Published | Came | Went) -> None:
        payload = encode(message)
        for worker in self._begun - {publisher}:
            link = self._links[worker] if worker in self._begun else None  # it may have ended meanwhile
            if link is not None:
                await self._room(worker, link)
                link.put(payload)  # in vain if it has ended

    async def _number(self, publisher: int, message: Numbering) -> None:
        for worker in list(self._begun):
            link = self._links.get(worker)
            if link is not None:
                await self._room(worker, link)
        # From here on in one turn: it goes to all or none, behind what has a lower number.
        number = self._common.number(message)
        payload = encode(Numbered(number, publisher, message.token, message.published))
        for worker in self._begun:
            self._links[worker].put(payload)

    async def _room(self, worker: int, link: Link) -> None:
        """Wait until a link has room, as long as its worker takes something (rule 3)."""
        while link.keeps(STORED):
            stuck_at = max(link.moved + STUCK, trio.current_time() + LAST_CHANCE)
            with trio.move_on_at(stuck_at if worker in self._ready else inf):
                await link.room(STORED)
            if link.keeps(STORED) and trio.current_time() >= link.moved + STUCK:
                if self._links.get(worker) is link:
                    self._hangs(worker)
                return

    async def watch(self, worker: int, link: Link) -> None:
        """Report when a worker hangs (rule 3), as long as it is there."""
        looks, sent = 0, 0
        while looks < LOOKS:
            await trio.sleep(PAUSE)
            stuck = worker in self._ready and (link.full or link.crowded) and link.sent == sent
            looks, sent = looks + 1 if stuck else 0, link.sent
        if self._links.get(worker) is link:
            self._hangs(worker)

    def _tell_who_has_begun(self) -> None:
        told = encode(Begun(tuple(sorted(self._begun))))
        for link in self._links.values():
            link.put(told)  # whatever waits: it is little

    async def _hand_over_in_time(self, message: Handed, descriptor: int) -> None:
        """Hand a connection over once there is room: whoever has more of them waits, and closes none."""
        link = self._links.get(message.worker) if message.worker in self._begun else None
        if message.fresh and link is not None and link.crowded:
            roomy = [each for each in sorted(self._begun) if not self._links[each].crowded]
            message = replace(message, worker=roomy[0]) if roomy else message
            link = None if roomy else link
        if link is not None and link.crowded:
            try:
                with trio.move_on_after(CROSSING):
                    await link.room_for_descriptors()
            except BaseException:
                close_descriptor(descriptor)
                raise
        self.hand_over(message, descriptor)

    def hand_over(self, message: Handed, descriptor: int) -> None:
        """Hand a connection over to the worker that it is for, or another one (rule 1)."""
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
        """Return whose turn it is; 0 if no worker takes clients, or is about to."""
        ready = self.ready or sorted(self._begun)
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
