"""The task that tells pages what they look at: once a second, and at once when one looks at something else.

1.  A page is told only what differs from what it was told last.
2.  A slow page is told less often, not later: only the latest of what waits for it is kept (`CONTRACTS`).
3.  What is gone (an actor that has ended) is reported as such. Any other error, such as one in a user's object that
    is looked at, is logged; the page is told that there was one, and the look is not repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio
from pykka import ActorDeadError

from cometary.doors.inspector import crashes, looks, sessions, tree
from cometary.doors.inspector.busiest import Busiest
from cometary.doors.inspector.counting import Counting
from cometary.doors.inspector.readings import Readings
from cometary.errors import ProtocolError
from cometary.escapes import escapes
from cometary.log import get_logger
from cometary.packets.contract import Declared, declare, make_contract

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.doors.door import Inside
    from cometary.sessions import Packet, Session

EVERY: Final = 1.0
"""Seconds."""

LOOK: Final = "look/"
SEEN: Final = "seen/"
OVERVIEW: Final = "overview"
"""What every page is told, whatever it looks at."""

CONTRACTS: Final[list[Declared]] = []
declare(CONTRACTS, "seen/*", make_contract("conflate"))

logger = get_logger("cometary.doors")


class Viewer:
    """One page.

    Args:
        session: its session.

    Attributes:
        looks: what it looks at, by the paths on which it has said so.
        told: what it was told last, by path.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.looks: dict[str, looks.List | looks.Detail] = {}
        self.told: dict[str, Any] = {}

    def tell(self, what: str, frame: Any) -> None:
        """Tell it something, unless it knows already."""
        if self.told.get(what) != frame:
            self.told[what] = frame
            self.session.send(SEEN + what, frame)


class Pushing:
    """Tells all pages.

    Args:
        inside: the server that they look at.
    """

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._viewers: dict[str, Viewer] = {}
        self._news = trio.Event()
        self._readings = Readings(inside.manager)
        self._counting = Counting()
        self._busiest = Busiest(inside.actors)

    def add(self, session: Session) -> None:
        """Tell one more page."""
        self._viewers[session.name] = Viewer(session)
        self._news.set()

    def look(self, session: Session, packet: Packet) -> None:
        """Take note of what a page wants to see from now on."""
        viewer = self._viewers[session.name]
        what = packet.path.removeprefix(LOOK)
        try:
            wanted = looks.read_look(packet.path, packet.message)
        except ProtocolError as error:
            wanted = None
            viewer.tell(what, gone(error.detail))
        viewer.told.pop(what, None)
        if wanted is None:
            viewer.looks.pop(packet.path, None)
        else:
            viewer.looks[packet.path] = wanted
        self._news.set()

    def remove(self, session: Session) -> None:
        """Stop telling a page: it has gone."""
        self._viewers.pop(session.name, None)
        self._news.set()

    async def run(self) -> None:
        """Tell all pages, again and again, while there are any."""
        try:
            while True:
                if self._viewers:
                    await self._tell_all()
                else:
                    self._busiest.want(False)  # noqa: FBT003
                    await self._counting.close()
                with trio.move_on_after(EVERY if self._viewers else float("inf")):
                    await self._news.wait()
                self._news = trio.Event()
        finally:
            self._busiest.want(False)  # noqa: FBT003

    async def _tell_all(self) -> None:
        self._busiest.want(any(isinstance(look, looks.Busiest) for look in self._all_looks()))
        await self._readings.take()
        for viewer in list(self._viewers.values()):
            viewer.tell(OVERVIEW, self._overview())
            for path, look in list(viewer.looks.items()):
                await self._tell(viewer, path, look)
        await self._counting.look()

    def _all_looks(self) -> Iterable[looks.List | looks.Detail]:
        return [look for viewer in self._viewers.values() for look in viewer.looks.values()]

    def _overview(self) -> dict[str, Any]:
        scheduler = self._inside.actors.scheduler.statistics()
        return {
            **self._readings.shown,
            "actors": len(self._inside.actors.actors),
            "ready": scheduler.ready,
            "longest_handler": scheduler.longest_handler,
            "ended": len(self._inside.manager.ended_sessions),
            "crashes": len(self._inside.crashes()),
            "state": self._inside.operations.state(),
            "worker": self._inside.worker,
        }

    async def _tell(self, viewer: Viewer, path: str, look: looks.List | looks.Detail) -> None:
        failed = False
        try:
            frame = await self._look_at(look)
        except (ProtocolError, ActorDeadError) as error:
            frame = gone(error.detail if isinstance(error, ProtocolError) else "This actor has ended.")
        except BaseException as error:
            if escapes(error):
                raise
            logger.exception("look failed", text=f"The inspector cannot show {look}")
            failed, frame = True, gone("This cannot be shown; the server's log says why.")
        if viewer.looks.get(path) is look:  # otherwise the page has meanwhile turned to something else
            viewer.tell(path.removeprefix(LOOK), frame)
            if failed:
                del viewer.looks[path]

    async def _look_at(self, look: looks.List | looks.Detail) -> dict[str, Any]:
        inside, readings = self._inside, self._readings
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
                return sessions.one(look, self._inside.manager, self._readings)


def gone(detail: str) -> dict[str, Any]:
    """Return what a page is told instead of what it wants to see."""
    return {"at": "gone", "detail": detail}
