"""The demo's application: its parts, put together."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import trio

from cometary.app import App
from cometary.demo.chat import Chat
from cometary.demo.delivery import Delivery
from cometary.demo.jobs import Jobs
from cometary.demo.monitor import declare
from cometary.demo.watching import Watching
from cometary.log import get_logger
from cometary.sessions.supervisor import CRASHES, PERIOD

if TYPE_CHECKING:
    from cometary.server import Running
    from cometary.sessions import Session

PAGE: Final = Path(__file__).parent / "page"

MARGIN: Final = 1.0
"""Seconds that may go by until the supervisor has noted a crash."""

logger = get_logger("cometary.demo")


class DemoCrash(Exception):  # noqa: N818 - it is no error: somebody asked for it
    """What the button "Crash my actor" is for."""


def crash(session: Session, _path: str, _message: object) -> None:
    """Crash the actor of this session, as an error in any handler would, unless that would end the session.

    Visitors press the button again and again. With one crash more than the supervisor of sessions puts up with, it
    would give this session up, before the eyes of somebody who is told that nothing is lost.
    """
    crashes: deque[float] = session.data.setdefault("crashes", deque(maxlen=CRASHES))
    now = trio.current_time()
    if len(crashes) == CRASHES and now - crashes[0] <= PERIOD + MARGIN:
        session.send("demo/spared", {"crashes": CRASHES, "seconds": PERIOD})
        return
    crashes.append(now)
    raise DemoCrash(f"{session.name} pressed the button")


async def announce(running: Running) -> None:
    """Say where the page is."""
    page = urljoin(running.comet, "/")
    logger.info("page is ready", text=f"The demo's page is {page}", page=page)
    await trio.sleep_forever()  # a task that returns would be started again


def make_app() -> App:
    """Make the application with all its parts, and nothing in it yet."""
    app = App()
    app.files("/", PAGE, follow_links=True)  # in a checkout the client's files are links
    app.packet("demo/crash")(crash)
    app.task(announce)
    chat = Chat(app)
    Delivery(app)
    Jobs(app, chat.sessions)
    Watching(app)
    declare(app)
    return app


app = make_app()
