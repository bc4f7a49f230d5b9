"""The application at the other end: it numbers what it gets, and sends it back.

`add_echo` gives the same handlers to a user's own application. `ledger.py` says what the numbers
are for. The count is part of the session's data, which survives the crash of its actor.
"""

from __future__ import annotations

import itertools
import os
import random
from typing import TYPE_CHECKING, Final, cast

import trio

from cometary.app import App
from cometary.chaos.endings import Endings

if TYPE_CHECKING:
    from cometary.server import Running
    from cometary.sessions import Session

UP: Final = "chaos/up"
"""Where pages send `[number, padding]`."""

DOWN: Final = "chaos/down"
"""Where the answers go: `[own number, number, padding]`."""

BEAT: Final = "chaos/beat/"
"""Below this goes `[which process, number]`, which pages get unasked."""

ROOM: Final = "chaos/room"
"""Where everybody listens: `[who shouts, its number, padding]`."""

GROUPS: Final = 50
"""Groups of pages, each with a beat of its own: all pages at once would be a different kind of load."""

BEAT_EVERY: Final = 5.0
"""Seconds between two beats of one group, from each process of the application."""

COUNT: Final = "chaos"
"""The key of the session's data."""


def add_echo(app: App, beat_every: float = BEAT_EVERY) -> None:
    """Add what `cometary chaos` expects of the application that it runs against.

    Only sessions that send to `chaos/up`, `chaos/room` and `chaos/end` notice.

    Args:
        app: the application.
        beat_every: seconds between two packets that such a session gets unasked from one process.
    """

    def shout(_session: Session, path: str, message: object) -> None:
        app.update(path, message)

    beats = itertools.count(1)  # a restart of the task goes on counting

    async def chaos_beat(_running: Running) -> None:
        for beat in beats:
            app.update(f"{BEAT}{beat % GROUPS}", [os.getpid(), beat // GROUPS])
            await trio.sleep(beat_every / GROUPS)

    Endings(app)
    app.packet(UP)(echo)
    app.packet(ROOM)(shout)
    app.task(chaos_beat)


def echo(session: Session, _path: str, message: object) -> None:
    """Send back what a page sends, with a number of its own; other messages are ignored."""
    if not isinstance(message, list):
        return
    data = session.data
    data[COUNT] = count = data.get(COUNT, 0) + 1
    if count == 1:
        session.connect(f"{BEAT}{random.randrange(GROUPS)}", ROOM)  # noqa: S311 - no secret
    session.send(DOWN, [count, *cast("list[object]", message)])


app = App()
add_echo(app)
