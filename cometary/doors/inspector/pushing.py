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

from cometary.doors.inspector import looks
from cometary.doors.inspector.everywhere import Everywhere
from cometary.doors.inspector.showing import Showing, gone, gone_for
from cometary.errors import ProtocolError
from cometary.escapes import escapes
from cometary.log import get_logger
from cometary.packets.contract import Declared, declare, make_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cometary.doors.door import Inside
    from cometary.doors.questions import Heads, Look, Overview
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

    Attributes:
        showing: shows it, to other nodes as well.
    """

    def __init__(self, inside: Inside) -> None:
        self.showing = Showing(inside)
        self._everywhere = Everywhere(inside.others, self.showing)
        self._viewers: dict[str, Viewer] = {}
        self._news = trio.Event()

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
                looked_at = bool(self._viewers) or self.showing.is_asked
                if looked_at:
                    await self._tell_all()
                else:
                    await self.showing.rest()
                with trio.move_on_after(EVERY if looked_at else float("inf")):
                    await self._news.wait()
                self._news = trio.Event()
        finally:
            self.showing.stop()

    def answer(self, question: Overview | Look | Heads, said: Callable[[bytes | None], None]) -> None:
        """Tell another node, later."""
        if not (self._viewers or self.showing.is_asked):
            self._news.set()
        self.showing.answer(question, said)

    async def _tell_all(self) -> None:
        await self.showing.take(busiest=any(isinstance(look, looks.Busiest) for look in self._all_looks()))
        overview = await self._everywhere.overview() if self._viewers else {}
        for viewer in list(self._viewers.values()):
            viewer.tell(OVERVIEW, overview)
            for path, look in list(viewer.looks.items()):
                await self._tell(viewer, path, look)
        await self.showing.count()

    def _all_looks(self) -> Iterable[looks.List | looks.Detail]:
        return [look for viewer in self._viewers.values() for look in viewer.looks.values()]

    async def _tell(self, viewer: Viewer, path: str, look: looks.List | looks.Detail) -> None:
        failed = False
        try:
            frame = await self._everywhere.look_at(look)
        except (ProtocolError, ActorDeadError) as error:
            frame = gone_for(error)
        except BaseException as error:
            if escapes(error):
                raise
            logger.exception("look failed", text=f"The inspector cannot show {look}")
            failed, frame = True, gone("This cannot be shown; the server's log says why.")
        if viewer.looks.get(path) is look:  # otherwise the page has meanwhile turned to something else
            viewer.tell(path.removeprefix(LOOK), frame)
            if failed:
                del viewer.looks[path]
