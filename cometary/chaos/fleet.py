"""All pages of a run."""

from __future__ import annotations

import heapq
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import trio

from cometary.chaos.guest import Guest
from cometary.chaos.guests import page_or_guest
from cometary.chaos.habits import MODES
from cometary.chaos.ledger import Counts, total
from cometary.chaos.page import Page
from cometary.chaos.plan import Plan
from cometary.chaos.shared import Shared, Target

AT_ONCE: Final = 64
"""Sessions that are opened, or closed, at the same time."""

LOOK: Final = 0.1
"""Seconds between two looks at whether everything has come home."""

OPENING: Final = 20.0
"""Seconds within which one more session has to open."""

GRACE: Final = 2.0
"""Seconds beyond its die timer within which the server closes the connections of vanished peers."""


class Fleet:
    """The pages.

    Args:
        plan: what the run is to do.
        target: where they connect.
        seed: what all their troubles follow from.
        shared: where what they measure goes.
    """

    def __init__(self, plan: Plan, target: Target, seed: int, shared: Shared) -> None:
        self.shared = shared
        self.opened = 0
        self._calm = False
        self.pages: list[Page | Guest] = []
        for number in range(plan.sessions):
            chance = Random(f"{seed}/{number}")  # noqa: S311 - to be repeated, not secret
            self.pages.append(page_or_guest(plan, target, plan.habits(number), chance, shared))
        self._vanishing = any(habits.vanishes for habits in MODES[plan.mode])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Open all sessions, and have the pages do what they do until the end of the block; then close."""
        try:
            await self._open_all()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.shared.zombies.sweep)
                async with trio.open_nursery() as pages:
                    for page in self.pages:
                        pages.start_soon(page.run)
                    pages.start_soon(self._send)
                    yield
                    pages.cancel_scope.cancel()
                await self._each(_close)
                if self._vanishing:
                    await self.shared.zombies.gone(self.pages[0].die + GRACE)
                nursery.cancel_scope.cancel()
        finally:
            for page in self.pages:
                page.hang_up()

    async def _send(self) -> None:
        """Have every page send when it is due; one task for all of them, since a task each costs more."""
        due = [(page.next_sending(), number) for number, page in enumerate(self.pages)]
        heapq.heapify(due)
        while not self._calm:
            await trio.sleep_until(due[0][0])
            now = trio.current_time()
            while due[0][0] <= now:
                number = due[0][1]
                page = self.pages[number]
                idle = page.calm or page.orphaned or page.ended is not None
                heapq.heapreplace(due, (page.next_sending() if idle else page.send(), number))

    async def _open_all(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._give_up_opening)
            await self._each(self._open)
            nursery.cancel_scope.cancel()

    async def _give_up_opening(self) -> None:
        """Give up once no more sessions open: a page that is refused for now would try for ever."""
        opened = -1
        while opened != self.opened:
            opened = self.opened
            await trio.sleep(OPENING)
        refused = ", ".join(f"{count} times {name}" for name, count in sorted(self.shared.refusals.items()))
        why = f"the server refused, {refused}" if refused else "it does not answer"
        self.shared.give_up(
            f"{opened} of {len(self.pages)} sessions are open, and no other in {OPENING:.0f} s: {why}"
        )

    async def _open(self, page: Page | Guest) -> None:
        await page.open()
        self.opened += 1

    async def _each(self, work: Callable[[Page | Guest], Awaitable[None]]) -> None:
        """Do `work` with every page, a number of them at a time."""
        pages = iter(self.pages)

        async def do_some() -> None:
            for page in pages:
                await work(page)

        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(do_some)

    def calm_down(self) -> None:
        """Let no page make trouble or send any more."""
        self._calm = True
        for page in self.pages:
            page.calm_down()

    async def come_home(self, seconds: float) -> None:
        """Wait until nothing is out any more, as long as something keeps coming home within so many seconds."""
        least = math.inf
        with trio.CancelScope() as scope:
            while out := sum(page.ledger.outstanding for page in self.pages if page.ended is None):
                if out < least:
                    least, scope.deadline = out, trio.current_time() + seconds
                await trio.sleep(LOOK)  # no page should have to say so

    # -- what is told of it -----------------------------------------------------------------------

    @property
    def cuts(self) -> int:
        """How many connections were broken on purpose."""
        return sum(page.cuts for page in self.pages)

    @property
    def outstanding(self) -> int:
        """How many packets are out."""
        return sum(page.ledger.outstanding for page in self.pages)

    @property
    def excused(self) -> int:
        """How many packets were lost or doubled as their wire allows."""
        return sum(page.ledger.excused for page in self.pages)

    def up(self) -> Counts:
        """Return what is known of the way up."""
        return total(page.up() for page in self.pages)

    def down(self) -> Counts:
        """Return what is known of the way down."""
        return total(page.down() for page in self.pages)


async def _close(page: Page | Guest) -> None:
    await page.close()
