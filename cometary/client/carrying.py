"""A stream that carries what comes for a session, in place of held requests: attached again whenever it ends.

1.  It is attached before any request goes out, so that none of these takes its place. Requests that are sent from then
    on are not held.
2.  One that has ended soon is attached again after a pause, which grows; meanwhile requests are held, as without one.
    Why it has ended does not matter: the requests learn what is wrong with the session.
3.  What it has brought is acknowledged every 16 packets, with each request, and after a second.
4.  All that it brings is of the generation that its hello has said. One of an older generation than that of an answer
    is of no further use. One of a newer generation brings nothing before the client has said where it is, as it does at
    once.
5.  It is not left while what it has brought is being taken, which may have to wait: that counts as received already, so
    it does not come again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import trio

from cometary.client.streams import LineReader
from cometary.supervision.restart_policy import Backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.client.line import Line
    from cometary.client.streams import StreamBody
    from cometary.client.way import Way

ACKNOWLEDGE: Final = 1.0
"""Seconds."""

LASTING: Final = 5.0
"""Seconds after which a stream has not ended soon."""

PAUSES: Final = Backoff(min=0.1, max=30, jitter=0.5)


class Carrying:
    """The stream of one session.

    Args:
        way: to the server.
        line: the session.
    """

    def __init__(self, way: Way, line: Line) -> None:
        self._way = way
        self._line = line
        self._reader = LineReader()
        self._generation = 0
        self._newest = 0  # of any answer
        self._scope = trio.CancelScope()
        self._taking = False

    async def run(self) -> None:
        """Keep one attached, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._acknowledge)
            soon = 0
            while True:
                began = trio.current_time()
                await self._follow()
                soon = soon + 1 if trio.current_time() < began + LASTING else 0
                if soon:
                    self._line.detach()
                    await trio.sleep(PAUSES.delay(soon - 1))

    async def _follow(self) -> None:
        self._reader, self._generation = LineReader(), 0
        with trio.CancelScope() as self._scope:
            await self._way.follow(self._line.attachment(), self._take)

    async def _acknowledge(self) -> None:
        while True:
            await trio.sleep(ACKNOWLEDGE)
            self._line.acknowledge()

    def outlived(self, generation: int) -> None:
        """Take note of the generation of an answer (rule 4)."""
        self._newest = max(self._newest, generation)
        if self._is_outlived and not self._taking:  # else it ends when that is over (rule 5)
            self._scope.cancel()

    @property
    def _is_outlived(self) -> bool:
        return 0 < self._generation < self._newest

    async def _take(self, piece: bytes) -> bool:
        """Take a piece of the stream; returns whether it is to go on."""
        try:
            bodies = self._reader.feed(piece)
        except msgspec.DecodeError:
            return False
        self._taking = True
        try:
            return await self._take_bodies(bodies)
        finally:
            self._taking = False

    async def _take_bodies(self, bodies: Sequence[StreamBody]) -> bool:
        for body in bodies:
            self._generation = body.gen or self._generation
            if body.error or not await self._line.carried(body, self._generation) or self._is_outlived:
                return False
        return True
