"""How a server stops, step by step.

1.  New callers are left to the successor, if there is to be one; otherwise the ports stay open for now.
2.  Every session is told `shutdown` and signs off; one that is recorded is handed on. Those that have not signed off
    after `stop_grace` seconds are let go, and doors are told what they had not received.
3.  The server leaves the engine that records sessions: no session is here any more.
4.  The ports are closed, and each connection ends with its next answer. Then the server leaves its colleagues, which
    answer what its clients wait for, and doors are told.
5.  Doors and front end send what is still to be sent, for `LAST_ANSWERS` seconds at most; the traces come last.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from cometary.actors.scheduler import Scheduler
    from cometary.app.receipt_reader import ReceiptReader
    from cometary.cluster.engine import Engine as Cluster
    from cometary.server.colleagues import Colleagues
    from cometary.server.doors import Doors
    from cometary.server.front_end import FrontEnd
    from cometary.server.tracing import Tracing
    from cometary.sessions import SessionManager
    from cometary.settings import Settings

LAST_ANSWERS: Final = 5.0
"""Seconds for answers, and what the doors still send, to go out when the server stops."""

LAST_MOMENT: Final = 1.0
"""Seconds for what only waits for its turn on the loop, should one handler have taken all of the time."""


class Stopping:
    """Stops one server.

    Args:
        scheduler: runs its actors.
        manager: has its sessions.
        doors: those of the server.
        front_end: has its connections.
        colleagues: the other workers, or nodes.
        cluster: the engine that records sessions; None for none.
        tracing: writes traces; None if nobody wants any.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        manager: SessionManager,
        doors: Doors,
        front_end: FrontEnd,
        *,
        colleagues: Colleagues,
        cluster: Cluster | None,
        tracing: Tracing | None,
    ) -> None:
        self._scheduler = scheduler
        self._manager = manager
        self._doors = doors
        self._front_end = front_end
        self._colleagues = colleagues
        self._cluster = cluster
        self._tracing = tracing

    async def stop(self, settings: Settings, reader: ReceiptReader | None) -> None:
        """Stop it.

        Args:
            settings: those in force.
            reader: has handlers told of receipts; None if there are no such handlers.
        """
        self._front_end.leave_callers()
        await self._sign_off_all(settings, reader)
        await self._leave_colleagues()
        self._doors.sessions_ended()
        await self._send_the_last()
        if self._tracing is not None:
            await self._tracing.aclose()

    async def shut_down(self, settings: Settings) -> None:
        """Tell every session `shutdown`, spread as the settings say, and wait until all have signed off."""
        await self._manager.shut_down(spread=ceil(settings.drain) or None)

    async def _sign_off_all(self, settings: Settings, reader: ReceiptReader | None) -> None:
        with trio.move_on_after(settings.stop_grace) as grace:
            await self.shut_down(settings)
        last_moment = max(grace.deadline, trio.current_time() + LAST_MOMENT)
        while self._scheduler.ready and trio.current_time() < last_moment:
            await trio.lowlevel.checkpoint()
        for session, reason, undelivered in self._manager.abandon():
            self._doors.abandoned(session, reason, undelivered)
        if reader is not None:
            with trio.move_on_at(last_moment):
                await reader.caught_up()

    async def _leave_colleagues(self) -> None:
        if self._cluster is not None:
            await self._cluster.leave()
        await self._front_end.drain()
        await self._colleagues.leave()

    async def _send_the_last(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._doors.aclose, LAST_ANSWERS)
            await self._front_end.aclose(LAST_ANSWERS)
