"""One connection of a page, and all that can happen to it.

1.  An exchange is a request and its answer. It fails when the connection breaks, whoever broke it; the page sends the
    request again, here or on its other line.
2.  What breaks it on purpose was chosen when it was opened (`breaks.py`).
3.  A blackout takes all lines of a page at once. Each notices when it is next used, or at once if it waits.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import trio

from cometary.chaos.breaks import NEVER, Moment, choose_break
from cometary.chaos.habits import BYTE_PAUSE, NOTICING, TRICKLING
from cometary.chaos.wire import BROKEN, BrokenWireError, Reply, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.chaos.page import Page


class Line:
    """One connection, opened again whenever it is needed and broken.

    Args:
        page: whose it is.
        chance: what its troubles follow from.
    """

    def __init__(self, page: Page, chance: Random) -> None:
        self._page = page
        self._chance = chance
        self._wire: Wire | None = None
        self._break = NEVER
        self._era = 0

    async def exchange(self, data: bytes, written: Callable[[], None]) -> Reply | None:
        """Send a request and wait for its answer.

        Args:
            data: the request.
            written: called when all of it has been handed to the kernel.

        Returns:
            The answer; None if the connection broke (rule 1), after the pause that a page needs to notice.
        """
        if self._era != self._page.era:
            self._leave()
        reused = self._wire is not None
        try:
            with trio.CancelScope() as scope:
                wire = self._wire or await self._connect()
                scope.deadline = min(self._break.deadline, self._page.blackout)
                return await self._carry(wire, data, written)
        except BROKEN:
            stale = reused and self._wire is not None
            self.close()
            self._page.lost_line()
            if stale:  # the server closed it while it was idle, as servers do: another one, at once
                return None
        else:
            self._cut_by_time()
        await trio.sleep(self._chance.uniform(*NOTICING))
        return None

    async def _connect(self) -> Wire:
        page = self._page
        self._wire = wire = await Wire.connect(page.target, slow=page.habits.trickles > 0)
        if self._era != page.era:  # it was opened into a blackout
            raise BrokenWireError
        self.plan_break()
        return wire

    async def _carry(self, wire: Wire, data: bytes, written: Callable[[], None]) -> Reply:
        moment = self._moment()
        if moment is Moment.SENDING:
            await wire.send(data[: self._chance.randrange(len(data))])
            self._cut()
            raise BrokenWireError
        slow = not self._page.calm and self._chance.random() < self._page.habits.trickles
        await (self._trickle(wire, data) if slow else wire.send(data))
        written()
        if moment is not None:
            await wire.read(0 if moment is Moment.UNREAD else self._chance.randrange(1, 100))
            self._cut()
            raise BrokenWireError
        reply = await wire.receive(TRICKLING if slow else 0, BYTE_PAUSE)
        if not wire.kept:
            self.close()
        return reply

    async def _trickle(self, wire: Wire, data: bytes) -> None:
        self._page.note("slow")
        start = self._chance.randrange(len(data))
        await wire.send(data[:start])
        end = trio.current_time() + TRICKLING
        while start < len(data) and trio.current_time() < end:
            await trio.sleep(BYTE_PAUSE)
            await wire.send(data[start : start + 1])
            start += 1
        await wire.send(data[start:])

    # -- trouble --------------------------------------------------------------------------------

    def plan_break(self) -> None:
        """Choose how the connection ends."""
        page = self._page
        self._break = NEVER
        if page.habits.cuts and not page.calm:
            seconds = page.stretched(page.plan.kill_every)
            self._break = choose_break(self._chance, trio.current_time(), seconds)

    def _moment(self) -> Moment | None:
        """Return the moment at which the connection is to break in the exchange that begins, if it is to."""
        chosen = self._break
        if chosen.moment is Moment.WAITING or self._page.calm or trio.current_time() < chosen.at:
            return None
        return chosen.moment

    def _cut_by_time(self) -> None:
        page = self._page
        if trio.current_time() >= page.blackout:
            page.black_out()
        if self._era != page.era:
            self._leave()
        elif trio.current_time() >= self._break.at:
            self._cut()
        else:  # trouble was called off just when it was due; the exchange has been given up already
            self.close()
            page.lost_line()

    def _cut(self) -> None:
        """Break the connection in the way chosen for it."""
        self.close(reset=self._break.reset)
        self._page.cuts += 1
        self._page.note("broken")
        self._page.lost_line()

    def _leave(self) -> None:
        """Let go of the connection in a blackout: cut it, or, in half-open, neither close nor read it."""
        wire, self._wire = self._wire, None
        self._era = self._page.era
        if wire is None:
            return
        self._page.cuts += 1
        if self._page.habits.vanishes:
            self._page.note("left-open")
            self._page.zombies.leave(wire.sock)
        else:
            self._page.note("broken")
            wire.close(reset=True)

    def close(self, *, reset: bool = False) -> None:
        """Close the connection, if there is one."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close(reset=reset)
