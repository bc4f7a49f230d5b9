"""The demo's application: its parts, put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import trio

from cometary.app import App
from cometary.demo.chat import Chat
from cometary.demo.delivery import Delivery
from cometary.demo.jobs import Jobs
from cometary.demo.watching import Watching
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.server import Running
    from cometary.sessions import Session

PAGE: Final = Path(__file__).parent / "page"

logger = get_logger("cometary.demo")


class DemoCrash(Exception):  # noqa: N818 - it is no error: somebody asked for it
    """What the button "Crash my actor" is for."""


def crash(session: Session, _path: str, _message: object) -> None:
    """Crash the actor of this session, as an error in any handler would."""
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
    return app


app = make_app()
