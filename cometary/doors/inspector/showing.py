"""What can be seen of this server, whoever looks: its own pages, or another node for its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio
from pykka import ActorDeadError

from cometary.doors.inspector import crashes, looks, sessions, tree
from cometary.doors.inspector.busiest import Busiest
from cometary.doors.inspector.counting import Counting
from cometary.doors.inspector.readings import Readings
from cometary.doors.questions import Heads, Listed, Look, Overview, write_answer
from cometary.errors import ProtocolError
from cometary.escapes import escapes
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.doors.door import Inside

REMEMBERED: Final = 3.0
"""Seconds for which another node that has looked counts as looking."""

MOST_ANSWERS: Final = 32
"""Answers to other nodes that are made at a time."""

logger = get_logger("cometary.doors")


class Showing:
    """Shows this server.

    Args:
        inside: the server.

    Attributes:
        readings: what its sessions do.
    """

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self.readings = Readings(inside.manager)
        self._counting = Counting()
        self._busiest = Busiest(inside.actors)
        self._asked_until = self._busiest_until = -1.0
        self._under_way = 0

    @property
    def is_asked(self) -> bool:
        """Whether another node looks at this one."""
        return trio.current_time() < self._asked_until

    async def take(self, *, busiest: bool) -> None:
        """Read anew what is read now and then.

        Args:
            busiest: whether a page here looks at what is busy.
        """
        self._busiest.want(busiest or trio.current_time() < self._busiest_until)
        await self.readings.take()

    async def count(self) -> None:
        """Count the messages of the actors that were in view, and no others."""
        await self._counting.look()

    async def rest(self) -> None:
        """Count nothing: nobody looks."""
        self._busiest.want(False)  # noqa: FBT003
        await self._counting.close()

    def stop(self) -> None:
        """Watch nothing any more."""
        self._busiest.want(False)  # noqa: FBT003

    def overview(self) -> dict[str, Any]:
        """Return what is shown at any time."""
        scheduler = self._inside.actors.scheduler.statistics()
        return {
            **self.readings.shown,
            "actors": len(self._inside.actors.actors),
            "ready": scheduler.ready,
            "longest_handler": scheduler.longest_handler,
            "ended": len(self._inside.manager.ended_sessions),
            "crashes": len(self._inside.crashes()),
            "state": self._inside.operations.state(),
            "worker": self._inside.worker,
        }

    async def look_at(self, look: looks.List | looks.Detail) -> dict[str, Any]:
        """Return what is seen of it.

        Raises:
            ProtocolError: it is not there.
            pykka.ActorDeadError: it has ended.
        """
        inside, readings = self._inside, self.readings
        match look:
            case looks.Tree():
                return await tree.listed(look, inside.root(), self._counting, readings.rates)
            case looks.Sessions():
                return await sessions.listed(look, inside.manager, readings)
            case looks.Ended():
                return await sessions.ended(look, inside.manager)
            case looks.OneActor():
                return await tree.one(look.urn, inside.actors, self._counting)
            case _:
                return self._look_at_once(look)

    def _look_at_once(
        self, look: looks.Busiest | looks.Crashes | looks.Crash | looks.Session
    ) -> dict[str, Any]:
        match look:
            case looks.Busiest():
                return self._busiest.listed(look)
            case looks.Crashes():
                return crashes.listed(look, self._inside.crashes())
            case looks.Crash():
                return crashes.one(look, self._inside.crashes())
            case looks.Session():
                return sessions.one(look, self._inside.manager, self.readings)

    async def heads(self, look: looks.Merged, most: int) -> Listed:
        """Return how long a list is, and the numbers by which its first lines are in order."""
        match look:
            case looks.Sessions():
                return Listed(*await sessions.heads(look, most, self._inside.manager, self.readings))
            case looks.Ended():
                return Listed(*await sessions.ended_heads(look, most, self._inside.manager))
            case looks.Crashes():
                return Listed(*crashes.heads(look, most, self._inside.crashes()))

    # -- for other nodes

    def answer(self, question: Overview | Look | Heads, said: Callable[[bytes | None], None]) -> None:
        """Answer another node later; at once that there is no answer, if too many are being made."""
        self._asked_until = trio.current_time() + REMEMBERED
        if isinstance(question, Look) and isinstance(question.look, looks.Busiest):
            self._busiest_until = self._asked_until
        if self._under_way >= MOST_ANSWERS:
            said(None)
            return
        self._under_way += 1
        self._inside.start_soon(self._answer, question, said)

    async def _answer(self, question: Overview | Look | Heads, said: Callable[[bytes | None], None]) -> None:
        answer: bytes | None = None
        try:
            answer = write_answer(await self._say(question))
        except BaseException as error:  # here it ends: raised further, it would end the actor system
            if escapes(error):
                raise
            logger.exception("look failed", text=f"Another node cannot be shown {question}")
        finally:
            self._under_way -= 1
            said(answer)

    async def _say(self, question: Overview | Look | Heads) -> object:
        if isinstance(question, Overview):
            await self.readings.take()
            return self.overview()
        if isinstance(question, Heads):
            return await self.heads(question.look, question.most)
        try:
            return await self.look_at(question.look)
        except (ProtocolError, ActorDeadError) as error:
            return gone_for(error)


def gone_for(error: ProtocolError | ActorDeadError) -> dict[str, Any]:
    """Return what a page is told in place of what is not there."""
    return gone(error.detail if isinstance(error, ProtocolError) else "This actor has ended.")


def gone(detail: str) -> dict[str, Any]:
    """Return what a page is told instead of what it wants to see."""
    return {"at": "gone", "detail": detail}
