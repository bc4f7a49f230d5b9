"""What stands before the nodes, as nginx or HAProxy do: each request goes to the next node.

1.  A request whose connection is refused, or breaks before there is an answer, goes to the next node, once to each:
    what comes twice to a session counts once. If no node answers, its page has to make it again. A request that was
    held for a while begins anew: otherwise a held poll would not survive a restart of each node.
2.  Connections are kept, and used for the next request. One that was closed meanwhile is made anew.
3.  Every half a second each node is asked for something. One that does not answer in time, twice in a row, is down:
    it gets no requests until it answers again, and those that it has go to another one. A node whose address refuses
    connections gets no requests, either; but it may be about to stop, and answers those that it has.
4.  If all are down, all are tried.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.wire import BROKEN, BrokenWireError, Reply, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.chaos.shared import Target

EVERY: Final = 0.5
"""Seconds between two looks."""

IN_TIME: Final = 2.0
"""Seconds in which a node has to answer."""

LATE: Final = 0.25
"""Seconds by which this process may be late, and still know that it was the node."""

HELD: Final = 1.0
"""Seconds after which a request counts as held, rather than just failed."""

FALLS: Final = 2
"""Looks without an answer after which a node is down."""

OK: Final = 200
NOTHING: Final = b"{}"
"""A body that a node refuses at once."""


class Behind:
    """One node, as the balancer sees it.

    Args:
        name: its name.
        target: where it is.

    Attributes:
        name: the same.
        up: whether it gets requests.
        answered: how many it has answered without an error.
        target: the same.
    """

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self.up = True
        self.answered = 0
        self.target = target
        self._idle: list[Wire] = []
        self._busy = set[trio.CancelScope]()
        self._missed = 0

    async def exchange(self, data: bytes, written: Callable[[], object]) -> Reply:
        """Have a request answered.

        Raises:
            OSError: it does not answer; other errors of `BROKEN` likewise.
        """
        while self._idle:
            try:
                return await self._carry(self._idle.pop(), data, written)
            except BROKEN:
                if not self.up:
                    raise
        try:
            wire = await Wire.connect(self.target)
        except OSError:
            self.rests()
            raise
        return await self._carry(wire, data, written)

    async def _carry(self, wire: Wire, data: bytes, written: Callable[[], object]) -> Reply:
        kept = False
        scope = trio.CancelScope()
        try:
            with scope:
                self._busy.add(scope)
                await wire.send(data)
                written()
                reply = await wire.receive()
                kept = wire.kept and self.up
                self.answered += reply.status == OK
                return reply
            raise BrokenWireError  # it is down (rule 3)
        finally:
            self._busy.discard(scope)
            if kept:
                self._idle.append(wire)
            else:
                wire.close()

    def rests(self) -> None:
        """Send it no more requests."""
        self.up = False
        self.hang_up()

    def falls(self) -> None:
        """The same, and expect no more answers."""
        if self.up:
            self.rests()
            for scope in [*self._busy]:
                scope.cancel()

    def hang_up(self) -> None:
        """Close the unused connections."""
        idle, self._idle = self._idle, []
        for wire in idle:
            wire.close()

    async def look(self) -> None:
        """See whether it answers (rule 3)."""
        due = trio.current_time() + IN_TIME
        try:
            with trio.fail_at(due), closing(await Wire.connect(self.target)) as wire:
                await wire.send(self.target.request(NOTHING))
                await wire.receive()
        except ConnectionRefusedError:
            self.rests()
        except (*BROKEN, trio.TooSlowError):
            if trio.current_time() > due + LATE:
                return  # it is this process that was late
            self._missed += 1
            if self._missed >= FALLS:
                self.falls()
        else:
            self._missed = 0
            self.up = True


class Balancer:
    """It.

    Args:
        behind: the nodes.

    Attributes:
        behind: the same.
        again: how many requests went to another node.
    """

    def __init__(self, behind: Sequence[Behind]) -> None:
        self.behind = behind
        self.again = 0
        self._next = 0

    async def exchange(self, data: bytes, written: Callable[[], object]) -> Reply | None:
        """Have a request answered by the next node; None if nobody answers (rule 1)."""
        turns = self._by_turns()
        while turns:
            node, since = turns.pop(0), trio.current_time()
            try:
                return await node.exchange(data, written)
            except BROKEN:
                self.again += 1
            if trio.current_time() > since + HELD:
                turns = [other for other in self._by_turns() if other is not node]
        return None

    def _by_turns(self) -> list[Behind]:
        first = self._next
        self._next = (first + 1) % len(self.behind)
        turns = [*self.behind[first:], *self.behind[:first]]
        return [node for node in turns if node.up] or turns

    async def answers(self) -> float | None:
        """Return how many seconds an answer that costs nothing takes; None if none comes."""
        since, target = trio.current_time(), self.behind[0].target
        reply = await self.exchange(target.request(NOTHING), lambda: None)
        return None if reply is None else trio.current_time() - since

    async def run(self) -> None:
        """Watch the nodes until cancelled."""
        async with trio.open_nursery() as nursery:
            for node in self.behind:
                nursery.start_soon(self._look_after, node)

    async def _look_after(self, node: Behind) -> None:
        while True:
            await trio.sleep(EVERY)
            await node.look()

    def close(self) -> None:
        """Close all connections."""
        for node in self.behind:
            node.hang_up()
