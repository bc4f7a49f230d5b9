"""Two numbered streams, one each way, in which any packet that was lost or doubled would show.

The server sends every page the same heartbeat, and the page checks it. The page sends ticks, and
the server checks them: the tally is among the session's data, which survives its actor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.server import Running
    from cometary.sessions import Session

HEARTBEAT: Final = 1.0
"""Seconds between two heartbeats."""


@dataclass(slots=True)
class Tally:
    """What has come of a stream that is numbered from 1, from wherever it was joined."""

    first: int | None = None
    last: int | None = None
    received: int = 0
    lost: int = 0
    doubled: int = 0

    def count(self, number: int) -> None:
        """Take note of one more packet of the stream."""
        self.received += 1
        if self.first is None or self.last is None:
            self.first = expected = number
        else:
            expected = self.last + 1
        if number < expected:
            self.doubled += 1
        else:
            self.lost += number - expected
            self.last = number

    def as_dict(self) -> dict[str, int]:
        """Return what the page shows of it."""
        before = 0 if self.first is None else self.first - 1
        return {"received": self.received, "lost": self.lost, "doubled": self.doubled, "before": before}


class Delivery:
    """Both streams.

    Args:
        app: the application that it is a part of.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._beat = 0
        app.signon(self.begin)
        app.packet("delivery/tick")(self.tick)
        app.task(self.heartbeat)

    def begin(self, session: Session) -> None:
        """Let a new session have the heartbeat."""
        session.connect("delivery/beat")

    def tick(self, session: Session, _path: str, message: object) -> None:
        """Count one tick of a page, and tell it the tally."""
        if isinstance(message, int):
            tally: Tally = session.data.setdefault("ticks", Tally())
            tally.count(message)
            session.send("delivery/ticked", tally.as_dict())

    async def heartbeat(self, _running: Running) -> None:
        """Send the heartbeat for as long as the server runs; a restart goes on counting."""
        while True:
            self._beat += 1
            self._app.update("delivery/beat", self._beat)
            await trio.sleep(HEARTBEAT)
